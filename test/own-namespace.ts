import { randomBytes } from "node:crypto";
import { changeNamespaces } from "../src/system/namespace.ts";
import { outputOf } from "../src/system/program.ts";

/** Why tests that need a network namespace of their own cannot run here; false: they can. */
export const noNamespaces: string | false = process.getuid?.() === 0 ? false : "needs root to make network namespaces";

/** A network namespace that only one test knows. */
export interface OwnNamespace {
  readonly name: string;
  /** Runs a program in it; gives what it prints, throws with what it complains about. */
  run(program: string, args: readonly string[], input?: string): string;
  remove(): void;
}

export function ownNamespace(): OwnNamespace {
  const name = `pct-${randomBytes(5).toString("hex")}`;
  changeNamespaces([{ verb: "add", name }]);
  return {
    name,
    run: (program, args, input) => outputOf("ip", ["netns", "exec", name, program, ...args], input),
    remove: () => changeNamespaces([{ verb: "del", name }]),
  };
}
