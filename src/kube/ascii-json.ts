/**
 * JSON, all of it in ASCII: the same to whoever parses it, and whatever a name holds, a terminal shows it and does
 * nothing else. `indent` is that of `JSON.stringify`.
 */
export function asciiJson(value: object | string, indent = 0): string {
  return JSON.stringify(value, null, indent).replace(
    /[\u007f-\uffff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
