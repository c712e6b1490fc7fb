import { keyOf } from "../kube/objects.ts";
import type { Policy, PolicyId } from "./policy.ts";

/** FNV-1a over UTF-16 units, eight hexadecimal digits. */
function fingerprint(text: string): string {
  let hash = 2166136261;
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 16777619);
  return (hash >>> 0).toString(16).padStart(8, "0");
}

/**
 * The name that a policy goes by whose name the API server would refuse, but which must isolate all the same. Printable
 * names of sane length stay as they are; others lose what could break a line or an id, and get a fingerprint.
 */
export function usableName(name: string): string {
  if (/^[!-.0-~]{1,253}$/.test(name)) return name;
  return `${name.slice(0, 40).replace(/[^A-Za-z0-9._-]/g, "_")}-${fingerprint(name)}`;
}

/**
 * The name that a policy goes by that has none, by what it does: two that do different things are two policies. One
 * that is edited is another one.
 */
export function nameForUnnamed(
  content: Pick<Policy, "tier" | "priority" | "mode" | "subject" | "ingress" | "egress">,
): string {
  const { tier, priority, mode, subject, ingress, egress } = content;
  const text = JSON.stringify([tier, priority, mode, subject, ingress, egress], (_, value: unknown) =>
    typeof value === "bigint" ? `${value}` : value,
  );
  return `unnamed-${fingerprint(text)}`;
}

export function policyId(kind: string, namespace: string | null, name: string): PolicyId {
  return keyOf({ kind, namespace, name }) as string as PolicyId;
}
