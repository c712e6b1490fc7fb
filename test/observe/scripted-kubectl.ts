import { chmodSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { binary } from "../run-binary.ts";

/** What one agent's container says to `kubectl exec`. */
export interface ScriptedExec {
  /** Written to stdout, a line each, after so many milliseconds. */
  readonly lines?: readonly { readonly after: number; readonly text: string }[];
  readonly stderr?: string;
  /** What it ends with; absent: it goes on until its input ends or it is killed. */
  readonly code?: number;
  /** Runs the command that it is given, as the container would whose agent has this socket. */
  readonly socket?: string;
}

export interface Script {
  /** What `kubectl get pods` prints, or how it fails. */
  readonly pods: { readonly items: readonly unknown[] } | { readonly failure: string };
  /** No container says anything before so many calls were made. */
  readonly together?: number;
  /** By pod. */
  readonly exec: Readonly<Record<string, ScriptedExec>>;
}

/** A kubectl that does as a script says, on a PATH of its own. */
export interface ScriptedKubectl {
  readonly env: NodeJS.ProcessEnv;
  /** The arguments of each call, in no order. */
  readonly calls: () => readonly (readonly string[])[];
  /** How many of the calls have ended. */
  readonly ended: () => number;
  readonly remove: () => void;
}

const program = `#!${process.execPath}
import { readFileSync, readdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { spawn } from "node:child_process";
import { setTimeout as pause } from "node:timers/promises";
const folder = import.meta.dirname;
const script = JSON.parse(readFileSync(join(folder, "script.json"), "utf8"));
const args = process.argv.slice(2);
// Whoever looks must find all of it or nothing.
writeFileSync(join(folder, "coming-" + process.pid), JSON.stringify(args));
renameSync(join(folder, "coming-" + process.pid), join(folder, "call-" + process.pid));
const end = (code) => {
  writeFileSync(join(folder, "end-" + process.pid), String(code));
  process.exit(code);
};
process.on("SIGTERM", () => end(143));
process.stdout.on("error", () => end(1));
const [command] = args.filter((arg) => !arg.startsWith("-"));
if (command === "get") {
  if (script.pods.failure !== undefined) {
    process.stderr.write(script.pods.failure + "\\n");
    end(1);
  }
  process.stdout.write(JSON.stringify(script.pods), () => end(0));
} else {
  const pod = args[args.indexOf("--") - 1];
  const { lines = [], stderr, code, socket } = script.exec[pod];
  if (socket !== undefined) {
    const command = args.slice(args.indexOf("--") + 2);
    const child = spawn(process.execPath, [${JSON.stringify(binary)}, ...command, "--socket", socket], {
      stdio: [args.includes("-i") ? "inherit" : "ignore", "inherit", "inherit"],
    });
    // As kubectl: when it goes, what it ran is not told, but for the end of its input.
    child.on("close", (ended) => end(ended ?? 137));
    await new Promise(() => {});
  }
  if (args.includes("-i")) process.stdin.on("end", () => end(code ?? 0)).resume();
  const calls = () => readdirSync(folder).filter((name) => name.startsWith("call-")).length;
  while (calls() < (script.together ?? 0)) await pause(5);
  for (const { after, text } of lines) {
    await pause(after);
    process.stdout.write(text + "\\n");
  }
  if (stderr !== undefined) process.stderr.write(stderr + "\\n");
  if (code !== undefined) process.stdout.write("", () => end(code));
  else setInterval(() => {}, 1000);
}
`;

export function scriptedKubectl(script: Script): ScriptedKubectl {
  const folder = mkdtempSync(join(tmpdir(), "pct-kubectl-"));
  const path = join(folder, "kubectl");
  writeFileSync(join(folder, "package.json"), `{ "type": "module" }`);
  writeFileSync(path, program);
  chmodSync(path, 0o755);
  writeFileSync(join(folder, "script.json"), JSON.stringify(script));
  const named = (prefix: string) => readdirSync(folder).filter((name) => name.startsWith(prefix));
  return {
    env: { PATH: `${folder}:${process.env["PATH"]}` },
    calls: () => named("call-").map((name) => JSON.parse(readFileSync(join(folder, name), "utf8")) as string[]),
    ended: () => named("end-").length,
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** An agent pod as the API has it. */
export function agentPod(
  node: string,
  more: { readonly phase?: string; readonly name?: string; readonly namespace?: string } = {},
): object {
  return {
    metadata: { namespace: more.namespace ?? "kube-system", name: more.name ?? `portcullis-${node}` },
    spec: { nodeName: node },
    status: { phase: more.phase ?? "Running" },
  };
}
