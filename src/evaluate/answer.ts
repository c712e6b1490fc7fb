import { asciiJson } from "../kube/ascii-json.ts";
import type { Decision, Part } from "./decision.ts";
import type { Evaluator } from "./indexed.ts";
import type { Unanswerable } from "./query.ts";
import { readQuery } from "./query.ts";
import type { Resolver } from "./resolve.ts";

/** The answer to one line of queries, as one line of JSON without its end of line. */
export interface Answer {
  readonly line: string;
  /** False where the query could not be answered: the exit code of `eval` tells. */
  readonly answered: boolean;
}

/** The evaluators give the same Part object again and again; its text is kept. */
const partTexts = new WeakMap<Part, string>();

function partText(part: Part): string {
  const known = partTexts.get(part);
  if (known !== undefined) return known;
  const { verdict, tier, isolatedBy, decidedBy } = part;
  // Names of rules are any text.
  const text = asciiJson({ verdict, tier, isolatedBy, decidedBy });
  partTexts.set(part, text);
  return text;
}

/** An `id` goes back as it came; numbers that JavaScript cannot hold exactly keep their digits. */
function idText(id: unknown, line: string): string {
  if (typeof id === "string" || (Number.isSafeInteger(id) && !Object.is(id, -0))) return JSON.stringify(id);
  if (id === undefined) return "null";
  const exact = JSON as unknown as {
    parse(
      text: string,
      reviver: (key: string, value: unknown, context: { readonly source?: string }) => unknown,
    ): unknown;
    rawJSON(text: string): unknown;
  };
  const parsed = exact.parse(line, (_, value, { source }) =>
    typeof value === "number" && source !== undefined ? exact.rawJSON(source) : value,
  );
  return JSON.stringify((parsed as { readonly id: unknown }).id);
}

function failure(id: string, { error }: Unanswerable): Answer {
  return { line: `{"id":${id},"error":${asciiJson(error)}}`, answered: false };
}

type Parsed = { readonly kind: "object"; readonly value: object } | { readonly kind: "error"; readonly error: string };

function parse(line: string): Parsed {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return { kind: "object", value };
    return { kind: "error", error: "the line is not a JSON object" };
  } catch (error) {
    return { kind: "error", error: `the line is not JSON: ${error instanceof Error ? error.message : "unreadable"}` };
  }
}

/** Answers one line of queries. Never throws on input. */
export function answerLine(line: string, resolver: Resolver, evaluator: Evaluator): Answer {
  const parsed = parse(line);
  if (parsed.kind === "error") return failure("null", parsed);
  const id = idText((parsed.value as { readonly id?: unknown }).id, line);
  const query = readQuery(parsed.value);
  if ("error" in query) return failure(id, query);
  const connection = resolver.resolve(query);
  if ("error" in connection) return failure(id, connection);
  return { line: answerText(id, evaluator.decide(connection)), answered: true };
}

function answerText(id: string, { verdict, egress, ingress }: Decision): string {
  return `{"id":${id},"verdict":"${verdict}","egress":${partText(egress)},"ingress":${partText(ingress)}}`;
}
