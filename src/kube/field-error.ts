/** One step into an object: a field's name or a list index. */
export type PathStep = string | number;

/**
 * An error in one field, in Kubernetes' words (apimachinery `field.Error`):
 * `spec.ingress[0].ports[0].port: Invalid value: 70000: must be between 1 and 65535, inclusive`.
 * `message` is everything after the path; hostile text in it is already quoted and shortened.
 */
export interface FieldError {
  readonly path: readonly PathStep[];
  readonly message: string;
}

export type FieldPath = readonly PathStep[];

/** The longest text of a value that a message repeats. */
const longestQuoted = 128;

// Controls, line and paragraph separators, bidirectional overrides and half surrogates: whatever could break a line,
// a log or a terminal.
const unprintable = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}]/gu;

function escapeUnprintable(text: string): string {
  return text.replace(unprintable, (character) => {
    const code = character.codePointAt(0) ?? 0;
    return code > 0xffff ? `\\U${code.toString(16).padStart(8, "0")}` : `\\u${code.toString(16).padStart(4, "0")}`;
  });
}

/** Text in double quotes, escaped like Go's %q, cut after 128 characters: safe to print. */
export function quoteText(text: string): string {
  const cut = text.length > longestQuoted;
  const shown = cut ? text.slice(0, longestQuoted) : text;
  return `${escapeUnprintable(JSON.stringify(shown))}${cut ? `... (${text.length} characters)` : ""}`;
}

/** Any value from outside, as a message may repeat it. Never longer than a line. */
export function quoteValue(value: unknown): string {
  if (value === null || value === undefined) return "null";
  switch (typeof value) {
    case "string":
      return quoteText(value);
    case "number":
    case "boolean":
    case "bigint":
      return String(value).slice(0, longestQuoted);
    default:
      return Array.isArray(value)
        ? `[${value.slice(0, 4).map(quoteItem).join(",")}${value.length > 4 ? ",..." : ""}]`
        : "{...}";
  }
}

function quoteItem(value: unknown): string {
  return typeof value === "object" && value !== null ? "..." : quoteValue(value);
}

const plainStep = /^[A-Za-z][A-Za-z0-9]{0,63}$/;

/** `spec.ingress[0].from[1].podSelector`; a step that is no plain field name stands in brackets, as Kubernetes writes map keys. */
export function formatPath(path: FieldPath): string {
  let text = "";
  for (const step of path) {
    if (typeof step === "number") text += `[${step}]`;
    else if (plainStep.test(step)) text += text === "" ? step : `.${step}`;
    else text += `[${/^[A-Za-z0-9._/-]{1,320}$/.test(step) ? step : quoteText(step)}]`;
  }
  return text === "" ? "<nil>" : text;
}

/** `path: message`. Safe to print. */
export function fieldErrorText(error: FieldError): string {
  return `${formatPath(error.path)}: ${error.message}`;
}

function withDetail(head: string, detail: string): string {
  return detail === "" ? head : `${head}: ${detail}`;
}

/** A value that is malformed or out of bounds. `detail` must be our own text. */
export function invalid(path: FieldPath, value: unknown, detail: string): FieldError {
  return { path, message: withDetail(`Invalid value: ${quoteValue(value)}`, detail) };
}

export function required(path: FieldPath, detail: string): FieldError {
  return { path, message: withDetail("Required value", detail) };
}

/** A value that is none of an enumeration. */
export function notSupported(path: FieldPath, value: unknown, supported: readonly string[]): FieldError {
  const list = supported.map((one) => `"${one}"`).join(", ");
  return { path, message: withDetail(`Unsupported value: ${quoteValue(value)}`, `supported values: ${list}`) };
}

export function forbidden(path: FieldPath, detail: string): FieldError {
  return { path, message: withDetail("Forbidden", detail) };
}

export function duplicate(path: FieldPath, value: unknown): FieldError {
  return { path, message: `Duplicate value: ${quoteValue(value)}` };
}

function jsonType(value: unknown): string {
  if (value === null || value === undefined) return "null";
  if (Array.isArray(value)) return "array";
  // What does not fit 64 bits is a float to the API server.
  if (typeof value === "number") return Number.isInteger(value) && Math.abs(value) < 2 ** 63 ? "integer" : "number";
  return typeof value;
}

/** A value of the wrong JSON type, in the words of the schema validation of the API server. */
export function wrongType(path: FieldPath, value: unknown, expected: string): FieldError {
  const type = jsonType(value);
  return {
    path,
    message: `Invalid value: "${type}": ${formatPath(path)} in body must be of type ${expected}: "${type}"`,
  };
}
