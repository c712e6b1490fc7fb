import type { ApiObject } from "../cluster-of.ts";
import { nodeAddressesOf, nodeNames, outsideAddresses, podAddresses } from "../random-cluster.ts";
import { portNumbers } from "../random-policy.ts";
import { numbersFrom, pickFrom } from "./random-numbers.ts";

interface ApiPod extends ApiObject {
  readonly metadata: { readonly namespace: string; readonly name: string };
  readonly spec: { readonly hostNetwork?: boolean };
  readonly status: { readonly phase: string; readonly podIPs: readonly { readonly ip: string }[] };
}

interface ApiService extends ApiObject {
  readonly metadata: { readonly namespace: string; readonly name: string };
  readonly spec: {
    readonly clusterIPs: readonly string[];
    readonly ports: readonly { readonly port: number; readonly protocol: string }[];
  };
}

export interface RandomQuery {
  readonly id: number;
  readonly from: string;
  readonly to: string;
  readonly protocol: string | number;
  readonly port?: number;
  readonly family?: 4 | 6;
}

/** What can be at an end: pods (hostNetwork ones too), nodes, hosts outside, addresses of pod ranges that no pod has. */
function endsOf(objects: readonly ApiObject[]): readonly (readonly string[])[] {
  const pods = objects.filter((object): object is ApiPod => object.kind === "Pod");
  const running = pods.filter(({ status }) => status.phase === "Running");
  const finished = pods.filter(({ status }) => status.phase !== "Running");
  const strangers = [...podAddresses("node-1", 250), ...podAddresses("node-2", 251)];
  return [
    running.map(({ metadata }) => `${metadata.namespace}/pod/${metadata.name}`),
    running.flatMap(({ status }) => status.podIPs.map(({ ip }) => ip)),
    nodeNames.map((name) => `node/${name}`),
    nodeNames.flatMap((name) => nodeAddressesOf(name)),
    outsideAddresses,
    [...strangers, ...finished.flatMap(({ status }) => status.podIPs.map(({ ip }) => ip))],
  ];
}

/** Pods most often, the others now and then. */
const weights = [0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 4, 5];

const familyOf = (end: string): 4 | 6 | null => (end.includes("/") ? null : end.includes(":") ? 6 : 4);

/**
 * Questions about a cluster, of all kinds: both families, every protocol, Services by name and address. Some have no
 * answer (two ends without a common family, a Service without a backend); who asks counts those that have.
 */
export function randomQueries(objects: readonly ApiObject[], seed: number, count: number): readonly RandomQuery[] {
  const below = numbersFrom(seed);
  const pick = pickFrom(below);
  const ends = endsOf(objects).map((kind) => (kind.length > 0 ? kind : outsideAddresses));
  const end = (): string => pick(ends[pick(weights)] ?? outsideAddresses);
  const services = objects.filter((object): object is ApiService => object.kind === "Service");
  const toService = (id: number): RandomQuery => {
    const { metadata, spec } = pick(services);
    const { port, protocol } = pick(spec.ports);
    const to = pick([`${metadata.namespace}/svc/${metadata.name}`, ...spec.clusterIPs]);
    return { id, from: end(), to, protocol, port };
  };
  const toHost = (id: number): RandomQuery => {
    const [from, other, kind] = [end(), end(), below(20)];
    // What a stranger sends to itself never leaves it: no kernel of ours sees it.
    const to = other === from && !from.includes("/") ? pick(outsideAddresses) : other;
    const family = pick([4, 6] as const);
    const both = { id, from, to, ...(familyOf(from) === null && familyOf(to) === null ? { family } : {}) };
    if (kind === 0) return { ...both, protocol: pick([4, 47, 50, 99]) };
    if (kind <= 2) return { ...both, protocol: "ICMP" };
    return { ...both, protocol: pick(["TCP", "TCP", "TCP", "UDP", "UDP", "SCTP"]), port: pick(portNumbers) };
  };
  return Array.from({ length: count }, (_, id) => (services.length > 0 && below(5) === 0 ? toService(id) : toHost(id)));
}
