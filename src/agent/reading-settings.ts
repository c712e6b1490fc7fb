import { printable } from "../observe/printable.ts";
import { allGatesOpen, type FeatureGate, type FeatureGates, featureGates } from "../policy/feature-gates.ts";
import { policyKinds, unreadKinds } from "../policy/kinds.ts";
import type { Read } from "./setting-values.ts";

const knownKinds = [...policyKinds, ...unreadKinds].map(({ kind }) => kind);

const shown = (text: string): string => `"${printable(text, 100)}"`;

/** Lists with commas, one or several of them, as one. */
const wordsOf = (texts: readonly string[]): readonly string[] => texts.flatMap((text) => text.split(","));

/** Kinds of policies: `NetworkPolicy,AdminNetworkPolicy`. */
export function readPolicyKinds(texts: readonly string[]): Read<readonly string[]> {
  const words = wordsOf(texts);
  const wrong = words.filter((word) => !knownKinds.includes(word));
  if (wrong.length === 0) return { ok: true, value: [...new Set(words)] };
  return { ok: false, reason: `${wrong.map(shown).join(", ")} is none of: ${knownKinds.join(", ")}` };
}

const isGate = (name: string): name is FeatureGate => featureGates.some((gate) => gate === name);

/** The gates that are open after `NodePeers=false,DomainNames=true`: those that are not named are. */
export function readFeatureGates(texts: readonly string[]): Read<FeatureGates> {
  const open = new Set(allGatesOpen);
  const named = new Set<FeatureGate>();
  for (const word of wordsOf(texts)) {
    const [name = "", value, ...more] = word.split("=");
    if (!isGate(name) || (value !== "true" && value !== "false") || more.length > 0)
      return {
        ok: false,
        reason: `${shown(word)} is not GATE=true or GATE=false, with one of: ${featureGates.join(", ")}`,
      };
    if (named.has(name)) return { ok: false, reason: `${name} is named twice` };
    named.add(name);
    if (value === "false") open.delete(name);
  }
  return { ok: true, value: open };
}
