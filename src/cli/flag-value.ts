import type { Read } from "../agent/setting-values.ts";
import { UsageError } from "./exit.ts";

/** The value of a flag; throws UsageError with the flag's name where it is none. */
export function flagValue<T>(flag: string, read: Read<T>): T {
  if (!read.ok) throw new UsageError(`${flag}: ${read.reason}`);
  return read.value;
}
