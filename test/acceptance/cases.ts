import { createReadStream } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

/** A case of the acceptance suites (README.md). */
export interface AcceptanceCase {
  readonly suite: string;
  readonly id: string;
  readonly objects: readonly object[];
  readonly queries: readonly { readonly id: unknown; readonly to?: unknown }[];
  /** By query; null: the source does not say. */
  readonly expect: readonly ("allow" | "deny" | null)[];
  /** A part of each error that is reported of the objects, in order of objects; absent: none. */
  readonly reports?: readonly string[];
}

/** The cases of a file of this folder. */
export async function* casesOf(file: string): AsyncGenerator<AcceptanceCase> {
  const input = createReadStream(join(import.meta.dirname, file));
  for await (const line of createInterface({ input, crlfDelay: Infinity })) {
    if (line.trim() !== "") yield JSON.parse(line) as AcceptanceCase;
  }
}

/** Calls `use` with a manifest file that holds the objects; the file is gone afterwards. */
export async function withManifest<T>(objects: readonly object[], use: (file: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "portcullis-acceptance-"));
  try {
    const file = join(folder, "objects.json");
    await writeFile(file, JSON.stringify({ apiVersion: "v1", kind: "List", items: objects }));
    return await use(file);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** What is wrong with what was reported of a case's objects. */
export function wrongReports({ id, reports = [] }: AcceptanceCase, messages: readonly string[]): readonly string[] {
  const wrong = reports.flatMap((part, index) => {
    const message = messages[index] ?? "no report";
    return message.includes(part) ? [] : [`${id}: ${message}: should tell of ${part}`];
  });
  return [...wrong, ...messages.slice(reports.length).map((message) => `${id}: ${message}: nothing should be said`)];
}

/** The queries of a case as `eval` reads them. */
export function queryLines({ queries }: AcceptanceCase): readonly string[] {
  return queries.map((query) => JSON.stringify(query));
}

/** Each query whose answer is not the expected one: what was asked, expected and got. */
export function wrongAnswers(one: AcceptanceCase, lines: readonly string[]): readonly string[] {
  return one.queries.flatMap((query, index) => {
    const expected = one.expect[index];
    const line = lines[index] ?? "no answer";
    const isRight = line.startsWith(`{"id":${JSON.stringify(query.id)},"verdict":"${expected}",`);
    return expected === null || isRight
      ? []
      : [`${one.id}: ${JSON.stringify(query)}: expected ${expected}, got ${line}`];
  });
}
