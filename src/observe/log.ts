import { printable } from "./printable.ts";

const levels = ["error", "warn", "info", "debug"] as const;
export type Level = (typeof levels)[number];

export type FieldValue = string | number | bigint | boolean | null | readonly string[];
/** What an event is about, by name. Fields that are undefined are left out. */
export type Fields = Readonly<Record<string, FieldValue | undefined>>;

/** One line an event: what happened, then the particulars as fields. */
export interface Log {
  error(message: string, fields?: Fields): void;
  warn(message: string, fields?: Fields): void;
  info(message: string, fields?: Fields): void;
  debug(message: string, fields?: Fields): void;
}

export interface LogOptions {
  readonly format: "text" | "json";
  /** Events less urgent than this are dropped. */
  readonly level: Level;
  /** Takes one line, ended. */
  readonly write: (line: string) => void;
  /** Wall-clock time in milliseconds since the epoch. */
  readonly now: () => number;
}

const mostItems = 20;

function mapTexts(value: FieldValue, change: (text: string) => string): string | number | boolean | null | string[] {
  if (typeof value === "string") return change(value);
  if (typeof value === "bigint") return value.toString();
  if (typeof value !== "object" || value === null) return value;
  const items = value.slice(0, mostItems).map(change);
  return value.length > mostItems ? [...items, `… ${value.length - mostItems} more`] : items;
}

/** `key=value` as logfmt writes it: backslashes doubled, and quoted where a reader could not tell where it ends. */
function textField(key: string, value: FieldValue): string {
  const short = mapTexts(value, (text) => printable(text.replaceAll("\\", String.raw`\\`)));
  const text = Array.isArray(short) ? short.join("; ") : String(short);
  return /^[^\s"=\\]+$/.test(text) ? `${key}=${text}` : `${key}="${text.replaceAll('"', String.raw`\"`)}"`;
}

function textLine(time: string, level: Level, message: string, fields: readonly (readonly [string, FieldValue])[]) {
  const rest = fields.map(([key, value]) => ` ${textField(key, value)}`).join("");
  return `${time} ${level.toUpperCase().padEnd(5)} ${printable(message, 2000)}${rest}\n`;
}

function jsonLine(time: string, level: Level, message: string, fields: readonly (readonly [string, FieldValue])[]) {
  const rest = Object.fromEntries(fields.map(([key, value]) => [key, mapTexts(value, (text) => printable(text))]));
  return `${JSON.stringify({ time, level, message: printable(message, 2000), ...rest })}\n`;
}

/** A log that writes through `options.write`. Never throws on hostile text; a `write` that throws is its own affair. */
export function createLog(options: LogOptions): Log {
  const line = options.format === "json" ? jsonLine : textLine;
  const wanted = levels.indexOf(options.level);
  const at = (level: Level) => {
    if (levels.indexOf(level) > wanted) return () => {};
    return (message: string, fields: Fields = {}) => {
      const present = Object.entries(fields).filter((entry): entry is [string, FieldValue] => entry[1] !== undefined);
      options.write(line(new Date(options.now()).toISOString(), level, message, present));
    };
  };
  return { error: at("error"), warn: at("warn"), info: at("info"), debug: at("debug") };
}
