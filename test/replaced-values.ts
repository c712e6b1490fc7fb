import * as fc from "fast-check";

/** Where a value stands in an object. */
export type Place = readonly (string | number)[];

/** The places of all values in a value, its own (the empty one) first. */
export function placesOf(value: unknown, at: Place = []): Place[] {
  if (typeof value !== "object" || value === null) return [at];
  return [
    at,
    ...Object.entries(value).flatMap(([key, inner]) =>
      placesOf(inner, [...at, Array.isArray(value) ? Number(key) : key]),
    ),
  ];
}

/** A copy that has another value in a place. */
export function replaced(value: unknown, [step, ...rest]: Place, by: unknown): unknown {
  if (step === undefined) return by;
  const inner: unknown = Reflect.get(value as object, step);
  const next = replaced(inner, rest, by);
  return Array.isArray(value) ? value.with(Number(step), next) : { ...(value as object), [step]: next };
}

/** Whatever somebody may write, hostile texts above all. */
export const anyValue: fc.Arbitrary<unknown> = fc.oneof(
  fc.jsonValue({ maxDepth: 3 }),
  fc.string({ unit: "binary", maxLength: 80 }),
  fc.constantFrom(
    "\n\u001b[2J\u202e",
    "x".repeat(1 << 20),
    -1,
    1e308,
    NaN,
    "__proto__",
    JSON.parse('{"__proto__":{"x":1},"constructor":"y"}'),
    Array.from({ length: 1000 }, () => null),
    new Date(NaN),
    undefined,
  ),
);
