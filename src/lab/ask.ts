import type { EvaluateOptions, Verdict } from "../evaluate/decision.ts";
import type { WorkloadPods } from "../evaluate/end.ts";
import { createEvaluator } from "../evaluate/indexed.ts";
import { readQuery, type Query } from "../evaluate/query.ts";
import { createResolver } from "../evaluate/resolve.ts";
import type { Pod } from "../kube/objects.ts";
import { familyOf, parseAddress, type Address } from "../net/address.ts";
import type { Cluster } from "../policy/cluster.ts";
import type { Prober } from "./probe/prober.ts";
import type { Probe, ProbeProtocol } from "./probe/probe.ts";

/** A question that was understood: the packets to send, and what the evaluator says of them. */
export interface Asked {
  readonly id: unknown;
  readonly probe: Probe;
  readonly evaluator: Verdict;
}

export type Question = Asked | { readonly id: unknown; readonly error: string };

export interface Asker {
  /** Understands one query of `eval`'s format. Never throws on input. */
  ask(query: unknown): Question;
}

const named: ReadonlyMap<unknown, ProbeProtocol> = new Map<unknown, ProbeProtocol>([
  ["TCP", "TCP"],
  ["UDP", "UDP"],
  ["SCTP", "SCTP"],
  ["ICMP", "ICMP"],
]);

/** Headers that IPv6 reads as its own, and what a raw socket cannot send (255). */
const unsendable = new Set([0, 43, 44, 59, 60, 255]);

function probeProtocol(query: Query, given: unknown): ProbeProtocol | { readonly error: string } {
  const known = named.get(query.protocol);
  if (known !== undefined) return known;
  const number = Number(given);
  return unsendable.has(number) ? { error: `protocol: ${number} cannot be sent as a probe` } : number;
}

function isUnusable(address: Address): boolean {
  return /^(127\.|0\.|169\.254\.|22[4-9]\.|2[345]\d\.|fe80:|ff|::1?$)/.test(address);
}

/** Turns queries into probes of one cluster. */
export function createAsker(cluster: Cluster, workloads: readonly WorkloadPods[], options: EvaluateOptions): Asker {
  const resolver = createResolver(cluster, workloads);
  const evaluator = createEvaluator(cluster, options);
  const services = cluster.objects.filter((object) => object.kind === "Service");

  /** The address to dial where `to` is a Service; null where it is a host. */
  const serviceAddress = (to: string, backend: Address): Address | null => {
    const address = parseAddress(to);
    if (address !== null) return address;
    const [namespace, kind, name] = to.split("/");
    if (kind !== "svc" || namespace === "node") return null;
    const service = services.find((each) => each.namespace === namespace && each.name === name);
    return service?.clusterIps.find((each) => familyOf(each) === familyOf(backend)) ?? null;
  };

  return {
    ask(value) {
      if (typeof value !== "object" || value === null) return { id: null, error: "the line is not a JSON object" };
      const { id = null, protocol: given } = value as { readonly id?: unknown; readonly protocol?: unknown };
      const query = readQuery(value);
      if ("error" in query) return { id, error: query.error };
      const connection = resolver.resolve(query);
      if ("error" in connection) return { id, error: connection.error };
      if (connection.domain !== null) return { id, error: `${connection.domain} is a name: packets go to addresses` };
      const protocol = probeProtocol(query, given);
      if (typeof protocol === "object") return { id, error: protocol.error };
      const { source, destination } = connection;
      const unusable = [source, destination].find(isUnusable);
      if (unusable !== undefined) return { id, error: `${unusable} is no address that a host of the lab can have` };
      const hasPort = protocol === "TCP" || protocol === "UDP" || protocol === "SCTP";
      if (hasPort && connection.port === 0) return { id, error: "port: 0 cannot be listened on" };
      const dialled = serviceAddress(query.to, destination);
      const probe: Probe = {
        source,
        destination: dialled ?? destination,
        protocol,
        port: hasPort ? (dialled === null ? connection.port : query.port) : null,
        answeredBy: { address: destination, port: hasPort ? connection.port : null },
      };
      return { id, probe, evaluator: evaluator.decide(connection).verdict };
    },
  };
}

export interface Outcome extends Asked {
  /** What the packets met. */
  readonly verdict: Verdict;
  readonly milliseconds: number;
  /** Why it counts as denied. */
  readonly reason: string;
}

/** Sends all probes; those that disagree with the evaluator are asked once more, each alone. */
export async function askKernel(asked: readonly Asked[], prober: Prober): Promise<readonly Outcome[]> {
  const results = [...(await prober.run(asked.map(({ probe }) => probe)))];
  for (const [index, { probe, evaluator }] of asked.entries()) {
    if ((results[index]?.answered ?? false) === (evaluator === "allow")) continue;
    const [again] = await prober.run([probe]);
    if (again !== undefined) results[index] = again;
  }
  return asked.map((question, index) => {
    const result = results[index];
    if (result === undefined) throw new Error("a probe has no result");
    const { answered, milliseconds, reason } = result;
    return { ...question, verdict: answered ? "allow" : "deny", milliseconds, reason };
  });
}

/** Every ordered pair of pods that can be asked, for every port that the second declares. */
export function everyPair(pods: readonly Pod[]): readonly object[] {
  const live = pods.filter((pod) => !pod.finished && pod.addresses.length > 0);
  const ends = live.map((pod) => ({
    end: `${pod.namespace}/pod/${pod.name}`,
    name: `${pod.namespace}/${pod.name}`,
    pod,
  }));
  const queries: object[] = [];
  for (const from of ends) {
    for (const to of ends) {
      if (from === to) continue;
      const ports = new Map(to.pod.ports.map(({ protocol, port }) => [`${protocol}/${port}`, { protocol, port }]));
      for (const [text, port] of ports) {
        queries.push({ id: `${from.name} to ${to.name} ${text}`, from: from.end, to: to.end, ...port });
      }
    }
  }
  return queries;
}

/** The addresses that queries name by themselves: the lab gives each of them to somebody. */
export function addressesIn(queries: readonly unknown[]): readonly Address[] {
  const found = new Set<Address>();
  for (const query of queries) {
    if (typeof query !== "object" || query === null) continue;
    const { from, to } = query as { readonly from?: unknown; readonly to?: unknown };
    for (const end of [from, to]) {
      const address = typeof end === "string" && !end.includes("/") ? parseAddress(end) : null;
      if (address !== null && !isUnusable(address)) found.add(address);
    }
  }
  return [...found];
}
