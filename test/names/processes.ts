/** What runs in the namespaces of a site: resolvers, the outside host, askers. Ended by the id they were started with. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import type { Calls } from "./asker.ts";
import { type PodName, type Site, addresses, nodeResolver } from "./site.ts";

const here = import.meta.dirname;

export interface Running {
  stop(): Promise<void>;
}

const stopper = (child: ChildProcess): Running => ({
  stop: async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    child.kill("SIGKILL");
    await ended;
  },
});

async function startScript(netns: string, file: string, args: readonly string[] = []): Promise<ChildProcess> {
  const command = ["netns", "exec", netns, process.execPath, "--no-warnings", join(here, file), ...args];
  const child = spawn("ip", command, { stdio: ["ignore", "inherit", "inherit", "ipc"] });
  const ended = once(child, "exit").then(([code]) => Promise.reject(new Error(`${file} ended with ${code}`)));
  await Promise.race([once(child, "message"), ended]);
  ended.catch(() => {});
  return child;
}

export const startResolver = async (site: Site): Promise<Running> =>
  stopper(await startScript(site.pods.dns, "resolver.ts", ["serve", ...addresses.dns, "lies"]));

/** A second one, that answers the same. */
export const startSecondResolver = async (site: Site): Promise<Running> =>
  stopper(await startScript(site.pods.honest, "resolver.ts", ["serve", ...addresses.honest]));

/** One on the node itself, as node-local DNS is. */
export const startNodeResolver = async (site: Site): Promise<Running> =>
  stopper(await startScript(site.node, "resolver.ts", ["serve", ...nodeResolver]));

export const startOutside = async (site: Site): Promise<Running> =>
  stopper(await startScript(site.web, "resolver.ts", ["echo"]));

export interface Asker extends Running {
  call<Name extends keyof Calls>(call: Name, argument: Parameters<Calls[Name]>[0]): ReturnType<Calls[Name]>;
}

export async function startAsker(site: Site, pod: PodName): Promise<Asker> {
  const child = await startScript(site.pods[pod], "asker.ts");
  const waiting = new Map<number, (result: never) => void>();
  let number = 0;
  child.on("message", (answer: { readonly number: number; readonly result: never }) => {
    waiting.get(answer.number)?.(answer.result);
    waiting.delete(answer.number);
  });
  return {
    ...stopper(child),
    call: (call, argument) => {
      number += 1;
      child.send({ number, call, argument });
      return new Promise((resolve) => waiting.set(number, resolve)) as never;
    },
  };
}

/** Why dnsmasq cannot be used; null: it is here. */
export const missingDnsmasq = (): string | null =>
  spawnSync("dnsmasq", ["--version"]).error === undefined ? null : "dnsmasq is not installed (Debian: dnsmasq-base)";

/** dnsmasq with these addresses of these names, as it comes from the distribution. */
export async function startDnsmasq(site: Site, names: readonly (readonly [string, string])[]): Promise<Running> {
  const records = names.map(([name, address]) => `--host-record=${name},${address}`);
  const own = addresses.honest.map((address) => `--listen-address=${address}`);
  const args = ["--no-daemon", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--pid-file=", "--user=root"];
  const command = ["netns", "exec", site.pods.honest, "dnsmasq", ...args, "--bind-interfaces", "--local-ttl=2"];
  const child = spawn("ip", [...command, ...own, ...records], { stdio: ["ignore", "ignore", "pipe"] });
  await once(child.stderr, "data");
  return stopper(child);
}
