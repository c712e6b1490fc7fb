import { createReadStream } from "node:fs";
import type { Command } from "commander";
import { answerLine } from "../evaluate/answer.ts";
import type { Evaluator } from "../evaluate/indexed.ts";
import { createEvaluator } from "../evaluate/indexed.ts";
import type { Resolver } from "../evaluate/resolve.ts";
import { createResolver } from "../evaluate/resolve.ts";
import { exitCodes, InputError, UsageError } from "./exit.ts";
import type { ObjectOptions, VerdictOptions } from "./input.ts";
import { addObjectOptions, addVerdictOptions, readObjects } from "./input.ts";
import { lineBatches, longestLine } from "./lines.ts";
import { say, writeOut } from "./output.ts";

interface EvalOptions extends ObjectOptions, VerdictOptions {
  readonly queries: string;
}

/** Answers are written when there are so many characters of them, and at the end of each chunk of queries. */
const mostPending = 1 << 16;

const tooLong = JSON.stringify({ id: null, error: `the line is longer than ${longestLine} characters` });

async function* readQueries(path: string): AsyncGenerator<Uint8Array> {
  try {
    yield* path === "-" ? process.stdin : createReadStream(path);
  } catch (error) {
    throw new InputError(`queries: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** Answers every line, in order, as it comes. Gives how many could not be answered. */
async function answerAll(
  queries: AsyncIterable<Uint8Array>,
  resolver: Resolver,
  evaluator: Evaluator,
): Promise<number> {
  let unanswered = 0;
  for await (const lines of lineBatches(queries)) {
    let pending = "";
    for (const line of lines) {
      if (line !== null && line.trim() === "") continue;
      const answer = line === null ? { line: tooLong, answered: false } : answerLine(line, resolver, evaluator);
      if (!answer.answered) unanswered += 1;
      pending += `${answer.line}\n`;
      if (pending.length < mostPending) continue;
      await writeOut(pending);
      pending = "";
    }
    await writeOut(pending);
  }
  return unanswered;
}

async function run(options: EvalOptions): Promise<void> {
  if (options.queries === "-" && (options.filename ?? []).includes("-")) {
    throw new UsageError("-f - and --queries - cannot both read stdin");
  }
  const read = await readObjects(options);
  const resolver = createResolver(read.cluster, read.workloads);
  const unanswered = await answerAll(readQueries(options.queries), resolver, createEvaluator(read.cluster, options));
  if (unanswered > 0) say(`${unanswered} ${unanswered === 1 ? "query" : "queries"} could not be answered`);
  process.exitCode = unanswered > 0 || read.findings.length > 0 ? exitCodes.unreadable : exitCodes.yes;
}

/** `portcullis eval`: answers queries, one JSON line each. */
export function registerEval(program: Command): void {
  const command = program
    .command("eval")
    .description("answer queries, one JSON line each: does policy allow this connection, and which rule says so")
    .option("--queries <file>", "file with one query a line, - for stdin", "-");
  addVerdictOptions(addObjectOptions(command)).action(run);
}
