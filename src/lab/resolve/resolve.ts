import type { Namespace, Node, NodeAddress, Pod, Service } from "../../kube/objects.ts";
import { internLabels } from "../../kube/labels.ts";
import { addressFromValue, addressValue, type Address } from "../../net/address.ts";
import type { Cluster } from "../../policy/cluster.ts";

/** The objects of a lab, with all that manifests may leave out filled in: every pod has a node, every node addresses. */
export interface LabObjects {
  readonly namespaces: readonly Namespace[];
  readonly nodes: readonly Node[];
  readonly pods: readonly Pod[];
  readonly services: readonly Service[];
}

const firstNode = { 4: addressValue("172.18.0.2" as Address), 6: addressValue("fd00:172:18::2" as Address) };

function byName(a: { readonly name: string }, b: { readonly name: string }): number {
  return a.name < b.name ? -1 : 1;
}

function podOrder(a: Pod, b: Pod): number {
  if (a.namespace !== b.namespace) return a.namespace < b.namespace ? -1 : 1;
  return byName(a, b);
}

function bareNode(name: string): Node {
  const labels = internLabels({ "kubernetes.io/hostname": name });
  return { kind: "Node", name, labels, podCidrs: [], addresses: [] };
}

/** Nodes without an address get one of each family that nobody else has. */
function withAddresses(nodes: readonly Node[], taken: ReadonlySet<Address>): readonly Node[] {
  let index = 0n;
  return nodes.map((node) => {
    if (node.addresses.length > 0) return node;
    let pair: readonly Address[];
    do {
      pair = [addressFromValue(4, firstNode[4] + index), addressFromValue(6, firstNode[6] + index)];
      index += 1n;
    } while (pair.some((address) => taken.has(address)));
    const addresses: NodeAddress[] = pair.map((address) => ({ type: "InternalIP", address }));
    return { ...node, addresses };
  });
}

/**
 * Fills in what cli.md says of the lab: without Nodes there are node-1 and node-2, a pod's unknown node comes into
 * being, and pods without a node alternate by namespace and name. `mentioned` addresses are not given to nodes.
 */
export function resolveObjects(cluster: Cluster, mentioned: readonly Address[]): LabObjects {
  const of = <K extends Cluster["objects"][number]["kind"]>(kind: K) =>
    cluster.objects.filter((object): object is Extract<typeof object, { kind: K }> => object.kind === kind);
  const services = of("Service");
  const given = of("Pod").toSorted(podOrder);
  const known = [...of("Node")];
  if (known.length === 0) for (const name of ["node-1", "node-2"]) known.push(bareNode(name));
  const spread = known.map(({ name }) => name).toSorted();
  for (const { nodeName } of given) {
    if (nodeName === "" || known.some(({ name }) => name === nodeName)) continue;
    known.push(bareNode(nodeName));
  }
  let turn = 0;
  const placed = given.map((pod) => {
    if (pod.nodeName !== "") return pod;
    const nodeName = spread[turn % spread.length] ?? "";
    turn += 1;
    return { ...pod, nodeName };
  });
  const taken = new Set<Address>([
    ...mentioned,
    ...placed.flatMap(({ addresses }) => addresses),
    ...known.flatMap(({ addresses }) => addresses.map(({ address }) => address)),
    ...services.flatMap(({ clusterIps, externalIps }) => [...clusterIps, ...externalIps]),
  ]);
  const nodes = withAddresses(known.toSorted(byName), taken);
  const pods = placed.map((pod) => (pod.hostNetwork ? onNode(pod, nodes) : pod));
  return { namespaces: of("Namespace"), nodes, pods, services };
}

/** A pod in the node's own network has the node's addresses. */
function onNode(pod: Pod, nodes: readonly Node[]): Pod {
  const node = nodes.find(({ name }) => name === pod.nodeName);
  return { ...pod, addresses: node?.addresses.map(({ address }) => address) ?? [] };
}

/** The objects as the evaluator and the agents' manifests take them. */
export function clusterOf(objects: LabObjects, policies: Cluster["policies"]): Cluster {
  const { namespaces, nodes, pods, services } = objects;
  return { objects: [...namespaces, ...nodes, ...pods, ...services], policies };
}
