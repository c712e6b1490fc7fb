import * as fc from "fast-check";
import { portProtocols } from "../src/net/protocol.ts";
import { namespace, node, pod, service } from "./ask.ts";
import type { ApiObject } from "./cluster-of.ts";
import { apiNetworkPolicy, namespaceNames, portNames, portNumbers, randomLabels } from "./random-policy.ts";
import { apiTierPolicy } from "./random-tier-policy.ts";

export const nodeNames = ["node-1", "node-2", "node-3"] as const;
export type NodeName = (typeof nodeNames)[number];

/** Hosts that no Node and no pod has, which blocks of random policies speak of. */
export const outsideAddresses = ["203.0.113.9", "203.0.113.200", "198.51.100.7", "2001:db8::9", "2001:db8:8000::9"];

const numberOf = (name: NodeName): number => nodeNames.indexOf(name) + 1;

/** The blocks that a node gives its pods addresses from. */
export function podCidrsOf(name: NodeName): readonly [string, string] {
  return [`10.244.${numberOf(name)}.0/24`, `fd00:10:244:${numberOf(name)}::/64`];
}

/** The node's own addresses. */
export function nodeAddressesOf(name: NodeName): readonly [string, string] {
  return [`192.168.50.${numberOf(name)}`, `fd00:192:168:50::${numberOf(name)}`];
}

/** Addresses that a node sometimes has of its own in the range of its pods, as in flat networks. */
export function nodeAddressesInRange(name: NodeName): readonly [string, string] {
  return podAddresses(name, 250);
}

/** A pod's addresses on a node, by a number of its own. */
export function podAddresses(name: NodeName, number: number): readonly [string, string] {
  return [`10.244.${numberOf(name)}.${number}`, `fd00:10:244:${numberOf(name)}::${number.toString(16)}`];
}

export type Families = "IPv4" | "IPv6" | "both";

export function ofFamilies(addresses: readonly [string, string], families: Families): readonly string[] {
  if (families === "both") return addresses;
  return [families === "IPv4" ? addresses[0] : addresses[1]];
}

/** Ports of one container: a name at most once, as Kubernetes demands. */
const containerPorts = fc.uniqueArray(
  fc.record({
    name: fc.constantFrom(...portNames),
    protocol: fc.constantFrom(...portProtocols),
    containerPort: fc.constantFrom(...portNumbers),
  }),
  { maxLength: 3, selector: (port) => port.name },
);

/** What a pod says beside its name and addresses. A second container and a sidecar may repeat names of the first. */
export const podFields = fc
  .tuple(randomLabels, containerPorts, containerPorts, containerPorts, fc.nat(9))
  .map(([labels, first, second, sidecar, dice]) => ({
    labels,
    spec: {
      containers: [
        { name: "main", image: "main", ports: first },
        ...(dice < 3 ? [{ name: "second", image: "second", ports: second }] : []),
      ],
      ...(dice === 0
        ? { initContainers: [{ name: "sidecar", image: "sidecar", restartPolicy: "Always", ports: sidecar }] }
        : {}),
    },
  }));

/** The labels of a Namespace; now and then it denies by default. */
export const namespaceLabels = fc
  .tuple(randomLabels, fc.nat(7))
  .map(([labels, dice]) => (dice === 0 ? { ...labels, "portcullis.dev/default-verdict": "deny" } : labels));

const standing = fc.oneof(
  { weight: 9, arbitrary: fc.constant("running" as const) },
  { weight: 1, arbitrary: fc.constant("hostNetwork" as const) },
  { weight: 1, arbitrary: fc.constant("completed" as const) },
);

const onePod = fc.record({
  namespace: fc.constantFrom(...namespaceNames),
  node: fc.constantFrom(...nodeNames),
  /** Whose range its addresses are of: not all networks keep to the ranges that the Node objects say. */
  lender: fc.option(fc.constantFrom(...nodeNames), { freq: 2 }),
  fields: podFields,
  families: fc.constantFrom<Families>("IPv4", "IPv4", "IPv6", "both", "both"),
  standing,
});

type OnePod = typeof onePod extends fc.Arbitrary<infer T> ? T : never;

function podOf(one: OnePod, index: number): ApiObject {
  const { fields, families } = one;
  const isHost = one.standing === "hostNetwork";
  const addresses = isHost ? nodeAddressesOf(one.node) : podAddresses(one.lender ?? one.node, index + 8);
  return pod(`${one.namespace}/pod-${index}`, ofFamilies(addresses, families), {
    labels: fields.labels,
    spec: { ...fields.spec, nodeName: one.node, ...(isHost ? { hostNetwork: true } : {}) },
    status: { phase: one.standing === "completed" ? "Succeeded" : "Running" },
  });
}

const oneService = fc.record({
  namespace: fc.constantFrom(...namespaceNames),
  selector: randomLabels,
  ports: fc.uniqueArray(
    fc.record({
      port: fc.constantFrom(...portNumbers),
      protocol: fc.constantFrom(...portProtocols),
      targetPort: fc.oneof(fc.constantFrom(...portNames), fc.constantFrom(...portNumbers)),
    }),
    { minLength: 1, maxLength: 2, selector: (port) => port.port },
  ),
});

type OneService = typeof oneService extends fc.Arbitrary<infer T> ? T : never;

function serviceOf(one: OneService, index: number): ApiObject {
  const ports = one.ports.map((port, at) => ({ name: `port-${at}`, ...port }));
  return service(`${one.namespace}/service-${index}`, ports, {
    selector: one.selector,
    clusterIP: `10.96.0.${index + 10}`,
    clusterIPs: [`10.96.0.${index + 10}`, `fd00:10:96::${index + 10}`],
  });
}

const uniqueById = <T extends ApiObject>(objects: readonly T[]): T[] => {
  const idOf = ({ kind, metadata }: ApiObject): string => {
    const { namespace: home, name } = metadata as { readonly namespace?: string; readonly name?: string };
    return `${kind}/${home ?? ""}/${name ?? ""}`;
  };
  return [...new Map(objects.map((object) => [idOf(object), object])).values()];
};

/**
 * A cluster as a real one could be, as API objects: three nodes, namespaces (some without an object), pods of all
 * kinds with addresses of their node's range or another's, Services, policies of all kinds. Each address is one pod's.
 */
export const apiCluster: fc.Arbitrary<readonly ApiObject[]> = fc
  .record({
    namespaces: fc.array(fc.option(namespaceLabels, { freq: 6 }), {
      minLength: namespaceNames.length,
      maxLength: namespaceNames.length,
    }),
    pods: fc.array(onePod, { minLength: 4, maxLength: 12, size: "max" }),
    services: fc.array(oneService, { maxLength: 3 }),
    flat: fc.subarray([...nodeNames]),
    nodeLabels: fc.array(randomLabels, { minLength: nodeNames.length, maxLength: nodeNames.length }),
    policies: fc.array(apiNetworkPolicy, { minLength: 1, maxLength: 8, size: "max" }),
    tierPolicies: fc.array(apiTierPolicy, { minLength: 1, maxLength: 8, size: "max" }),
  })
  .map(({ namespaces, pods, services, flat, nodeLabels, policies, tierPolicies }) => [
    ...nodeNames.map((name, index) => {
      const inRange = flat.includes(name) ? nodeAddressesInRange(name) : [];
      return node(name, [...nodeAddressesOf(name), ...inRange], podCidrsOf(name), nodeLabels[index]);
    }),
    ...namespaces.flatMap((labels, index) => (labels === null ? [] : [namespace(namespaceNames[index] ?? "", labels)])),
    ...pods.map(podOf),
    ...services.map(serviceOf),
    ...uniqueById([...policies, ...tierPolicies]),
  ]);

/** The random cluster of a seed: the same for the same seed. */
export function clusterFromSeed(seed: number): readonly ApiObject[] {
  return fc.sample(apiCluster, { seed, numRuns: 1 })[0] ?? [];
}
