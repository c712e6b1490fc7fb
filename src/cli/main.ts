import { CommanderError } from "commander";
import { splitShortFlags } from "./arguments.ts";
import { commands } from "./commands.ts";
import { exitCodes, InputError, UsageError } from "./exit.ts";
import { buildProgram } from "./program.ts";

/** A reader that goes away (`portcullis … | head`) is no error of ours: nobody is left to be told anything. */
function endQuietlyWithReader(): void {
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") process.stderr.write(`portcullis: cannot write: ${error.message}\n`);
    process.exit(error.code === "EPIPE" ? exitCodes.yes : exitCodes.unreadable);
  });
  process.stderr.on("error", () => undefined);
}

/** The exit code for what a command threw; what it means stands on stderr. */
function report(error: unknown): number {
  // Commander has said what it had to say.
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.yes : exitCodes.usage;
  if (error instanceof UsageError || error instanceof InputError) {
    process.stderr.write(`portcullis: ${error.message}\n`);
    return error instanceof UsageError ? exitCodes.usage : exitCodes.unreadable;
  }
  // A bug. Not 1, which would be an answer: denied.
  process.stderr.write(`portcullis: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  return exitCodes.unreadable;
}

async function main(): Promise<void> {
  endQuietlyWithReader();
  const args = splitShortFlags(process.argv.slice(2));
  const [first] = args;
  const known = commands.some(({ name }) => name === first);
  const program = await buildProgram(known ? first : undefined);
  const quiet = (command: typeof program): void => {
    command.exitOverride();
    command.commands.forEach(quiet);
  };
  quiet(program);
  try {
    await program.parseAsync([...args], { from: "user" });
  } catch (error) {
    process.exitCode = report(error);
  }
}

void main();
