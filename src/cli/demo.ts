import { isAbsolute, resolve } from "node:path";
import type { Command } from "commander";
import { exitCodes, InputError } from "./exit.ts";

interface DemoOptions {
  readonly keep?: string;
}

async function tellInside(options: DemoOptions): Promise<never> {
  const [{ Story }, { Teller }, { randomLabName }] = await Promise.all([
    import("../lab/demo/story.ts"),
    import("../lab/demo/teller.ts"),
    import("../lab/lab.ts"),
  ]);
  const colours = process.stdout.isTTY && (process.env["NO_COLOR"] ?? "") === "" && process.env["TERM"] !== "dumb";
  const teller = new Teller({ colours, progress: process.stdout.isTTY }, (text) => void process.stdout.write(text));
  const keep = options.keep === undefined ? null : options.keep;
  const asTold = await new Story(randomLabName(), teller, keep).tell();
  // The kernel takes down what this process leaves: the agents, the namespaces, the folder.
  process.exit(asTold ? exitCodes.yes : exitCodes.no);
}

async function run(options: DemoOptions): Promise<void> {
  const { isContained, runContained, settleInside, whatIsMissing } = await import("../lab/contain.ts");
  const { sameArguments } = await import("../lab/own-program.ts");
  if (isContained()) {
    settleInside();
    return tellInside(options);
  }
  const missing = whatIsMissing();
  if (missing !== null) throw new InputError(missing);
  if (options.keep !== undefined && inRun(options.keep)) {
    throw new InputError("--keep: the demo has a /run of its own; name a folder elsewhere");
  }
  process.exitCode = await runContained(sameArguments());
}

function inRun(path: string): boolean {
  const whole = isAbsolute(path) ? path : resolve(path);
  return whole === "/run" || whole.startsWith("/run/") || whole.startsWith("/var/run/");
}

/** `portcullis demo`: the guided story. */
export function registerDemo(program: Command): void {
  program
    .command("demo")
    .description("watch policies isolate pods, with real packets and what changes in the kernel")
    .option("--keep <dir>", "keep what was in each node's kernel after every step, as files NODE.UNIXTIME")
    .action(run);
}
