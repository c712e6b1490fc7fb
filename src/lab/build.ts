import { closeSync, openSync } from "node:fs";
import { familyOf, type Address } from "../net/address.ts";
import { changeNamespaces, inNamespace, namespacePath } from "../system/namespace.ts";
import { outputOf } from "../system/program.ts";
import * as message from "./kernel/route-message.ts";
import { RouteError, routeSocket, type RouteSocket } from "./kernel/route-socket.ts";
import { setSwitches } from "./kernel/sysctl.ts";
import { hardwareAddress } from "./plan/names.ts";
import {
  bridgeDevice,
  uplink,
  type AddressPlan,
  type LabPlan,
  type NamespacePlan,
  type PairPlan,
  type RoutePlan,
} from "./plan/plan.ts";
import { servicesTable } from "./plan/services.ts";

const nothing: LabPlan = { lab: "", topology: "routed", namespaces: [], holders: new Map<Address, string>() };

/** What a namespace holds that is in neither of two lists, by what it looks like. */
function missingFrom<T>(items: readonly T[], others: readonly T[]): readonly T[] {
  const there = new Set(others.map((item) => JSON.stringify(item)));
  return items.filter((item) => !there.has(JSON.stringify(item)));
}

/** A host that changed its addresses is made anew; routers are changed in place. */
function survives(before: NamespacePlan | undefined, after: NamespacePlan | undefined): boolean {
  if (before === undefined || after === undefined) return false;
  return before.role === "node" || before.role === "fabric" || JSON.stringify(before) === JSON.stringify(after);
}

function removeHosts(before: LabPlan, gone: ReadonlySet<string>): void {
  for (const router of before.namespaces) {
    const cables = router.pairs.filter(({ peerNamespace }) => gone.has(peerNamespace));
    if (cables.length === 0 || gone.has(router.name)) continue;
    withSocket(router.name, (socket) => {
      for (const { device } of cables) socket.send(message.deleteLink(socket.indexOf(device)));
    });
  }
  changeNamespaces([...gone].map((name) => ({ verb: "del", name })));
}

function withSocket(namespace: string, work: (socket: RouteSocket) => void): void {
  const socket = routeSocket(namespace);
  try {
    work(socket);
  } finally {
    socket.close();
  }
}

function prepare(namespace: NamespacePlan): void {
  inNamespace(namespace.name, () => setSwitches(namespace.role, namespace.bridge));
  withSocket(namespace.name, (socket) => {
    socket.send(message.setUp(socket.indexOf("lo")));
    if (namespace.bridge) socket.send(message.addBridge(bridgeDevice, hardwareAddress(namespace.name)));
  });
}

function connect(socket: RouteSocket, peer: RouteSocket, pair: PairPlan): void {
  const there = openSync(namespacePath(pair.peerNamespace), "r");
  try {
    socket.send(message.addPair(pair.device, pair.peerDevice, there));
  } finally {
    closeSync(there);
  }
  const index = socket.indexOf(pair.device);
  if (pair.bridged) {
    socket.send(message.setMaster(index, socket.indexOf(bridgeDevice)));
    socket.send(message.setHairpin(index));
  }
  socket.send(message.setUp(index));
  peer.send(message.setUp(peer.indexOf(pair.peerDevice)));
}

function setAddresses(socket: RouteSocket, verb: "add" | "delete", addresses: readonly AddressPlan[]): void {
  for (const { device, address } of addresses) {
    const index = socket.indexOf(device);
    if (index !== 0) socket.send(message.changeAddress(verb, index, address));
  }
}

function setRoutes(socket: RouteSocket, verb: "add" | "delete", routes: readonly RoutePlan[]): void {
  for (const route of routes) {
    const index = socket.indexOf(route.device);
    if (index !== 0) socket.send(message.changeRoute(verb, index, route));
  }
}

/**
 * A host that comes to a bridge may have the address of one that has gone: the others would send to its hardware
 * address until they ask anew, seconds later. (A CNI plugin announces the new one.)
 */
function forgetNeighbours(
  next: LabPlan,
  stays: (name: string) => boolean,
  socketOf: (name: string) => RouteSocket,
): void {
  const byName = new Map(next.namespaces.map((namespace) => [namespace.name, namespace]));
  for (const router of next.namespaces) {
    if (!router.bridge || !stays(router.name)) continue;
    const guests = router.pairs
      .map(({ peerNamespace }) => byName.get(peerNamespace))
      .filter((guest) => guest !== undefined);
    const addresses = guests.filter(({ name }) => !stays(name)).flatMap((guest) => guest.addresses);
    const others = guests.filter(({ name }) => stays(name)).map(({ name }) => ({ name, device: uplink }));
    for (const { name, device } of [{ name: router.name, device: bridgeDevice }, ...others]) {
      const socket = socketOf(name);
      for (const { address } of addresses) {
        try {
          socket.send(message.forgetNeighbour(socket.indexOf(device), address));
        } catch (error) {
          if (!(error instanceof RouteError && error.code === "ENOENT")) throw error;
        }
      }
    }
  }
}

/** Puts the lab's translation of Services into a node; the table is replaced in one transaction. */
function translate(namespace: string, text: string | null): void {
  const script = `table ${servicesTable}\ndelete table ${servicesTable}\n${text ?? ""}`;
  inNamespace(namespace, () => outputOf("nft", ["-f", "-"], script));
}

const patience = 10_000;

/**
 * The kernel makes an IPv6 address its own in the background, later than it acknowledges it: until then the host
 * sends away what is for itself, and drops what comes. Waits until every host has all of its addresses.
 */
function waitForAddresses(plan: LabPlan, socketOf: (name: string) => RouteSocket): void {
  const deadline = performance.now() + patience;
  for (const { name, addresses } of plan.namespaces) {
    for (const { address } of addresses) {
      if (familyOf(address) === 4 || address.startsWith("fe80:")) continue;
      while (!socketOf(name).isOwn(address)) {
        if (performance.now() > deadline) throw new Error(`${name} does not get its address ${address}`);
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2);
      }
    }
  }
}

/**
 * Brings the kernel from one plan to the next; costs what the difference is. A lab of 100 pods takes a fraction of a
 * second. `onNodes` is called once the nodes' namespaces exist, so that agents can start while the rest is built.
 */
export function changeLab(previous: LabPlan | null, next: LabPlan, onNodes?: () => void): void {
  const before = previous ?? nothing;
  const [old, wanted] = [before, next].map((plan) => new Map(plan.namespaces.map((each) => [each.name, each])));
  if (old === undefined || wanted === undefined) throw new Error("unreachable");
  const stays = (name: string): boolean => survives(old.get(name), wanted.get(name));
  removeHosts(before, new Set([...old.keys()].filter((name) => !stays(name))));
  const fresh = next.namespaces.filter(({ name }) => !stays(name));
  changeNamespaces(fresh.map(({ name }) => ({ verb: "add", name })));
  for (const namespace of fresh) prepare(namespace);
  onNodes?.();
  const sockets = new Map(next.namespaces.map(({ name }) => [name, routeSocket(name)]));
  const socketOf = (name: string): RouteSocket => {
    const socket = sockets.get(name);
    if (socket === undefined) throw new Error(`no socket for ${name}`);
    return socket;
  };
  const renewed = new Set<string>();
  for (const { name, pairs } of next.namespaces) {
    for (const pair of pairs) {
      if (stays(name) && stays(pair.peerNamespace)) continue;
      connect(socketOf(name), socketOf(pair.peerNamespace), pair);
      renewed.add(`${name} ${pair.device}`);
    }
  }
  for (const namespace of next.namespaces) {
    const was = stays(namespace.name) ? old.get(namespace.name) : undefined;
    // A device that was made anew has lost what the old one had.
    const lasting = ({ device }: { readonly device: string }) => !renewed.has(`${namespace.name} ${device}`);
    const had = { addresses: was?.addresses.filter(lasting) ?? [], routes: was?.routes.filter(lasting) ?? [] };
    const socket = socketOf(namespace.name);
    setRoutes(socket, "delete", missingFrom(had.routes, namespace.routes));
    setAddresses(socket, "delete", missingFrom(had.addresses, namespace.addresses));
    setAddresses(socket, "add", missingFrom(namespace.addresses, had.addresses));
    setRoutes(socket, "add", missingFrom(namespace.routes, had.routes));
    if ((was?.services ?? null) !== namespace.services) translate(namespace.name, namespace.services);
  }
  waitForAddresses(next, socketOf);
  forgetNeighbours(next, stays, socketOf);
  for (const socket of sockets.values()) socket.close();
}
