import type { Node, Pod, Service } from "../kube/objects.ts";
import { workloadKinds } from "../kube/objects.ts";
import type { Address } from "../net/address.ts";
import { parseAddress } from "../net/address.ts";
import type { DomainName } from "../net/domain-name.ts";
import { parseDomainName } from "../net/domain-name.ts";
import type { Unanswerable } from "./query.ts";
import { quoted } from "./query.ts";

/** The pods of a workload, `namespace/name` each, in the order in which they stand for it. */
export interface WorkloadPods {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly pods: readonly string[];
}

/** What an END names. */
export type Named =
  | { readonly kind: "pod"; readonly pod: Pod }
  | { readonly kind: "workload"; readonly key: string; readonly pods: readonly Pod[] }
  | { readonly kind: "node"; readonly node: Node }
  | { readonly kind: "service"; readonly service: Service; readonly addresses: readonly Address[] }
  | { readonly kind: "address"; readonly address: Address }
  /** A host outside of which only the name is known. */
  | { readonly kind: "domain"; readonly domain: DomainName };

/** What ENDs are looked up in. */
export interface Directory {
  pod(key: string): Pod | undefined;
  node(name: string): Node | undefined;
  service(key: string): Service | undefined;
  /** The Service whose clusterIP or externalIP this is. */
  serviceAt(address: Address): Service | undefined;
  /** By `Kind/namespace/name`. */
  workload(key: string): WorkloadPods | undefined;
}

const kindBySpelling: ReadonlyMap<string, string> = new Map(workloadKinds.map((kind) => [kind.toLowerCase(), kind]));

/** Reads an END and finds what it names. Both sides read alike; what only `to` may be is refused for `from`. */
export function findEnd(text: string, side: "from" | "to", directory: Directory): Named | Unanswerable {
  const found = find(text, side, directory);
  return "error" in found ? { error: `${side}: ${quoted(text)}: ${found.error}` } : found;
}

function find(text: string, side: "from" | "to", directory: Directory): Named | Unanswerable {
  const address = text.includes("/") ? null : parseAddress(text);
  if (address !== null) return findAddress(address, side, directory);
  const slash = text.indexOf("/");
  if (slash <= 0) return { error: "is neither an address nor NAMESPACE/POD, NAMESPACE/KIND/NAME, node/NAME, dns/NAME" };
  const [first, rest] = [text.slice(0, slash), text.slice(slash + 1)];
  // Where a namespace is called node or dns, these two prefixes win.
  if (first === "node") return findNode(rest, directory);
  if (first === "dns") return findDomain(rest, side);
  const words = rest.split("/");
  const [kind, name] = words;
  if (words.length > 2 || kind === undefined || words.includes("")) return { error: "has a part too many or too few" };
  if (name === undefined) return findPod(`${first}/${kind}`, directory);
  // Kinds are read in any case, as those of workloads are.
  if (kind.toLowerCase() === "pod") return findPod(`${first}/${name}`, directory);
  if (kind.toLowerCase() === "svc") return findService(`${first}/${name}`, side, directory);
  return findWorkload(kind, first, name, directory);
}

function findAddress(address: Address, side: "from" | "to", directory: Directory): Named {
  // Nothing sends from a Service's address: only as `to` is it the Service.
  const service = side === "to" ? directory.serviceAt(address) : undefined;
  return service === undefined ? { kind: "address", address } : { kind: "service", service, addresses: [address] };
}

function findNode(name: string, directory: Directory): Named | Unanswerable {
  const node = directory.node(name);
  return node === undefined ? { error: "there is no such Node" } : { kind: "node", node };
}

function findDomain(text: string, side: "from" | "to"): Named | Unanswerable {
  if (side === "from") return { error: "a domain can only be `to`" };
  if (parseAddress(text) !== null) return { error: "is an address: ask for it without dns/" };
  const domain = parseDomainName(text);
  if (domain !== null) return { kind: "domain", domain };
  return { error: text.startsWith("*.") ? "a pattern is no END: ask for one name" : "is no domain name" };
}

function findPod(key: string, directory: Directory): Named | Unanswerable {
  const pod = directory.pod(key);
  if (pod === undefined) return { error: "there is no such Pod" };
  return pod.finished ? { error: "the Pod is finished" } : { kind: "pod", pod };
}

function findService(key: string, side: "from" | "to", directory: Directory): Named | Unanswerable {
  if (side === "from") return { error: "a Service can only be `to`" };
  const service = directory.service(key);
  if (service === undefined) return { error: "there is no such Service" };
  return { kind: "service", service, addresses: service.clusterIps };
}

function findWorkload(spelling: string, namespace: string, name: string, directory: Directory): Named | Unanswerable {
  const kind = kindBySpelling.get(spelling.toLowerCase());
  if (kind === undefined) return { error: `${quoted(spelling)} is no kind of workload, nor pod or svc` };
  const key = `${kind}/${namespace}/${name}`;
  const workload = directory.workload(key);
  if (workload === undefined) return { error: `there is no such ${kind}` };
  const pods = workload.pods.map((pod) => directory.pod(pod)).filter((pod) => pod !== undefined && !pod.finished);
  if (pods.length === 0) return { error: `the ${kind} has no pods` };
  return { kind: "workload", key, pods: pods.filter((pod) => pod !== undefined) };
}
