import assert from "node:assert/strict";
import { compileWhole } from "../src/compile/whole.ts";
import type { AddressConnection, Connection, Decision, EvaluateOptions } from "../src/evaluate/decision.ts";
import { defaultOptions } from "../src/evaluate/decision.ts";
import type { WorkloadPods } from "../src/evaluate/end.ts";
import { createEvaluator } from "../src/evaluate/indexed.ts";
import { readQuery } from "../src/evaluate/query.ts";
import { evaluate } from "../src/evaluate/reference.ts";
import { createResolver } from "../src/evaluate/resolve.ts";
import { decide as decideByRuleset } from "../src/ir/decide.ts";
import type { Cluster } from "../src/policy/cluster.ts";
import type { ApiObject } from "./cluster-of.ts";
import { clusterOf } from "./cluster-of.ts";

/** A pod with an address; `name` is `namespace/name`. */
export function pod(name: string, address: string | readonly string[], more: PodFields = {}): ApiObject {
  const [namespaceName, short] = name.split("/");
  const { labels = {}, ports = [], spec = {}, status = {}, ...metadata } = more;
  const podIPs = [address].flat().map((ip) => ({ ip }));
  const containers = [{ name: "main", image: "main", ports }];
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { namespace: namespaceName, name: short, labels, ...metadata },
    spec: { containers, ...spec },
    status: { phase: "Running", podIPs, ...status },
  };
}

export interface PodFields {
  readonly labels?: Readonly<Record<string, string>>;
  readonly ports?: readonly object[];
  readonly spec?: object;
  readonly status?: object;
  readonly creationTimestamp?: string;
}

export function namespace(name: string, labels: Readonly<Record<string, string>> = {}): ApiObject {
  return { apiVersion: "v1", kind: "Namespace", metadata: { name, labels } };
}

export function node(
  name: string,
  addresses: readonly string[],
  podCIDRs: readonly string[] = [],
  labels: Readonly<Record<string, string>> = {},
): ApiObject {
  const status = { addresses: addresses.map((address) => ({ type: "InternalIP", address })) };
  return { apiVersion: "v1", kind: "Node", metadata: { name, labels }, spec: { podCIDRs }, status };
}

/** A NetworkPolicy; `name` is `namespace/name`, `spec` undefined leaves the field out. */
export function networkPolicy(name: string, spec: object | undefined, metadata: object = {}): ApiObject {
  const [namespaceName, short] = name.split("/");
  return {
    apiVersion: "networking.k8s.io/v1",
    kind: "NetworkPolicy",
    metadata: { namespace: namespaceName, name: short, ...metadata },
    ...(spec === undefined ? {} : { spec }),
  };
}

export function service(name: string, ports: readonly object[], spec: object = {}): ApiObject {
  const [namespaceName, short] = name.split("/");
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { namespace: namespaceName, name: short },
    spec: { ports, ...spec },
  };
}

export interface Asked {
  readonly options?: Partial<EvaluateOptions>;
  readonly workloads?: readonly WorkloadPods[];
}

/** Whether the Rulesets of all nodes together accept what the node that forwards it would be asked. */
function isAccepted(
  cluster: Cluster,
  { source, destination, ...rest }: AddressConnection,
  options: EvaluateOptions,
): boolean {
  const { objects } = cluster;
  const running = objects.filter((object) => object.kind === "Pod").map((one) => one.nodeName);
  const nodes = new Set([...running, ...objects.filter((object) => object.kind === "Node").map((one) => one.name)]);
  return [...nodes].every((nodeName) => {
    const ruleset = compileWhole(cluster, { ...options, nodeName, podCidrs: null, established: "cut", logGroup: null });
    return decideByRuleset(ruleset, { client: source, backend: destination, ...rest }) === "accept";
  });
}

/**
 * What a node sends itself is not forwarded, so no Ruleset is asked about it (semantics.md, 4). Nor about names: packets
 * go to addresses.
 */
function isForwarded({ objects }: Cluster, connection: Connection): connection is AddressConnection {
  const { source, sourceNode, domain } = connection;
  const fromNode = objects.some(
    (one) => one.kind === "Node" && one.addresses.some(({ address }) => address === source),
  );
  return sourceNode === null && !fromNode && domain === null;
}

/**
 * What both evaluators say, and the Rulesets made of this cluster, which must all be the same; a text is why the query
 * cannot be answered.
 */
export function decideIn(cluster: Cluster, query: object, asked: Asked = {}): Decision | string {
  const options = { ...defaultOptions, ...asked.options };
  const read = readQuery(query);
  if ("error" in read) return read.error;
  const connection = createResolver(cluster, asked.workloads ?? []).resolve(read);
  if ("error" in connection) return connection.error;
  const reference = evaluate(cluster, connection, options);
  assert.deepEqual(createEvaluator(cluster, options).decide(connection), reference);
  if (isForwarded(cluster, connection)) {
    assert.equal(
      isAccepted(cluster, connection, options),
      reference.verdict === "allow",
      "the Rulesets decide otherwise",
    );
  }
  return reference;
}

export function decide(objects: readonly ApiObject[], query: object, asked: Asked = {}): Decision {
  const decision = decideIn(clusterOf(objects), query, asked);
  if (typeof decision === "string") throw new Error(decision);
  return decision;
}

/** Asks `FROM TO PROTOCOL/PORT`, the port left out where the protocol has none: `x/a x/b TCP/80`. */
export function ask(objects: readonly ApiObject[], question: string, asked: Asked = {}): "allow" | "deny" {
  const [from, to, over = ""] = question.split(" ");
  const [protocol, port] = over.split("/");
  return decide(objects, { from, to, protocol, ...(port === undefined ? {} : { port: Number(port) }) }, asked).verdict;
}

/** Why a query cannot be answered; throws if it can. */
export function refusal(objects: readonly ApiObject[], query: object, asked: Asked = {}): string {
  const decision = decideIn(clusterOf(objects), query, asked);
  if (typeof decision !== "string") throw new Error(`answered: ${decision.verdict}`);
  return decision;
}
