import { holdersOf as podsByAddress, isLive } from "../../evaluate/standing.ts";
import type { Node, Pod } from "../../kube/objects.ts";
import { addressFromValue, familyBits, familyOf, type Address, type Family } from "../../net/address.ts";
import { cidrContains } from "../../net/cidr.ts";
import type { LabObjects } from "../resolve/resolve.ts";
import { linkLocalOf, namespaceName, nodeDevice, podDevice } from "./names.ts";
import {
  bridgeDevice,
  uplink,
  type AddressPlan,
  type LabPlan,
  type NamespacePlan,
  type PairPlan,
  type Role,
  type RoutePlan,
  type Topology,
} from "./plan.ts";
import { planServices, serviceAddresses, type ServicePlan } from "./services.ts";

const families: readonly Family[] = [4, 6];
/** The next hop of every host, by family; each of them is on a link of its own, so all may be the same. */
const gateways = { 4: "169.254.1.1" as Address, 6: "fe80::1" as Address };
const fabricSide = { 4: "169.254.0.1" as Address, 6: "fe80::1" as Address };
const nodeSide = { 4: "169.254.0.2" as Address, 6: "fe80::2" as Address };
const ownAddresses = new Set<Address>([gateways[4], fabricSide[4], nodeSide[4]]);
const everything = { 4: "0.0.0.0" as Address, 6: "::" as Address };

/** A host behind a node: a pod, or the strangers of a node's pod range. */
interface Guest {
  readonly namespace: string;
  readonly role: Role;
  readonly of: string;
  readonly device: string;
  readonly addresses: readonly Address[];
}

function defaultRoute(family: Family, gateway: Address, source: Address | null): RoutePlan {
  return { device: uplink, destination: everything[family], bits: 0, gateway, source };
}

function hostRoute(device: string, address: Address, source: Address | null, gateway: Address | null): RoutePlan {
  return { device, destination: address, bits: familyBits(familyOf(address)), gateway, source };
}

/** The range's first address, which the node itself has. */
export function rangeGateway(cidr: { readonly family: Family; readonly base: bigint }): Address {
  return addressFromValue(cidr.family, cidr.base + 1n);
}

function rangeOf(node: Node, address: Address): Node["podCidrs"][number] | undefined {
  return node.podCidrs.find((cidr) => cidrContains(cidr, address));
}

function nodeSource(node: Node, family: Family): Address | null {
  return node.addresses.find(({ address }) => familyOf(address) === family)?.address ?? null;
}

/**
 * What a guest of a bridged node adds to reach its neighbours without a hop. `lent` are addresses of the node's ranges
 * whose pods run elsewhere, or that a node has: they do not answer on the bridge.
 */
function neighbourRoutes(
  node: Node,
  guest: Guest,
  guests: readonly Guest[],
  lent: readonly Address[],
): readonly RoutePlan[] {
  const routes: RoutePlan[] = [];
  for (const address of guest.addresses) {
    const range = rangeOf(node, address);
    if (range !== undefined) {
      const destination = addressFromValue(range.family, range.base);
      routes.push({ device: uplink, destination, bits: range.bits, gateway: null, source: address });
      for (const other of lent) {
        if (cidrContains(range, other)) routes.push(hostRoute(uplink, other, address, gateways[range.family]));
      }
      continue;
    }
    const near = guests.filter((other) => other !== guest).flatMap((other) => other.addresses);
    for (const other of near) {
      if (familyOf(other) !== familyOf(address) || rangeOf(node, other) !== undefined) continue;
      routes.push(hostRoute(uplink, other, address, null));
    }
  }
  return [...new Map(routes.map((route) => [`${route.destination}/${route.bits}`, route])).values()];
}

interface GuestInput {
  readonly lab: string;
  readonly node: Node;
  readonly guest: Guest;
  /** All of the node. */
  readonly guests: readonly Guest[];
  readonly lent: readonly Address[];
  readonly topology: Topology;
}

function guestPlan({ lab, node, guest, guests, lent, topology }: GuestInput): NamespacePlan {
  const routes: RoutePlan[] = topology === "bridged" ? [...neighbourRoutes(node, guest, guests, lent)] : [];
  for (const family of families) {
    const first = guest.addresses.find((address) => familyOf(address) === family);
    if (first !== undefined) routes.push(defaultRoute(family, gateways[family], first));
  }
  const own = [...guest.addresses, linkLocalOf(guest.namespace)];
  return {
    name: guest.namespace,
    role: guest.role,
    of: guest.of,
    router: namespaceName(lab, "node", node.name),
    bridge: false,
    pairs: [],
    addresses: own.map((address) => ({ device: uplink, address })),
    routes,
    services: null,
  };
}

function nodePlan(
  lab: string,
  node: Node,
  guests: readonly Guest[],
  topology: Topology,
  services: string | null,
): NamespacePlan {
  const bridge = topology === "bridged";
  const addresses: AddressPlan[] = node.addresses.map(({ address }) => ({ device: uplink, address }));
  for (const family of families) addresses.push({ device: uplink, address: nodeSide[family] });
  for (const cidr of node.podCidrs)
    addresses.push({ device: bridge ? bridgeDevice : "lo", address: rangeGateway(cidr) });
  const routes: RoutePlan[] = families.map((family) =>
    defaultRoute(family, fabricSide[family], nodeSource(node, family)),
  );
  const pairs: PairPlan[] = [];
  const towards = bridge ? [bridgeDevice] : guests.map(({ device }) => device);
  for (const device of towards) {
    for (const family of families) addresses.push({ device, address: gateways[family] });
  }
  for (const guest of guests) {
    pairs.push({ device: guest.device, peerNamespace: guest.namespace, peerDevice: uplink, bridged: bridge });
    for (const address of guest.addresses) {
      const device = bridge ? bridgeDevice : guest.device;
      routes.push(hostRoute(device, address, nodeSource(node, familyOf(address)), null));
    }
  }
  const name = namespaceName(lab, "node", node.name);
  const router = namespaceName(lab, "fabric");
  return { name, role: "node", of: node.name, router, bridge, pairs, addresses, routes, services };
}

function outsidePlan(lab: string, outside: readonly Address[]): NamespacePlan {
  const name = namespaceName(lab, "outside");
  const own = [...outside, linkLocalOf(name)];
  return {
    name,
    role: "outside",
    of: "",
    router: namespaceName(lab, "fabric"),
    bridge: false,
    pairs: [],
    addresses: own.map((address) => ({ device: uplink, address })),
    routes: families.map((family) =>
      defaultRoute(family, fabricSide[family], outside.find((address) => familyOf(address) === family) ?? null),
    ),
    services: null,
  };
}

interface FabricInput {
  readonly lab: string;
  readonly objects: LabObjects;
  readonly guests: ReadonlyMap<string, readonly Guest[]>;
  readonly outside: readonly Address[];
  readonly services: ServicePlan;
}

function fabricPlan({ lab, objects, guests, outside, services }: FabricInput): NamespacePlan {
  const pairs: PairPlan[] = [];
  const addresses: AddressPlan[] = [];
  const routes: RoutePlan[] = [];
  const connect = (device: string, peerNamespace: string): void => {
    pairs.push({ device, peerNamespace, peerDevice: uplink, bridged: false });
    for (const family of families) addresses.push({ device, address: fabricSide[family] });
  };
  for (const node of objects.nodes) {
    const device = nodeDevice(node.name);
    const namespace = namespaceName(lab, "node", node.name);
    connect(device, namespace);
    for (const { address } of node.addresses) routes.push(hostRoute(device, address, null, null));
    for (const guest of guests.get(node.name) ?? []) {
      for (const address of guest.addresses) routes.push(hostRoute(device, address, null, nodeSide[familyOf(address)]));
    }
    for (const cidr of node.podCidrs) routes.push(hostRoute(device, rangeGateway(cidr), null, nodeSide[cidr.family]));
    for (const route of services.routes) {
      if (route.node === node.name)
        routes.push(hostRoute(device, route.address, null, nodeSide[familyOf(route.address)]));
    }
  }
  connect("outside", namespaceName(lab, "outside"));
  for (const address of outside) routes.push(hostRoute("outside", address, null, null));
  return {
    name: namespaceName(lab, "fabric"),
    role: "fabric",
    of: "",
    router: null,
    bridge: false,
    pairs,
    addresses,
    routes,
    services: services.onFabric,
  };
}

function podGuest(lab: string, pod: Pod, holders: ReadonlyMap<Address, Pod>): Guest {
  return {
    namespace: namespaceName(lab, "pod", pod.namespace, pod.name),
    role: "pod",
    of: `${pod.namespace}/${pod.name}`,
    device: podDevice(pod.namespace, pod.name),
    addresses: pod.addresses.filter((address) => holders.get(address) === pod),
  };
}

/** Each a host of its own: what two of them send each other has to pass the node. */
function strangerGuest(lab: string, address: Address): Guest {
  const namespace = namespaceName(lab, "stray", address.replaceAll(":", "-"));
  return { namespace, role: "stray", of: address, device: podDevice("stray", address), addresses: [address] };
}

/**
 * Lays out the lab: routers, hosts, addresses, routes. `mentioned` are the addresses that are asked for: those that
 * nobody has become hosts outside, or strangers on the node whose pod range they are in.
 */
export function planLab(lab: string, objects: LabObjects, topology: Topology, mentioned: readonly Address[]): LabPlan {
  const live = objects.pods.filter(isLive);
  const held = podsByAddress(live);
  const taken = new Set<Address>([
    ...live.flatMap(({ addresses }) => addresses),
    ...objects.nodes.flatMap((node) => node.addresses.map(({ address }) => address)),
    ...objects.nodes.flatMap((node) => node.podCidrs.map(rangeGateway)),
    ...objects.services.flatMap(serviceAddresses),
  ]);
  const free = [...new Set(mentioned)].filter((address) => !taken.has(address));
  const strangers = new Map<Node, Address[]>(objects.nodes.map((node) => [node, []]));
  const outside: Address[] = [];
  for (const address of free) {
    const node = objects.nodes.find((each) => rangeOf(each, address) !== undefined);
    if (node === undefined) outside.push(address);
    else strangers.get(node)?.push(address);
  }
  const guests = new Map<string, readonly Guest[]>();
  for (const node of objects.nodes) {
    const own = live.filter((pod) => pod.nodeName === node.name).map((pod) => podGuest(lab, pod, held));
    own.push(...(strangers.get(node) ?? []).map((address) => strangerGuest(lab, address)));
    guests.set(node.name, own);
  }
  const services = planServices(objects);
  const nodes = objects.nodes.map((node) =>
    nodePlan(lab, node, guests.get(node.name) ?? [], topology, services.onNodes),
  );
  const hosts = objects.nodes.flatMap((node) => {
    const near = guests.get(node.name) ?? [];
    const ofNodes = objects.nodes.flatMap(({ addresses }) => addresses.map(({ address }) => address));
    const lent = [...lentAddresses(node, guests), ...ofNodes];
    return near.map((guest) => guestPlan({ lab, node, guest, guests: near, lent, topology }));
  });
  const namespaces = [
    ...hosts,
    ...nodes,
    outsidePlan(lab, outside),
    fabricPlan({ lab, objects, guests, outside, services }),
  ];
  return { lab, topology, namespaces, holders: holdersOf(namespaces) };
}

/** Addresses of the node's ranges that guests of other nodes have. */
function lentAddresses(node: Node, guests: ReadonlyMap<string, readonly Guest[]>): readonly Address[] {
  const elsewhere = [...guests].filter(([name]) => name !== node.name).flatMap(([, others]) => others);
  return elsewhere.flatMap(({ addresses }) => addresses).filter((address) => rangeOf(node, address) !== undefined);
}

function holdersOf(namespaces: readonly NamespacePlan[]): ReadonlyMap<Address, string> {
  const holders = new Map<Address, string>();
  for (const { name, role, addresses } of namespaces) {
    if (role === "fabric") continue;
    for (const { address } of addresses) {
      if (!ownAddresses.has(address) && !address.startsWith("fe80:")) holders.set(address, name);
    }
  }
  return holders;
}
