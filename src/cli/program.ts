import { Command } from "commander";
import { commands } from "./commands.ts";

/** The program with all its commands, or with one of them. */
export async function buildProgram(only?: string): Promise<Command> {
  const program = new Command("portcullis")
    .description("Kubernetes network policy, enforced in the Linux kernel and explained")
    .showHelpAfterError("(--help shows how)")
    .enablePositionalOptions();
  const chosen = commands.filter(({ name }) => only === undefined || name === only);
  for (const entry of chosen) (await entry.load())(program);
  return program;
}
