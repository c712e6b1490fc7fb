import { internString } from "../src/kube/interning.ts";
import { internLabels } from "../src/kube/labels.ts";
import type { ClusterObject, Namespace, Node, Pod } from "../src/kube/objects.ts";
import { namespaceNameLabel } from "../src/kube/selector.ts";
import type { Address } from "../src/net/address.ts";
import { parseAddress } from "../src/net/address.ts";
import { parseCidr } from "../src/net/cidr.ts";
import type { Cluster } from "../src/policy/cluster.ts";
import { networkPolicyKind } from "../src/policy/network-policy/network-policy.ts";
import type { Policy } from "../src/policy/policy.ts";
import { adminPolicyOf } from "./admin-policies.ts";

/**
 * How big a cluster is. Pods are replicas of applications (five each), applications are spread over namespaces, pods
 * over nodes. Policies are spread over namespaces and pick one application each.
 */
export interface ClusterSize {
  readonly pods: number;
  readonly policies: number;
  readonly nodes: number;
  readonly namespaces: number;
  /** Policies of the ordered tiers; absent: none. */
  readonly adminPolicies?: number;
}

/** The cluster of the speed aims: 110 pods a node. */
export const largest: ClusterSize = { pods: 100_000, policies: 10_000, nodes: 910, namespaces: 1_000 };

const replicas = 5;

/** The name of the node with this number. */
export function nodeNameOf(number: number): string {
  return `node-${number}`;
}

export function namespaceNameOf(number: number): string {
  return `team-${number}`;
}

function address(text: string): Address {
  const parsed = parseAddress(text);
  if (parsed === null) throw new Error(`not an address: ${text}`);
  return parsed;
}

/** The pod's place among the pods of its node, from 0; what addresses are made of. */
export function podAddress(node: number, place: number): Address {
  return address(`10.${100 + (node >> 8)}.${node & 255}.${2 + place}`);
}

function nodeOf(number: number): Node {
  const range = parseCidr(`10.${100 + (number >> 8)}.${number & 255}.0/24`);
  return {
    kind: "Node",
    name: nodeNameOf(number),
    labels: internLabels({ "kubernetes.io/hostname": nodeNameOf(number) }),
    podCidrs: range === null ? [] : [range],
    addresses: [{ type: "InternalIP", address: address(`192.168.${number >> 8}.${number & 255}`) }],
  };
}

function namespaceOf(number: number): Namespace {
  const name = namespaceNameOf(number);
  const labels = internLabels({ [namespaceNameLabel]: name, stage: ["prod", "test", "dev"][number % 3] ?? "" });
  return { kind: "Namespace", name, labels };
}

/** A pod of an application on a node; every fifth pod of a node is replica 0 of the next application. */
export function podOf(size: ClusterSize, index: number, node: number, place: number): Pod {
  const app = Math.floor(index / replicas);
  return {
    kind: "Pod",
    namespace: internString(namespaceNameOf(app % size.namespaces)),
    name: `app-${app}-6d4cf56db6-${index.toString(36).padStart(5, "x")}`,
    uid: `00000000-0000-4000-8000-${index.toString(16).padStart(12, "0")}`,
    created: 1_700_000_000 + index,
    labels: internLabels({ app: `app-${app}`, tier: `tier-${app % 3}`, "pod-template-hash": "6d4cf56db6" }),
    nodeName: internString(nodeNameOf(node)),
    hostNetwork: false,
    finished: false,
    ready: true,
    addresses: [podAddress(node, place)],
    ports: [{ name: "http", protocol: "TCP", port: 8080 + (app % 3) }],
    owner: { kind: "ReplicaSet", name: `app-${app}-6d4cf56db6`, uid: `rs-${app}` },
  };
}

/** Neighbours in number are on different nodes, as schedulers spread replicas. */
function allPods(size: ClusterSize): Pod[] {
  return Array.from({ length: size.pods }, (_, index) =>
    podOf(size, index, index % size.nodes, Math.floor(index / size.nodes)),
  );
}

const openToNamespace = {
  podSelector: {},
  ingress: [{ from: [{ podSelector: {} }], ports: [{ port: "http" }] }],
  egress: [
    {
      to: [{ namespaceSelector: { matchLabels: { stage: "prod" } }, podSelector: { matchLabels: { tier: "tier-0" } } }],
    },
  ],
};

const closed = { podSelector: {}, policyTypes: ["Ingress", "Egress"] };

/** What the policy of an application lets in and out: by label, namespace, block, port and named port. */
function ofApplication(app: number, peer: number, port: number): object {
  return {
    podSelector: { matchLabels: { app: `app-${app}` } },
    policyTypes: ["Ingress", "Egress"],
    ingress: [
      { from: [{ podSelector: { matchLabels: { app: `app-${peer}` } } }], ports: [{ port }, { port: "http" }] },
      {
        from: [
          { namespaceSelector: { matchLabels: { stage: "prod" } }, podSelector: { matchLabels: { tier: "tier-0" } } },
        ],
      },
    ],
    egress: [
      { to: [{ podSelector: { matchLabels: { tier: `tier-${app % 3}` } } }], ports: [{ port: "http" }] },
      { to: [{ ipBlock: { cidr: "10.0.0.0/8", except: [`10.${app % 256}.0.0/16`] } }], ports: [{ port: 443 }] },
    ],
  };
}

/**
 * The policies of a namespace, ten to each: one that closes it, one that opens it to itself, then one for every
 * second of its applications. `port` tells versions of a policy apart.
 */
export function policyOf(size: ClusterSize, index: number, port = 8080): Policy {
  const { policy } = networkPolicyKind.decode(policyObject(size, index, port));
  if (policy === null) throw new Error("the bench's own policy does not decode");
  return policy;
}

/** The same as the API has it. */
export function policyObject(size: ClusterSize, index: number, port = 8080) {
  const namespace = Math.floor(index / 10) % size.namespaces;
  const place = index % 10;
  const apps = Math.max(1, Math.floor(size.pods / replicas / size.namespaces));
  const app = (number: number): number => namespace + (number % apps) * size.namespaces;
  const spec =
    place === 0 ? closed : place === 1 ? openToNamespace : ofApplication(app(2 * place), app(2 * place + 1), port);
  return {
    apiVersion: "networking.k8s.io/v1",
    kind: "NetworkPolicy",
    metadata: { namespace: namespaceNameOf(namespace), name: `policy-${index}` },
    spec,
  };
}

/** A whole cluster as decoded objects. */
export function clusterOfSize(size: ClusterSize): Cluster {
  const objects: ClusterObject[] = [
    ...Array.from({ length: size.namespaces }, (_, number) => namespaceOf(number)),
    ...Array.from({ length: size.nodes }, (_, number) => nodeOf(number)),
    ...allPods(size),
  ];
  const policies = Array.from({ length: size.policies }, (_, index) => policyOf(size, index));
  const admin = Array.from({ length: size.adminPolicies ?? 0 }, (_, index) => adminPolicyOf(index));
  return { objects, policies: [...policies, ...admin] };
}
