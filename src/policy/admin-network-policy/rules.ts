import { selectorSchema, type ListSchema, type Schema } from "../../kube/schema/schema.ts";
import type { FeatureGates } from "../feature-gates.ts";
import { gated, networksSchema, noNamesBeside, podsOf, rulesSchema } from "../tiers/schemas.ts";
import { portItemSchema } from "./ports.ts";

/** Rules of v1alpha1, of both its kinds. */

const pods = podsOf(["namespaceSelector", "podSelector"]);
const most = 100;

/** The peers that only egress rules have, but for domain names. */
export function nodesAndNetworks(gates: FeatureGates): Readonly<Record<string, Schema>> {
  return { networks: networksSchema, nodes: gated("NodePeers", gates, selectorSchema) };
}

export function ingressSchema(actions: readonly string[], gates: FeatureGates): ListSchema {
  return rulesSchema("from", { actions, peers: pods, ports: ["ports", portItemSchema(gates)], most });
}

export function egressSchema(
  actions: readonly string[],
  outside: Readonly<Record<string, Schema>>,
  gates: FeatureGates,
): ListSchema {
  return rulesSchema("to", {
    actions,
    peers: { ...pods, ...outside },
    ports: ["ports", portItemSchema(gates)],
    most,
    validations: [noNamesBeside(Object.keys(outside), "ports", "namedPort")],
  });
}
