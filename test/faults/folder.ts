/** The folder of manifests that the agent of a site follows, and the load that changes it all the time. */
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { digestOf } from "../../src/source/manifests/digest.ts";
import { podAddresses, podRange } from "./site.ts";
import { ports } from "./traffic.ts";

type Manifest = Readonly<Record<string, unknown>>;

interface PodFields {
  readonly labels: Readonly<Record<string, string>>;
  readonly node: string;
  readonly address: string;
}

const pod = (name: string, { labels, node, address }: PodFields): Manifest => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name, namespace: "shop", labels },
  spec: { nodeName: node, containers: [{ name: "c" }] },
  status: { phase: "Running", podIP: address, podIPs: [{ ip: address }] },
});

const policy = (name: string, spec: Manifest): Manifest => ({
  apiVersion: "networking.k8s.io/v1",
  kind: "NetworkPolicy",
  metadata: { name, namespace: "shop" },
  spec,
});

const selecting = (app: string): Manifest => ({ podSelector: { matchLabels: { app } } });

/** The server is isolated; the client may reach two of its ports. This stays so, whatever else changes. */
const fixed: readonly Manifest[] = [
  { apiVersion: "v1", kind: "Node", metadata: { name: "node-1" }, spec: { podCIDRs: [podRange] } },
  { apiVersion: "v1", kind: "Namespace", metadata: { name: "shop" } },
  pod("server", { labels: { app: "server" }, node: "node-1", address: podAddresses.server }),
  pod("client", { labels: { app: "client" }, node: "node-1", address: podAddresses.client }),
  pod("stranger", { labels: { app: "stranger" }, node: "node-1", address: podAddresses.stranger }),
  policy("server", {
    ...selecting("server"),
    policyTypes: ["Ingress"],
    ingress: [
      {
        from: [selecting("client")],
        ports: [
          { protocol: "TCP", port: ports.tcp },
          { protocol: "UDP", port: ports.udp },
        ],
      },
    ],
  }),
];

/** Pods elsewhere that join and leave the client's group. */
const remotePods = (round: number): readonly Manifest[] =>
  Array.from({ length: 1 + (round % 7) }, (_, index) =>
    pod(`remote-${index}`, {
      labels: { app: round % 2 === 0 ? "client" : "other" },
      node: "node-2",
      address: `10.77.2.${1 + ((index * 31 + round) % 250)}`,
    }),
  );

/** Another policy of the server: its chain is another one each time. It allows a port that nobody uses. */
const anotherPolicy = (round: number): readonly Manifest[] =>
  round % 3 === 0
    ? []
    : [policy("another", { ...selecting("server"), ingress: [{ ports: [{ port: 7000 + (round % 50) }] }] })];

/** A policy that closes something that nobody uses: open connections are decided again. */
const closingPolicy = (round: number): readonly Manifest[] =>
  round % 2 === 0
    ? []
    : [policy("closing", { ...selecting("client"), policyTypes: ["Egress"], egress: [{ to: [{ podSelector: {} }] }] })];

/** Pods of this node that come and go. */
const localPods = (round: number): readonly Manifest[] =>
  Array.from({ length: round % 5 }, (_, index) =>
    pod(`local-${index}`, {
      labels: { app: "server" },
      node: "node-1",
      address: `10.77.1.${100 + ((index + round) % 100)}`,
    }),
  );

const loads = [remotePods, anotherPolicy, closingPolicy, localPods];

export interface Folder {
  readonly path: string;
  readonly socket: string;
  write(name: string, content: string): void;
  remove(name: string): void;
  /** The digest of what is in it now. */
  digest(): string;
  /** Changes one file of the load. */
  change(round: number): void;
  removeAll(): void;
}

const listOf = (items: readonly Manifest[]): string => JSON.stringify({ apiVersion: "v1", kind: "List", items });

/** A fresh folder with the fixed part in it. */
export function createFolder(): Folder {
  const base = mkdtempSync(join(tmpdir(), "pct-faults-"));
  const path = join(base, "manifests");
  mkdirSync(path);
  const staging = join(base, "staging");
  const write = (name: string, content: string) => {
    writeFileSync(staging, content);
    renameSync(staging, join(path, name));
  };
  write("fixed.json", listOf(fixed));
  return {
    path,
    socket: join(base, "agent.sock"),
    write,
    remove: (name) => rmSync(join(path, name)),
    digest: () => digestOf(readdirSync(path).map((name) => ({ path: name, content: readFileSync(join(path, name)) }))),
    change: (round) => {
      const load = loads[round % loads.length];
      if (load) write(`load-${round % loads.length}.json`, listOf(load(Math.floor(round / loads.length))));
    },
    removeAll: () => rmSync(base, { recursive: true, force: true }),
  };
}
