import { decodeNamespace } from "../../src/kube/decode/namespace.ts";
import type { ClusterObject } from "../../src/kube/objects.ts";
import { adminNetworkPolicyKind } from "../../src/policy/admin-network-policy/admin-network-policy.ts";
import type { Policy } from "../../src/policy/policy.ts";
import { serverPort } from "./path.ts";

/** Whether all policies select the measured pods, or none does. */
export type AdminWorld = "selecting" | "not-selecting";

const teams = 97;
const ports = 50;

function must<T>(value: T | null): T {
  if (value === null) throw new Error("the bench's own object does not decode");
  return value;
}

/** The namespace of a pod that is not measured: one of those that the policies speak of. */
export const teamOf = (index: number): string => `team-${index % teams}`;

/** The namespaces that the policies tell apart; the measured pods are in `bench`. */
export function teamNamespaces(): readonly ClusterObject[] {
  const names = ["bench", ...Array.from({ length: teams }, (_, index) => teamOf(index))];
  return names.map((name) => must(decodeNamespace({ metadata: { name, labels: { team: name } } }).value));
}

/**
 * So many admin policies, Allow, Deny and Pass in turn, each with peers of its own by namespace (every tenth by CIDR on
 * top) and nine of ten with a port or two of fifty, the measured one among them. None speaks of the client, so that a
 * connection to the server meets all there is to ask, and the NetworkPolicy after it.
 */
export function adminPolicies(count: number, world: AdminWorld): readonly Policy[] {
  const subject =
    world === "selecting"
      ? { namespaces: {} }
      : { namespaces: { matchLabels: { "kubernetes.io/metadata.name": "nobody" } } };
  return Array.from({ length: count }, (_, index) => {
    const peers = [
      { namespaces: { matchLabels: { team: teamOf(index) } } },
      {
        pods: {
          namespaceSelector: { matchLabels: { team: teamOf(index * 7) } },
          podSelector: { matchLabels: { app: `other-${index}` } },
        },
      },
    ];
    const networks = index % 10 === 5 ? [{ networks: [`198.51.${index % 256}.0/24`] }] : [];
    const rule = {
      action: ["Allow", "Deny", "Pass"][index % 3],
      ...(index % 10 === 0 ? {} : { ports: portsOf(index) }),
    };
    const spec = {
      subject,
      priority: index,
      ingress: [{ ...rule, from: peers }],
      egress: [{ ...rule, to: [...peers, ...networks] }],
    };
    const read = adminNetworkPolicyKind.decode({
      apiVersion: "policy.networking.k8s.io/v1alpha1",
      kind: "AdminNetworkPolicy",
      metadata: { name: `admin-${index}` },
      spec,
    });
    if (read.errors.length > 0) throw new Error(`the bench's own policy has errors: ${JSON.stringify(read.errors)}`);
    return must(read.policy);
  });
}

function portsOf(index: number): readonly object[] {
  const number = (port: number): object => ({ portNumber: { protocol: "TCP", port } });
  const range = { portRange: { protocol: "UDP", start: serverPort, end: serverPort + 10 } };
  return index % 4 === 1 ? [number(serverPort + (index % ports)), range] : [number(serverPort + (index % ports))];
}
