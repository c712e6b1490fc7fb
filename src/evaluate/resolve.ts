import type { Node, Pod, Service } from "../kube/objects.ts";
import type { Address, Family } from "../net/address.ts";
import { familyOf } from "../net/address.ts";
import type { DomainName } from "../net/domain-name.ts";
import type { Cluster } from "../policy/cluster.ts";
import type { Connection } from "./decision.ts";
import type { Directory, Named, WorkloadPods } from "./end.ts";
import { findEnd } from "./end.ts";
import type { Query, Unanswerable } from "./query.ts";
import type { Backend } from "./service.ts";
import { backendOf } from "./service.ts";
import { holdersOf } from "./standing.ts";

/** Turns queries into connections. */
export interface Resolver {
  resolve(query: Query): Connection | Unanswerable;
}

/** An END with its addresses; `port` is the translated one. */
interface Place {
  readonly addresses: readonly Address[];
  /** The node that sends, where the END is a node or a hostNetwork pod. */
  readonly node: string | null;
  readonly port: number;
  /** How an error speaks of it. */
  readonly text: string;
}

/** Most ENDs whose meaning is remembered; beyond, it starts anew. */
const mostEnds = 200_000;

const podKey = (pod: Pod): string => `${pod.namespace}/${pod.name}`;

function directoryOf(
  cluster: Cluster,
  workloads: readonly WorkloadPods[],
): Directory & { podsOf(namespace: string): readonly Pod[] } {
  const pods = new Map<string, Pod>();
  const nodes = new Map<string, Node>();
  const services = new Map<string, Service>();
  const addresses = new Map<Address, Service>();
  const byNamespace = new Map<string, Pod[]>();
  for (const object of cluster.objects) {
    if (object.kind === "Node") nodes.set(object.name, object);
    else if (object.kind === "Pod") {
      pods.set(podKey(object), object);
      const others = byNamespace.get(object.namespace);
      if (others === undefined) byNamespace.set(object.namespace, [object]);
      else others.push(object);
    } else if (object.kind === "Service") {
      services.set(`${object.namespace}/${object.name}`, object);
      for (const address of [...object.clusterIps, ...object.externalIps]) addresses.set(address, object);
    }
  }
  const byKey = new Map(workloads.map((one) => [`${one.kind}/${one.namespace}/${one.name}`, one]));
  return {
    pod: (key) => pods.get(key),
    node: (name) => nodes.get(name),
    service: (key) => services.get(key),
    serviceAt: (address) => addresses.get(address),
    workload: (key) => byKey.get(key),
    podsOf: (namespace) => byNamespace.get(namespace) ?? [],
  };
}

/** The first InternalIP of each family: what a node, and a hostNetwork pod on it, is asked by. */
function nodeAddresses(node: Node): readonly Address[] {
  const internal = node.addresses.filter((entry) => entry.type === "InternalIP").map((entry) => entry.address);
  const first = (family: Family) => internal.filter((address) => familyOf(address) === family).slice(0, 1);
  return [...first(4), ...first(6)];
}

/** The pod of a workload that answers: if both ENDs name one workload, `to` is its second. */
function podOfWorkload(named: Named & { kind: "workload" }, other: Named | null): Pod | Unanswerable {
  const second = other?.kind === "workload" && other.key === named.key;
  return named.pods[second ? 1 : 0] ?? { error: `${named.key} has only one pod, so it has no second to connect to` };
}

/** A name is asked in the family of the query, or like an address of both: IPv4 if the source has it, else IPv6. */
function toDomain(source: Place, domain: DomainName, query: Query): Connection | Unanswerable {
  const { protocol, port, family } = query;
  const wanted: readonly Family[] = family === null ? [4, 6] : [family];
  const addresses = wanted.map((one) => source.addresses.find((address) => familyOf(address) === one));
  const address = addresses.find((one) => one !== undefined);
  if (address === undefined) return { error: `${source.text} has no address of IPv${family}` };
  return { source: address, destination: null, domain, protocol, port, sourceNode: source.node };
}

function chooseAddress(source: Place, destination: Place, family: Family | null): readonly [Address, Address] | null {
  for (const wanted of family === null ? [4, 6] : [family]) {
    const from = source.addresses.find((address) => familyOf(address) === wanted);
    const to = destination.addresses.find((address) => familyOf(address) === wanted);
    if (from !== undefined && to !== undefined) return [from, to];
  }
  return null;
}

function missing(place: Place, side: string): Unanswerable | null {
  return place.addresses.length > 0 ? null : { error: `${side}: ${place.text} has no address of its own` };
}

/** `workloads` are those that ENDs of the form NAMESPACE/KIND/NAME may name. */
export function createResolver(cluster: Cluster, workloads: readonly WorkloadPods[]): Resolver {
  const directory = directoryOf(cluster, workloads);
  const holders = holdersOf(cluster.objects);
  const remembered = { from: new Map<string, Named | Unanswerable>(), to: new Map<string, Named | Unanswerable>() };

  const find = (text: string, side: "from" | "to"): Named | Unanswerable => {
    const known = remembered[side];
    let found = known.get(text);
    if (found !== undefined) return found;
    found = findEnd(text, side, directory);
    if (known.size >= mostEnds) known.clear();
    known.set(text, found);
    return found;
  };

  const backends = new Map<Service, Map<string, Backend | Unanswerable>>();
  const backendFor = (service: Service, query: Query, families: ReadonlySet<Family>): Backend | Unanswerable => {
    const known = backends.get(service) ?? new Map<string, Backend | Unanswerable>();
    backends.set(service, known);
    const entry = service.ports.find((one) => one.protocol === query.protocol && one.port === query.port);
    // Remembered only for ports that the Service has, so that questions cannot fill the memory.
    if (entry === undefined) return backendOf(service, [], query, families);
    const key = `${query.protocol}/${query.port}/${[...families].join()}`;
    const backend = known.get(key) ?? backendOf(service, directory.podsOf(service.namespace), query, families);
    known.set(key, backend);
    return backend;
  };

  const placeOfPod = (pod: Pod, port: number): Place => {
    const text = podKey(pod);
    if (!pod.hostNetwork) {
      // A pod whose address a newer one holds (semantics.md, 6) has none left.
      return { addresses: pod.addresses.filter((one) => holders.get(one) === pod), node: null, port, text };
    }
    const node = directory.node(pod.nodeName);
    const ofNode = node === undefined ? [] : nodeAddresses(node);
    const addresses = ofNode.length > 0 ? ofNode : pod.addresses;
    return { addresses, node: pod.nodeName === "" ? null : pod.nodeName, port, text };
  };

  const place = (
    named: Exclude<Named, { kind: "domain" }>,
    query: Query,
    other: Named | null,
  ): Place | Unanswerable => {
    switch (named.kind) {
      case "pod":
        return placeOfPod(named.pod, query.port);
      case "workload": {
        const pod = podOfWorkload(named, other);
        return "error" in pod ? pod : placeOfPod(pod, query.port);
      }
      case "node": {
        const addresses = nodeAddresses(named.node);
        return { addresses, node: named.node.name, port: query.port, text: `node/${named.node.name}` };
      }
      case "address":
        return { addresses: [named.address], node: null, port: query.port, text: named.address };
      case "service": {
        const offered = new Set(named.addresses.map(familyOf));
        const families = query.family !== null && offered.has(query.family) ? new Set([query.family]) : offered;
        const backend = backendFor(named.service, query, families);
        if ("error" in backend) return { error: `to: ${backend.error}` };
        const behind = placeOfPod(backend.pod, backend.port);
        if (families.size === 0) return behind;
        // Translation keeps the family: a backend's other address is not behind this Service.
        return { ...behind, addresses: behind.addresses.filter((address) => families.has(familyOf(address))) };
      }
    }
  };

  return {
    resolve(query) {
      const from = find(query.from, "from");
      if ("error" in from) return from;
      const to = find(query.to, "to");
      if ("error" in to) return to;
      if (from.kind === "domain") throw new Error("a domain is only found as `to`");
      const source = place(from, query, null);
      if ("error" in source) return source;
      const withoutSource = missing(source, "from");
      if (to.kind === "domain") return withoutSource ?? toDomain(source, to.domain, query);
      const destination = place(to, query, from);
      if ("error" in destination) return destination;
      const without = withoutSource ?? missing(destination, "to");
      if (without !== null) return without;
      const chosen = chooseAddress(source, destination, query.family);
      if (chosen === null) {
        const family = query.family === null ? "in common" : `of IPv${query.family} at both ends`;
        return { error: `${source.text} and ${destination.text} have no address ${family}` };
      }
      const [address, target] = chosen;
      const { protocol } = query;
      const { port } = destination;
      return { source: address, destination: target, domain: null, protocol, port, sourceNode: source.node };
    },
  };
}
