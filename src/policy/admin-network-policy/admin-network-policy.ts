import type { ObjectSchema } from "../../kube/schema/schema.ts";
import type { FeatureGates } from "../feature-gates.ts";
import { tieredPolicyKind } from "../tiers/decode.ts";
import type { TieredKind } from "../tiers/tiered-kind.ts";
import { priorityOf } from "../tiers/priority.ts";
import { domainNamesSchema, gated, oneOf, prioritySchema, podsOf } from "../tiers/schemas.ts";
import { decodePort } from "./ports.ts";
import { egressSchema, ingressSchema, nodesAndNetworks } from "./rules.ts";

const actions = ["Allow", "Deny", "Pass"];

function schema(gates: FeatureGates): ObjectSchema {
  const domainNames = gated("DomainNames", gates, domainNamesSchema);
  return {
    type: "object",
    properties: {
      priority: prioritySchema,
      subject: oneOf(podsOf(["namespaceSelector", "podSelector"])),
      ingress: ingressSchema(actions, gates),
      egress: egressSchema(actions, { ...nodesAndNetworks(gates), domainNames }, gates),
    },
    required: ["priority", "subject"],
  };
}

/** What tells it from the other kinds. */
export const adminNetworkPolicy: TieredKind = {
  kind: "AdminNetworkPolicy",
  apiVersion: "policy.networking.k8s.io/v1alpha1",
  resource: "adminnetworkpolicies",
  schema,
  actions: new Map([
    ["Allow", "accept"],
    ["Deny", "deny"],
    ["Pass", "pass"],
  ]),
  accepts: "Allow",
  ports: "ports",
  decodePort,
  placeOf: (spec) => {
    const priority = priorityOf(spec);
    return priority === null ? null : { tier: "admin", priority };
  },
};

/** policy.networking.k8s.io/v1alpha1 AdminNetworkPolicy. */
export const adminNetworkPolicyKind = tieredPolicyKind(adminNetworkPolicy);
