/** A site with all that runs in it, and an agent whose folder says who may reach which names. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { digestOf } from "../../src/source/manifests/digest.ts";
import { type AgentProcess, ask, startAgent, untilReady } from "../faults/processes.ts";
import { type Asker, type Running, startAsker, startOutside, startResolver } from "./processes.ts";
import { type PodName, type Site, addresses, buildSite, nodeResolver, podRanges, service } from "./site.ts";

type Manifest = Readonly<Record<string, unknown>>;

const podManifest = (namespace: string, name: PodName, labels: Manifest): Manifest => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name, namespace, labels },
  spec: { nodeName: "node-1", containers: [{ name: "c" }] },
  status: { phase: "Running", podIP: addresses[name][0], podIPs: addresses[name].map((ip) => ({ ip })) },
});

const everywhere = ["0.0.0.0/0", "::/0"];
const dnsPort = { destinationPort: { number: 53 } };

/** To these names, to the resolvers, and to nothing else. */
export const namesPolicy = (names: readonly string[], mode: "enforce" | "audit" = "enforce"): Manifest => ({
  apiVersion: "policy.networking.k8s.io/v1alpha2",
  kind: "ClusterNetworkPolicy",
  metadata: { name: "by-name", annotations: { "portcullis.dev/mode": mode }, labels: { "portcullis.dev/mode": mode } },
  spec: {
    tier: "Admin",
    priority: 10,
    subject: { pods: { podSelector: { matchLabels: { app: "client" } } } },
    egress: [
      { action: "Accept", to: [{ domainNames: names }] },
      { action: "Accept", to: [{ networks: everywhere }], protocols: [{ udp: dnsPort }, { tcp: dnsPort }] },
      { action: "Deny", to: [{ networks: everywhere }] },
    ],
  },
});

const cluster: readonly Manifest[] = [
  {
    apiVersion: "v1",
    kind: "Node",
    metadata: { name: "node-1" },
    spec: { podCIDR: podRanges[0], podCIDRs: podRanges },
  },
  { apiVersion: "v1", kind: "Namespace", metadata: { name: "shop" } },
  { apiVersion: "v1", kind: "Namespace", metadata: { name: "kube-system" } },
  {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "kube-dns", namespace: "kube-system" },
    spec: {
      clusterIP: service[0],
      clusterIPs: service,
      selector: { "k8s-app": "kube-dns" },
      ports: [{ name: "dns", protocol: "UDP", port: 53 }],
    },
  },
  podManifest("shop", "client", { app: "client" }),
  podManifest("shop", "plain", { app: "plain" }),
  podManifest("kube-system", "dns", { "k8s-app": "kube-dns" }),
  podManifest("kube-system", "honest", { "k8s-app": "kube-dns" }),
];

export interface Scene {
  readonly site: Site;
  readonly client: Asker;
  readonly plain: Asker;
  agent(): AgentProcess;
  /** `listens`: whether it can come to be listened to. */
  enforce(policy: Manifest | null, listens?: boolean): Promise<void>;
  /** Starts the agent, again if it has ended. */
  start(): Promise<void>;
  /** One number of `/metrics`. */
  metric(name: string): Promise<number>;
  /** Waits until a metric is what it should be. */
  until(name: string, is: (value: number) => boolean): Promise<void>;
  remove(): Promise<void>;
}

export const flags = [
  "--dns-min-ttl",
  "1s",
  "--dns-max-ttl",
  "1h",
  "--dns-grace",
  "2s",
  "--sync-period",
  "1h",
  "--dns-resolver",
  nodeResolver[0],
];

const filesIn = (folder: string) =>
  readdirSync(folder).map((name) => ({ path: name, content: readFileSync(join(folder, name)) }));

export async function buildScene(more: readonly string[] = flags): Promise<Scene> {
  const base = mkdtempSync(join(tmpdir(), "pct-names-"));
  const [folder, socket] = [join(base, "manifests"), join(base, "agent.sock")];
  const site = buildSite();
  const running: Running[] = [];
  let agent: AgentProcess | null = null;
  const write = (name: string, items: readonly Manifest[]): void => {
    writeFileSync(join(base, "staging"), JSON.stringify({ apiVersion: "v1", kind: "List", items }));
    renameSync(join(base, "staging"), join(folder, name));
  };
  const metric = async (name: string): Promise<number> => {
    const body = (await ask(socket, "/metrics"))?.body ?? "";
    const line = body.split("\n").find((text) => text.startsWith(`${name} `));
    return line === undefined ? Number.NaN : Number(line.slice(name.length));
  };
  const until = async (name: string, is: (value: number) => boolean): Promise<void> => {
    let value = Number.NaN;
    for (const deadline = performance.now() + 10_000; performance.now() < deadline; await pause(20)) {
      value = await metric(name);
      if (is(value)) return;
    }
    throw new Error(`${name} is ${value}\n${agent?.log() ?? "no agent"}`);
  };
  const remove = async (): Promise<void> => {
    for (const one of running) await one.stop();
    if (agent !== null && agent.child.exitCode === null) await agent.kill("SIGKILL");
    site.remove();
    rmSync(base, { recursive: true, force: true });
  };
  try {
    mkdirSync(folder);
    write("cluster.json", cluster);
    running.push(await startResolver(site), await startOutside(site));
    const [client, plain] = [await startAsker(site, "client"), await startAsker(site, "plain")];
    running.push(client, plain);
    const start = async (): Promise<void> => {
      rmSync(socket, { force: true });
      agent = startAgent(site, folder, socket, more);
      await untilReady(socket);
    };
    const enforce = async (policy: Manifest | null, listens = true): Promise<void> => {
      write("policy.json", policy === null ? [] : [policy]);
      await until("portcullis_dns_patterns", (value) => value > 0 === (policy !== null));
      if (listens) await until("portcullis_dns_listening", (value) => value === (policy === null ? 0 : 1));
      // Ready it may be with what was there before; a pod's first question must meet the chains that show it.
      await untilReady(socket, digestOf(filesIn(folder)));
    };
    const current = (): AgentProcess => {
      if (agent === null) throw new Error("no agent was started");
      return agent;
    };
    return { site, client, plain, agent: current, enforce, start, metric, until, remove };
  } catch (error) {
    await remove();
    throw error;
  }
}
