import type { ObjectSchema } from "../../kube/schema/schema.ts";
import { decodePort } from "../admin-network-policy/ports.ts";
import { egressSchema, ingressSchema, nodesAndNetworks } from "../admin-network-policy/rules.ts";
import type { FeatureGates } from "../feature-gates.ts";
import { tieredPolicyKind } from "../tiers/decode.ts";
import type { TieredKind } from "../tiers/tiered-kind.ts";
import { oneOf, podsOf } from "../tiers/schemas.ts";

const actions = ["Allow", "Deny"];

function schema(gates: FeatureGates): ObjectSchema {
  return {
    type: "object",
    properties: {
      subject: oneOf(podsOf(["namespaceSelector", "podSelector"])),
      ingress: ingressSchema(actions, gates),
      egress: egressSchema(actions, nodesAndNetworks(gates), gates),
    },
    required: ["subject"],
  };
}

/** The only name that it may have. */
const onlyName = "default";

/** After every ClusterNetworkPolicy of the tier (semantics.md): priorities are of 32 bits. */
const last = 2 ** 31;

/** What tells it from the other kinds. */
export const baselineAdminNetworkPolicy: TieredKind = {
  kind: "BaselineAdminNetworkPolicy",
  apiVersion: "policy.networking.k8s.io/v1alpha1",
  resource: "baselineadminnetworkpolicies",
  schema,
  actions: new Map([
    ["Allow", "accept"],
    ["Deny", "deny"],
  ]),
  accepts: "Allow",
  ports: "ports",
  decodePort,
  // One of another name must not outrank the one that is valid.
  placeOf: (_, name) => ({ tier: "baseline", priority: name === onlyName ? last : last + 1 }),
  nameError: (name) =>
    name === null || name === onlyName
      ? null
      : {
          path: [],
          message:
            'Invalid value: Only one baseline admin network policy with metadata.name="default" can be created in the cluster',
        },
};

/** policy.networking.k8s.io/v1alpha1 BaselineAdminNetworkPolicy. */
export const baselineAdminNetworkPolicyKind = tieredPolicyKind(baselineAdminNetworkPolicy);
