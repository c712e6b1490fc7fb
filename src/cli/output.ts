import { once } from "node:events";
import { printable } from "../observe/printable.ts";

/** Writes data to stdout, and waits while its reader is slower than we are. */
export async function writeOut(text: string): Promise<void> {
  if (text !== "" && !process.stdout.write(text)) await once(process.stdout, "drain");
}

/** Talk goes to stderr. The text may hold names from manifests. */
export function say(text: string): void {
  process.stderr.write(`portcullis: ${printable(text, 2000)}\n`);
}
