import * as fc from "fast-check";
import type { Node, ObjectKey, Pod } from "../../src/kube/objects.ts";
import { keyOf } from "../../src/kube/objects.ts";
import type { Change, Cluster } from "../../src/policy/cluster.ts";
import type { Action, Clause, Policy } from "../../src/policy/policy.ts";
import { namespace, node, pod, service } from "../ask.ts";
import type { ApiObject } from "../cluster-of.ts";
import { clusterOf } from "../cluster-of.ts";
import { namespaceLabels, nodeNames, outsideAddresses, podAddresses, podFields } from "../random-cluster.ts";
import { apiNetworkPolicy, namespaceNames, orderedPolicy, randomLabels } from "../random-policy.ts";

/** Few, so that pods take each other's, and those of other nodes' ranges; some in no node's range. */
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
    fc.subarray(["10.244.1.0/24", "10.244.1.8/31", "fd00:10:244:1::/64", "10.244.2.0/24", "fd00:10:244::/48"], {
      maxLength: 2,
    }),
    fc.subarray(["192.168.50.1", "192.168.50.2", ...podAddresses("node-1", 200), "10.244.1.9"], { maxLength: 2 }),
    randomLabels,
  )
  .map(([name, podCidrs, addresses, labels]) => {
    const { metadata, ...rest } = node(name, addresses, podCidrs);
    return { ...rest, metadata: { ...metadata, labels } };
  });

const someService = fc
  .record({
    name: fc.constantFrom("alpha/web", "alpha/web", "beta/web"),
    clusterIP: fc.constantFrom("10.96.0.9", "10.96.0.10", "None"),
    selector: fc.option(randomLabels),
  })
  .map(({ name, clusterIP, selector }) =>
    service(name, [{ port: 80 }], { clusterIP, ...(selector === null ? {} : { selector }) }),
  );

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
      .tuple(
        fc.constantFrom("ClusterNetworkPolicy", "AdminNetworkPolicy", "BaselineAdminNetworkPolicy"),
        fc.constantFrom("one", "two", "three", "default"),
      )
      .map((path) => path.join("/")),
  },
);

/** A change to something that is there, in one respect. Which: a number, taken modulo how many there are. */
export interface Nudge {
  readonly kind: "nudge";
  readonly which: number;
  readonly other: number;
  readonly how: (typeof nudges)[number];
}

const nudges = [
  "node",
  "created",
  "labels",
  "addresses",
  "finish",
  "delete",
  "replica",
  "audit",
  "priority",
  "rule",
  "subject",
  "action",
  "machine labels",
  "machine addresses",
] as const;

export type Step = Change | Nudge;

/** What a step does to a cluster; nothing where there is nothing to nudge. */
export function changeBy(step: Step, cluster: Cluster): readonly Change[] {
  if (step.kind !== "nudge") return [step];
  const pods = cluster.objects.filter((object) => object.kind === "Pod");
  const one = pods[step.which % pods.length];
  const other = pods[step.other % pods.length];
  const policy = cluster.policies[step.which % cluster.policies.length];
  const another = cluster.policies[step.other % cluster.policies.length];
  const machines = cluster.objects.filter((object) => object.kind === "Node");
  switch (step.how) {
    case "audit":
    case "priority":
    case "rule":
    case "subject":
    case "action":
      return policy === undefined || another === undefined
        ? []
        : [{ kind: "policy", policy: nudgedPolicy(policy, another, step.how) }];
    case "machine labels":
    case "machine addresses":
      return nudgedNode(machines, step);
    case "delete":
      return one === undefined ? [] : [{ kind: "gone", key: keyOf(one) }];
    default:
      return one === undefined || other === undefined
        ? []
        : [{ kind: "object", object: nudgedPod(one, other, step.how) }];
  }
}

function nudgedPod(one: Pod, other: Pod, how: "node" | "created" | "labels" | "addresses" | "finish" | "replica"): Pod {
  switch (how) {
    case "node":
      // A pod without a node gets one.
      return { ...one, nodeName: one.nodeName === "node-1" ? "node-2" : "node-1" };
    case "created":
      return { ...one, created: one.created + 3 };
    case "labels":
      return { ...one, labels: other.labels };
    case "addresses":
      return { ...one, addresses: other.addresses.slice(0, 1) };
    case "finish":
      return { ...one, finished: !one.finished };
    case "replica":
      // Another pod that policies cannot tell from this one.
      return { ...one, name: other.name, addresses: other.addresses, nodeName: other.nodeName };
  }
}

/** A Node gets the labels of another, or (one of) its addresses, so that two have it. */
function nudgedNode(machines: readonly Node[], { which, other, how }: Nudge): Change[] {
  const [one, another] = [machines[which % machines.length], machines[other % machines.length]];
  if (one === undefined || another === undefined) return [];
  const { labels, addresses } = another;
  const object = how === "machine labels" ? { ...one, labels } : { ...one, addresses: addresses.slice(0, 1) };
  return [{ kind: "object", object }];
}

const nextAction: Readonly<Record<Action, Action>> = { accept: "deny", deny: "pass", pass: "accept" };

/** The first rule of each direction does something else. Names can only be accepted. */
function otherwise(clauses: readonly Clause[] | null): readonly Clause[] | null {
  const [first, ...rest] = clauses ?? [];
  if (first === undefined || (first.peers ?? []).some(({ kind }) => kind === "domains")) return clauses;
  return [{ ...first, action: nextAction[first.action] }, ...rest];
}

function nudgedPolicy(
  policy: Policy,
  another: Policy,
  how: "audit" | "priority" | "rule" | "subject" | "action",
): Policy {
  switch (how) {
    case "audit":
      return { ...policy, mode: policy.mode === "audit" ? "enforce" : "audit" };
    case "priority":
      return { ...policy, priority: policy.tier === "networkpolicy" ? 0 : (policy.priority + 1) % 3 };
    case "rule":
      return { ...policy, ingress: policy.ingress?.slice(1) ?? null, egress: policy.egress?.slice(1) ?? null };
    case "subject":
      return policy.tier === "networkpolicy" ? policy : { ...policy, subject: another.subject };
    case "action":
      if (policy.tier === "networkpolicy") return policy;
      return { ...policy, ingress: otherwise(policy.ingress), egress: otherwise(policy.egress) };
  }
}

const nudge: fc.Arbitrary<Nudge> = fc.record({
  kind: fc.constant("nudge" as const),
  which: fc.nat(99),
  other: fc.nat(99),
  how: fc.constantFrom(...nudges),
});

/** One change of any kind, about few things, so that changes meet. */
export const someChange: fc.Arbitrary<Change> = fc.oneof(
  { weight: 10, arbitrary: somePod.map(changesOf) },
  { weight: 4, arbitrary: apiNetworkPolicy.map(changesOf) },
  { weight: 2, arbitrary: orderedPolicy.map((policy): Change => ({ kind: "policy", policy })) },
  { weight: 2, arbitrary: someNamespace.map(changesOf) },
  { weight: 2, arbitrary: someNode.map(changesOf) },
  { weight: 1, arbitrary: someService.map(changesOf) },
  { weight: 5, arbitrary: goneKey.map((key): Change => ({ kind: "gone", key: key as ObjectKey })) },
);

/** A change of any kind, as likely about something that is there as about something new. */
export const someStep: fc.Arbitrary<Step> = fc.oneof(someChange, nudge);
