import { field } from "../../kube/decode/fields.ts";
import { type ObjectSchema, selectorSchema } from "../../kube/schema/schema.ts";
import type { FeatureGates } from "../feature-gates.ts";
import type { Tier } from "../policy.ts";
import { tieredPolicyKind } from "../tiers/decode.ts";
import type { TieredKind } from "../tiers/tiered-kind.ts";
import { priorityOf } from "../tiers/priority.ts";
import {
  domainNamesSchema,
  gated,
  networksSchema,
  noNamesBeside,
  oneOf,
  podsOf,
  prioritySchema,
  rulesSchema,
} from "../tiers/schemas.ts";
import { decodeProtocol, protocolItemSchema } from "./protocols.ts";

const pods = podsOf(["podSelector"]);

function schema(gates: FeatureGates): ObjectSchema {
  const rule = {
    actions: ["Accept", "Deny", "Pass"],
    ports: ["protocols", protocolItemSchema],
    most: 25,
  } as const;
  const outside = {
    networks: networksSchema,
    nodes: gated("NodePeers", gates, selectorSchema),
    domainNames: gated("DomainNames", gates, domainNamesSchema),
  };
  return {
    type: "object",
    properties: {
      tier: { type: "string", enum: ["Admin", "Baseline"] },
      priority: prioritySchema,
      subject: oneOf(pods),
      ingress: rulesSchema("from", { ...rule, peers: pods }),
      egress: rulesSchema("to", {
        ...rule,
        peers: { ...pods, ...outside },
        validations: [noNamesBeside(Object.keys(outside), "protocols", "destinationNamedPort")],
      }),
    },
    required: ["priority", "subject", "tier"],
  };
}

const tiers: ReadonlyMap<unknown, Tier> = new Map([
  ["Admin", "admin"],
  ["Baseline", "baseline"],
]);

/** What tells it from the other kinds. */
export const clusterNetworkPolicy: TieredKind = {
  kind: "ClusterNetworkPolicy",
  apiVersion: "policy.networking.k8s.io/v1alpha2",
  resource: "clusternetworkpolicies",
  schema,
  actions: new Map([
    ["Accept", "accept"],
    ["Deny", "deny"],
    ["Pass", "pass"],
  ]),
  accepts: "Accept",
  ports: "protocols",
  decodePort: decodeProtocol,
  placeOf: (spec) => {
    const tier = tiers.get(field(spec, "tier"));
    const priority = priorityOf(spec);
    return tier === undefined || priority === null ? null : { tier, priority };
  },
};

/** policy.networking.k8s.io/v1alpha2 ClusterNetworkPolicy. */
export const clusterNetworkPolicyKind = tieredPolicyKind(clusterNetworkPolicy);
