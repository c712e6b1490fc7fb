import { resolve } from "node:path";

/** A map of a kubeconfig. Reading a field of the wrong type notes a problem; null and "" count as absent, as in Go. */
export class Fields {
  /** `file: path.of.the.map`, for messages. */
  readonly place: string;
  /** The folder of the file: relative paths in it count from there. */
  private readonly folder: string;
  private readonly values: Readonly<Record<string, unknown>>;
  private readonly problems: string[];

  private constructor(values: Readonly<Record<string, unknown>>, place: string, folder: string, problems: string[]) {
    this.values = values;
    this.place = place;
    this.folder = folder;
    this.problems = problems;
  }

  /** Null, with a problem noted, where the value is no map. */
  static of(value: unknown, place: string, folder: string, problems: string[]): Fields | null {
    if (typeof value === "object" && value !== null && !Array.isArray(value)) {
      return new Fields(value as Readonly<Record<string, unknown>>, place, folder, problems);
    }
    problems.push(`${place}: must be a map`);
    return null;
  }

  problem(field: string, message: string): void {
    const separator = this.place.includes(": ") ? "." : ": ";
    this.problems.push(`${this.place}${separator}${field}: ${message}`);
  }

  private value(field: string): unknown {
    return Object.hasOwn(this.values, field) ? (this.values[field] ?? null) : null;
  }

  has(field: string): boolean {
    const value = this.value(field);
    return value !== null && value !== "" && value !== false;
  }

  text(field: string): string | null {
    const value = this.value(field);
    if (value === null || value === "") return null;
    if (typeof value === "string") return value;
    this.problem(field, "must be a string");
    return null;
  }

  /** True or false; absent is false. */
  flag(field: string): boolean {
    const value = this.value(field);
    if (value !== null && typeof value !== "boolean") this.problem(field, "must be true or false");
    return value === true;
  }

  texts(field: string): readonly string[] {
    const value = this.value(field);
    if (value === null) return [];
    if (Array.isArray(value) && value.every((item) => typeof item === "string")) return value;
    this.problem(field, "must be a list of strings");
    return [];
  }

  map(field: string): Fields | null {
    const value = this.value(field);
    return value === null ? null : Fields.of(value, this.placeOf(field), this.folder, this.problems);
  }

  list(field: string): readonly Fields[] {
    const value = this.value(field);
    if (value === null) return [];
    if (!Array.isArray(value)) {
      this.problem(field, "must be a list");
      return [];
    }
    const items = value.map((item, index) => {
      const place = `${this.placeOf(field)}[${index}]`;
      return Fields.of(item, place, this.folder, this.problems);
    });
    return items.filter((item) => item !== null);
  }

  keys(): readonly string[] {
    return Object.keys(this.values);
  }

  /** What is there, as it is. */
  raw(field: string): unknown {
    return this.value(field);
  }

  /** A path of a file; relative ones count from the folder of the kubeconfig. */
  path(field: string): string | null {
    const text = this.text(field);
    return text === null ? null : resolve(this.folder, text);
  }

  /** What a `…-data` field holds, decoded; null with a problem where it is no base64 of text. */
  data(field: string): string | null {
    const text = this.text(field);
    if (text === null) return null;
    const compact = text.replaceAll(/\s/g, "");
    if (/^[A-Za-z0-9+/]+={0,2}$/.test(compact)) return Buffer.from(compact, "base64").toString("utf8");
    this.problem(field, "is not base64");
    return null;
  }

  private placeOf(field: string): string {
    return `${this.place}${this.place.includes(": ") ? "." : ": "}${field}`;
  }
}
