import { clusterNetworkPolicyKind } from "../src/policy/cluster-network-policy/cluster-network-policy.ts";
import type { Policy } from "../src/policy/policy.ts";
import { namespaceNameOf } from "./cluster.ts";

const anywhere = { namespaces: {} };
const stages = ["prod", "test", "dev"];

/** Half of them select every pod, a third those of a stage, the rest a namespace. */
function subjectOf(index: number): object {
  const place = index % 10;
  if (place < 5) return anywhere;
  const matchLabels =
    place < 8 ? { stage: stages[index % 3] } : { "kubernetes.io/metadata.name": namespaceNameOf(index) };
  return { namespaces: { matchLabels } };
}

const tcp = (number: number): object => ({ tcp: { destinationPort: { number } } });

/** As teams of platforms write them: monitoring is let in, some ports are shut, tenants decide about others. */
function specOf(index: number, port: number): object {
  const monitoring = {
    pods: {
      namespaceSelector: { matchLabels: { stage: stages[index % 3] } },
      podSelector: { matchLabels: { tier: `tier-${index % 3}` } },
    },
  };
  const tenant = {
    pods: { namespaceSelector: {}, podSelector: { matchLabels: { app: `app-${index}` } } },
  };
  return {
    tier: index % 20 === 19 ? "Baseline" : "Admin",
    priority: index % 1001,
    subject: subjectOf(index),
    ingress: [
      { action: "Accept", from: [monitoring], protocols: [tcp(9000 + (index % 50))] },
      { action: "Deny", from: [tenant], protocols: [tcp(port), tcp(10_000 + index)] },
    ],
    egress: [
      { action: "Pass", to: [tenant], protocols: [tcp(10_000 + index)] },
      { action: "Deny", to: [{ networks: [`198.18.${index % 256}.0/24`] }] },
      ...(index % 100 === 0 ? [{ action: "Accept", to: [{ nodes: {} }], protocols: [tcp(6443)] }] : []),
      ...(index % 100 === 1 ? [{ action: "Accept", to: [{ domainNames: [`*.site-${index}.example.org`] }] }] : []),
    ],
  };
}

/** One of the cluster's policies of the ordered tiers. `port` tells versions of a policy apart. */
export function adminPolicyOf(index: number, port = 25, more: object = {}): Policy {
  const { policy, errors } = clusterNetworkPolicyKind.decode({
    apiVersion: "policy.networking.k8s.io/v1alpha2",
    kind: "ClusterNetworkPolicy",
    metadata: { name: `admin-${index}` },
    spec: { ...specOf(index, port), ...more },
  });
  if (policy === null || errors.length > 0) throw new Error("the bench's own policy does not decode");
  return policy;
}
