import * as fc from "fast-check";
import type { ObjectKey } from "../../src/kube/objects.ts";
import type { Change } from "../../src/policy/cluster.ts";
import { namespace, node, pod, service } from "../ask.ts";
import type { ApiObject } from "../cluster-of.ts";
import { clusterOf } from "../cluster-of.ts";
import { namespaceLabels, nodeNames, outsideAddresses, podAddresses, podFields } from "../random-cluster.ts";
import { apiNetworkPolicy, namespaceNames, orderedPolicy } from "../random-policy.ts";

/** Few, so that pods take each other's; some in no node's range. */
const contestedAddresses = [
  ...podAddresses("node-1", 9),
  ...podAddresses("node-1", 10),
  ...podAddresses("node-2", 10),
  podAddresses("node-1", 11)[0],
  "172.16.0.5",
];

/** All that random changes speak of, unknown addresses, gateways and outside hosts. */
export const addressUniverse = [
  ...contestedAddresses,
  ...podAddresses("node-1", 1),
  podAddresses("node-1", 200)[0],
  podAddresses("node-2", 200)[0],
  ...outsideAddresses.slice(0, 4),
];

const podNames = ["pod-1", "pod-2", "pod-3", "pod-4"] as const;

function changesOf(object: ApiObject): Change {
  const { objects, policies } = clusterOf([object]);
  const [one] = objects;
  if (one !== undefined) return { kind: "object", object: one };
  const [policy] = policies;
  if (policy === undefined) throw new Error("the object decodes to nothing");
  return { kind: "policy", policy };
}

const repeated = (text: string, times: number): string[] => Array.from({ length: times }, () => text);

const somePod = fc
  .record({
    namespace: fc.constantFrom(...namespaceNames),
    name: fc.constantFrom(...podNames),
    node: fc.constantFrom("node-1", "node-1", "node-1", "node-2", ""),
    addresses: fc.oneof(
      { weight: 6, arbitrary: fc.subarray(contestedAddresses, { minLength: 1, maxLength: 3 }) },
      { weight: 1, arbitrary: fc.constant([]) },
    ),
    fields: podFields,
    hostNetwork: fc.nat(12).map((dice) => dice === 0),
    phase: fc.constantFrom(...repeated("Running", 9), "Pending", "Succeeded", "Failed"),
    created: fc.constantFrom("2026-01-01T00:00:00Z", "2026-01-01T00:00:01Z", "2026-01-01T00:00:02Z"),
  })
  .map(({ fields, hostNetwork, phase, created, ...one }) =>
    pod(`${one.namespace}/${one.name}`, one.addresses, {
      labels: fields.labels,
      spec: {
        ...fields.spec,
        ...(one.node === "" ? {} : { nodeName: one.node }),
        ...(hostNetwork ? { hostNetwork } : {}),
      },
      status: { phase },
      creationTimestamp: created,
    }),
  );

const someNode = fc
  .tuple(
    fc.constantFrom(...nodeNames.slice(0, 2)),
    fc.subarray(["10.244.1.0/24", "10.244.1.8/29", "fd00:10:244:1::/64", "10.244.2.0/24"], { maxLength: 2 }),
  )
  .map(([name, podCidrs]) => node(name, ["192.168.50.1"], podCidrs));

const someNamespace = fc
  .tuple(fc.constantFrom(...namespaceNames), namespaceLabels)
  .map(([name, labels]) => namespace(name, labels));

const goneKey = fc.oneof(
  {
    weight: 5,
    arbitrary: fc
      .tuple(fc.constantFrom(...namespaceNames), fc.constantFrom(...podNames))
      .map((path) => `Pod/${path.join("/")}`),
  },
  { weight: 1, arbitrary: fc.constantFrom(...namespaceNames).map((name) => `Namespace/${name}`) },
  { weight: 1, arbitrary: fc.constantFrom("Node/node-1", "Node/node-2", "Service/alpha/web") },
  {
    weight: 3,
    arbitrary: fc
      .tuple(fc.constantFrom(...namespaceNames), fc.constantFrom("np-1", "np-2", "np-3", "np-4"))
      .map((path) => `NetworkPolicy/${path.join("/")}`),
  },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.constantFrom("ClusterNetworkPolicy", "AdminNetworkPolicy"), fc.constantFrom("one", "two"))
      .map((path) => path.join("/")),
  },
);

/** One change of any kind, about few things, so that changes meet. */
export const someChange: fc.Arbitrary<Change> = fc.oneof(
  { weight: 10, arbitrary: somePod.map(changesOf) },
  { weight: 4, arbitrary: apiNetworkPolicy.map(changesOf) },
  { weight: 2, arbitrary: orderedPolicy.map((policy): Change => ({ kind: "policy", policy })) },
  { weight: 2, arbitrary: someNamespace.map(changesOf) },
  { weight: 1, arbitrary: someNode.map(changesOf) },
  { weight: 1, arbitrary: fc.constant(changesOf(service("alpha/web", [{ port: 80 }], { clusterIP: "10.96.0.9" }))) },
  { weight: 5, arbitrary: goneKey.map((key): Change => ({ kind: "gone", key: key as ObjectKey })) },
);
