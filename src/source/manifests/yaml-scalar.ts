/*
 * Scalars as kubectl reads them. It uses sigs.k8s.io/yaml, whose reader (a fork of go-yaml 2) knows most of YAML 1.1
 * and turns the result into JSON: yes, no, on, off, y and n are booleans, 017 and 0o17 are 15, but 1:30 (a number of
 * base 60 in YAML 1.1) and dates are strings.
 */

export type Scalar = string | number | boolean | null;

const words: ReadonlyMap<string, boolean | null> = new Map<string, boolean | null>([
  ...["y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"].map((word) => [word, true] as const),
  ...["n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"].map((word) => [word, false] as const),
  ...["", "~", "null", "Null", "NULL"].map((word) => [word, null] as const),
]);

const integer = /^([-+]?)(0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO]?[0-7]+|0|[1-9][0-9]*)$/;
const float = /^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$/;
/** Longer ones are numbers to go-yaml too, but no field of ours takes them; a string says the same to a decoder. */
const longestNumber = 400;

function parseInteger(text: string): number | null {
  const match = integer.exec(text);
  if (match === null) return null;
  const digits = match[2] ?? "";
  const octal = /^0[oO]?([0-7]+)$/.exec(digits);
  const value = octal === null ? Number(digits) : Number(`0o${octal[1] ?? "0"}`);
  return match[1] === "-" && value !== 0 ? -value : value;
}

/** The value of a plain (unquoted) scalar without a tag. */
export function resolvePlain(text: string): Scalar {
  const word = words.get(text);
  if (word !== undefined) return word;
  const first = text.charCodeAt(0);
  const numeric = (first >= 48 && first <= 57) || first === 43 || first === 45 || first === 46;
  if (!numeric || text.length > longestNumber) return text;
  // go-yaml drops underscores from what starts with a digit or sign, not from what starts with a point.
  const plain = first === 46 ? text : text.replaceAll("_", "");
  const whole = parseInteger(plain);
  if (whole !== null) return Number.isFinite(whole) ? whole : text;
  if (!float.test(plain)) return text;
  const value = Number(plain);
  return Number.isFinite(value) ? value : text;
}

/** The value of a scalar with one of YAML's own tags; undefined where the text does not fit the tag. */
export function resolveTagged(tag: string, text: string): Scalar | undefined {
  if (tag === "str") return text;
  const value = resolvePlain(text);
  switch (tag) {
    case "null":
      return value === null ? null : undefined;
    case "bool":
      return typeof value === "boolean" ? value : undefined;
    case "int":
      return typeof value === "number" && Number.isInteger(value) ? value : undefined;
    case "float":
      return typeof value === "number" ? value : undefined;
    case "timestamp":
      return text;
    default:
      return undefined;
  }
}

/** How a scalar that is a key of a mapping is spelled in JSON; null where sigs.k8s.io/yaml refuses it. */
export function keyText(value: Scalar): string | null {
  return value === null ? null : String(value);
}
