import type { Command } from "commander";

/** A command of the program; `load` gives the function that adds it. Only the command that is run gets loaded. */
export interface CommandEntry {
  readonly name: string;
  load(): Promise<(program: Command) => void>;
}

/** In the order in which the help lists them. */
export const commands: readonly CommandEntry[] = [
  { name: "eval", load: async () => (await import("./eval.ts")).registerEval },
  { name: "explain", load: async () => (await import("./explain.ts")).registerExplain },
  { name: "render", load: async () => (await import("./render.ts")).registerRender },
  { name: "lab", load: async () => (await import("./lab.ts")).registerLab },
  { name: "demo", load: async () => (await import("./demo.ts")).registerDemo },
  { name: "observe", load: async () => (await import("./observe.ts")).registerObserve },
  { name: "status", load: async () => (await import("./status.ts")).registerStatus },
  { name: "agent", load: async () => (await import("./agent.ts")).registerAgent },
  { name: "close", load: async () => (await import("./close.ts")).registerClose },
  { name: "cleanup", load: async () => (await import("./cleanup.ts")).registerCleanup },
  { name: "uninstall", load: async () => (await import("./uninstall.ts")).registerUninstall },
  { name: "version", load: async () => (await import("./version.ts")).registerVersion },
];
