import type { Command } from "commander";
import { exitCodes, InputError, UsageError } from "./exit.ts";
import { addInputOptions, readInput, type InputOptions } from "./input.ts";
import { addLabOptions, probeAndPrint, readQueries, type LabFlags } from "./lab.ts";
import { writeOut } from "./output.ts";

interface Named {
  readonly name: string;
}

const standing = () => import("../lab/standing-lab.ts");

async function checkName(name: string): Promise<void> {
  const { isLabName } = await import("../lab/lab.ts");
  if (!isLabName(name)) throw new UsageError("--name: small letters and digits, at most 24");
}

/** A step on a lab that stands; what it throws is the user's to mend. */
async function onLab<T>(name: string, work: (found: Awaited<ReturnType<typeof find>>) => Promise<T>): Promise<T> {
  await checkName(name);
  try {
    return await work(await find(name));
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new InputError(error instanceof Error ? error.message : String(error));
  }
}

async function find(name: string) {
  return (await standing()).findLab(name);
}

async function up(options: LabFlags & Named): Promise<void> {
  await checkName(options.name);
  const [{ Lab }, { labExists, bringStanding }, { rawObjects }, { whatIsMissing }] = await Promise.all([
    import("../lab/lab.ts"),
    standing(),
    import("../lab/resolve/raw.ts"),
    import("../lab/contain.ts"),
  ]);
  if (process.getuid?.() !== 0) {
    throw new InputError(
      "a lab that stays needs root, since its namespaces are the machine's (lab run and demo do without)",
    );
  }
  const missing = whatIsMissing();
  if (missing !== null) throw new InputError(missing);
  if (labExists(options.name))
    throw new InputError(`there is a lab ${options.name} already: lab down --name ${options.name}`);
  const read = await readInput(options);
  const { labOptionsOf } = await import("./lab.ts");
  const lab = new Lab(labOptionsOf(options, options.name, true));
  await bringStanding({
    lab,
    objects: await rawObjects(options.filename ?? [], options.recursive ?? false),
    mentioned: [],
  });
  await writeOut(
    lab.plan.namespaces.map(({ name, role, of }) => `${[name, role, of].join("\t").trimEnd()}\n`).join(""),
  );
  if (read.findings.length > 0) process.exitCode = exitCodes.unreadable;
}

async function change(options: InputOptions & Named, verb: "apply" | "delete"): Promise<void> {
  const read = await readInput(options);
  await onLab(options.name, async (found) => {
    const [{ bringStanding, mergeObjects, withoutObjects }, { rawObjects }] = await Promise.all([
      standing(),
      import("../lab/resolve/raw.ts"),
    ]);
    const given = await rawObjects(options.filename ?? [], options.recursive ?? false);
    const objects = verb === "apply" ? mergeObjects(found.objects, given) : withoutObjects(found.objects, given);
    await bringStanding({ ...found, objects });
  });
  if (read.findings.length > 0) process.exitCode = exitCodes.unreadable;
}

async function probe(options: Named & { readonly probe: string }): Promise<void> {
  const code = await onLab(options.name, async (found) => {
    const [{ bringStanding, readStanding }, { addressesIn, everyPair }] = await Promise.all([
      standing(),
      import("../lab/ask.ts"),
    ]);
    const queries = options.probe === "all" ? [] : await readQueries(options.probe);
    const strangers = addressesIn(queries).filter((address) => !found.mentioned.includes(address));
    if (strangers.length === 0) await readStanding(found);
    else await bringStanding({ ...found, mentioned: [...found.mentioned, ...strangers] });
    return probeAndPrint(found.lab, options.probe === "all" ? everyPair(found.lab.objects.pods) : queries);
  });
  process.exit(code);
}

async function status(options: Named): Promise<void> {
  await onLab(options.name, async ({ lab }) => {
    const { readiness } = await import("../lab/agents.ts");
    const lines = lab.plan.namespaces.map(({ name, role, of }) => [name, role, of].join("\t").trimEnd());
    for (const { node, pid, socket } of lab.agents) {
      const answer = await readiness(socket);
      const state = answer === null ? "does not answer" : answer.ready ? "enforces" : `not ready: ${answer.reason}`;
      if (answer?.ready !== true) process.exitCode = exitCodes.no;
      lines.push(`agent of ${node}\tprocess ${pid}\t${state}`);
    }
    await writeOut(`${lines.join("\n")}\n`);
  });
}

async function execute(end: string, command: readonly string[], options: Named): Promise<void> {
  const namespace = await onLab(options.name, async ({ lab }) => {
    const [first, name] = end.split("/", 2);
    const found = lab.plan.namespaces.find(({ role, of }) =>
      first === "node" ? role === "node" && of === name : role === "pod" && of === end,
    );
    if (found === undefined) throw new UsageError("there is no such pod or node: NAMESPACE/POD or node/NAME");
    return found.name;
  });
  const { inNamespace } = await import("../system/namespace.ts");
  const { startProgram } = await import("../system/program.ts");
  const [program, ...args] = command[0] === "--" ? command.slice(1) : command;
  if (program === undefined) throw new UsageError("the command is missing: lab exec NAMESPACE/POD -- command");
  const child = inNamespace(namespace, () => startProgram(program, args, { stdio: "inherit" }));
  process.exitCode = await new Promise<number>((resolve, reject) => {
    child.on("error", (error) => reject(new InputError(error.message)));
    child.on("close", (code) => resolve(code ?? 1));
  });
}

async function down(options: Named): Promise<void> {
  await checkName(options.name);
  const said = (await standing()).takeDown(options.name);
  for (const line of said) process.stderr.write(`removed ${line}\n`);
}

/** The commands of `portcullis lab` that work on a lab that stays. */
export function registerLabSteps(lab: Command): void {
  const named = (command: Command): Command => command.option("--name <name>", "which lab", "default");
  named(addLabOptions(lab.command("up")))
    .description("build a lab that stays, and print the names of its namespaces")
    .action(up);
  named(addInputOptions(lab.command("apply")))
    .description("add or replace objects of a lab, and wait until they are enforced")
    .action((options: InputOptions & Named) => change(options, "apply"));
  named(addInputOptions(lab.command("delete")))
    .description("take objects out of a lab, and wait until that is enforced")
    .action((options: InputOptions & Named) => change(options, "delete"));
  named(lab.command("exec <end> <command...>"))
    .description("run a command as NAMESPACE/POD or node/NAME")
    .passThroughOptions()
    .action((end: string, command: readonly string[], options: Named) => execute(end, command, options));
  named(lab.command("probe"))
    .description("send probes in a lab and compare with the evaluator")
    .requiredOption("--probe <file>", "queries as of eval, one a line; - for stdin; all: every pair of pods and port")
    .action(probe);
  named(lab.command("status")).description("what a lab consists of, and whether its agents enforce").action(status);
  named(lab.command("down")).description("take a lab down, whatever state it is in").action(down);
}
