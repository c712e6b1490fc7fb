import { readFile, writeFile } from "node:fs/promises";
import { Option, type Command } from "commander";
import type { Asked, Outcome } from "../lab/ask.ts";
import type { Lab as LabType, LabOptions } from "../lab/lab.ts";
import { featureGates } from "../policy/feature-gates.ts";
import type { ManifestRead } from "../source/manifests/read.ts";
import { exitCodes, InputError, UsageError } from "./exit.ts";
import { addInputOptions, addVerdictOptions, readInput, type InputOptions, type VerdictOptions } from "./input.ts";
import { registerLabSteps } from "./lab-steps.ts";
import { say, writeOut } from "./output.ts";
import { addReadingOptions, readingFlags, type ReadingOptions } from "./reading.ts";

/** The flags of the commands that build a lab. */
export interface LabFlags extends InputOptions, ReadingOptions, VerdictOptions {
  readonly topology: "bridged" | "routed";
  readonly dataplane?: string;
  readonly established?: "cut" | "keep";
  readonly enforce: boolean;
}

interface RunOptions extends LabFlags {
  readonly probe: string;
}

/** What the flags say, as the lab takes it. */
export function labOptionsOf(flags: LabFlags, name: string, detached: boolean): LabOptions {
  const { kinds, gates } = readingFlags(flags);
  return {
    name,
    topology: flags.topology,
    detached,
    enforce: flags.enforce,
    flags: {
      dataplane: flags.dataplane ?? null,
      established: flags.established ?? null,
      defaultVerdict: flags.defaultVerdict,
      unknownPods: flags.unknownPods,
      policyKinds: kinds,
      shutGates: featureGates.filter((gate) => !gates.has(gate)),
    },
  };
}

/** The flags that say how a lab is built and what its agents are told. */
export function addLabOptions(command: Command): Command {
  addVerdictOptions(addReadingOptions(addInputOptions(command)))
    .option("--dataplane <name>", "how the nodes' kernels are programmed (the agent's default)")
    .addOption(
      new Option("--topology <kind>", "how pods are connected to their node")
        .choices(["bridged", "routed"])
        .default("routed"),
    )
    .addOption(new Option("--established <what>", "open connections that a change denies").choices(["cut", "keep"]));
  return command.option("--no-enforce", "start no agents: shows what the lab's network lets through by itself");
}

/** All of stdin. (Reading its descriptor synchronously fails where it is a socket that has nothing yet.) */
async function readStdin(): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of process.stdin) parts.push(part as Buffer);
  return Buffer.concat(parts);
}

/** The lines of a file of queries, or of stdin, as values; a line that is no JSON stays text. */
export async function readQueries(path: string): Promise<readonly unknown[]> {
  let text: string;
  try {
    text = (path === "-" ? await readStdin() : await readFile(path)).toString("utf8");
  } catch (error) {
    throw new InputError(`probe: ${error instanceof Error ? error.message : String(error)}`);
  }
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  return lines.map((line): unknown => {
    try {
      return JSON.parse(line);
    } catch {
      return line;
    }
  });
}

/** One line of an answer: `{"id","verdict","evaluator","ms"}`. */
export function outcomeLine({ id, verdict, evaluator, milliseconds }: Outcome): string {
  return `${JSON.stringify({ id, verdict, evaluator, ms: Math.round(milliseconds * 10) / 10 })}\n`;
}

/** Probes all queries and prints an answer for each, in order. Gives the exit code. */
export async function probeAndPrint(lab: LabType, queries: readonly unknown[]): Promise<number> {
  const { askKernel } = await import("../lab/ask.ts");
  const questions = queries.map((query) => lab.asker.ask(query));
  const asked = questions.filter((question): question is Asked => "probe" in question);
  const outcomes = await askKernel(asked, lab.prober);
  const byQuestion = new Map(asked.map((question, index) => [question, outcomes[index]]));
  let text = "";
  for (const question of questions) {
    const outcome = "probe" in question ? byQuestion.get(question) : undefined;
    text += outcome === undefined ? `${JSON.stringify(question)}\n` : outcomeLine(outcome);
  }
  await writeOut(text);
  const wrong = outcomes.filter(({ verdict, evaluator }) => verdict !== evaluator);
  for (const { id, verdict, evaluator, reason } of wrong) {
    say(
      `probe ${JSON.stringify(id)}: the kernel says ${verdict} (${reason || "answered"}), the evaluator ${evaluator}`,
    );
  }
  if (wrong.length > 0) return exitCodes.no;
  return questions.length > asked.length ? exitCodes.unreadable : exitCodes.yes;
}

/** Manifests are read twice, stdin can be read once: it becomes a file of the lab's own /run. */
async function spooled(path: string): Promise<string> {
  if (path !== "-") return path;
  const copy = "/run/stdin.yaml";
  await writeFile(copy, await readStdin());
  return copy;
}

async function runInside(options: RunOptions): Promise<void> {
  const [{ Lab, randomLabName }, { addressesIn, everyPair }, { rawObjects, isPolicy }] = await Promise.all([
    import("../lab/lab.ts"),
    import("../lab/ask.ts"),
    import("../lab/resolve/raw.ts"),
  ]);
  const queries = options.probe === "all" ? [] : await readQueries(options.probe);
  const input = { ...options, filename: await Promise.all((options.filename ?? []).map(spooled)) };
  const read: ManifestRead = await readInput(input);
  const raw = await rawObjects(input.filename, options.recursive ?? false);
  const lab = new Lab(labOptionsOf(options, randomLabName(), false));
  await lab.bring({
    cluster: read.cluster,
    workloads: read.workloads,
    policies: raw.filter(isPolicy),
    mentioned: addressesIn(queries),
  });
  const asked = options.probe === "all" ? everyPair(lab.objects.pods) : queries;
  const code = await probeAndPrint(lab, asked);
  process.exitCode = code === exitCodes.yes && read.findings.length > 0 ? exitCodes.unreadable : code;
  // The kernel takes down what this process leaves: the agents, the namespaces, the folder.
  process.exit();
}

async function run(options: RunOptions): Promise<void> {
  if (options.probe === "-" && (options.filename ?? []).includes("-")) {
    throw new UsageError("-f - and --probe - cannot both read stdin");
  }
  const { isContained, runContained, settleInside, whatIsMissing } = await import("../lab/contain.ts");
  const { sameArguments } = await import("../lab/own-program.ts");
  if (isContained()) {
    settleInside();
    return runInside(options);
  }
  const missing = whatIsMissing();
  if (missing !== null) throw new InputError(missing);
  process.exitCode = await runContained(sameArguments());
}

/** `portcullis lab`: a cluster out of network namespaces. */
export function registerLab(program: Command): void {
  const lab = program
    .command("lab")
    .description("a cluster out of network namespaces on this machine, with real packets");
  addLabOptions(lab.command("run"))
    .description("build it, enforce the policies, probe, compare with the evaluator, take everything down")
    .requiredOption("--probe <file>", "queries as of eval, one a line; - for stdin; all: every pair of pods and port")
    .action(run);
  registerLabSteps(lab);
}
