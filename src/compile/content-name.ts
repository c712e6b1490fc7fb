import type { Selector } from "../kube/selector.ts";
import type { PodSelection } from "../model/selection.ts";
import { sha256 } from "./sha256.ts";

const alphabet = "abcdefghijklmnopqrstuvwxyz234567";
/** 80 bits: to hit the name of somebody else's content takes 2^80 tries. */
const digestCharacters = 16;

/** 80 bits of SHA-256 over the parts, each with its length, in base32. */
export function digestOf(parts: readonly string[]): string {
  const digest = sha256(parts.map((part) => `${part.length}:${part}`).join(""));
  let text = "";
  for (let index = 0; index < digestCharacters; index++) {
    const at = (5 * index) >> 3;
    const pair = ((digest[at] ?? 0) << 8) | (digest[at + 1] ?? 0);
    text += alphabet[(pair >> (11 - ((5 * index) & 7))) & 31];
  }
  return text;
}

const longestReadable = 40;

/** What of a text may stand in a name: letters, digits, dots, single dashes; bounded. */
export function readable(text: string): string {
  return text
    .slice(0, 4 * longestReadable)
    .replaceAll(/[^A-Za-z0-9.]+/g, "-")
    .slice(0, longestReadable)
    .replaceAll(/^[-.]+|[-.]+$/g, "");
}

/** `PREFIX-READABLE-DIGEST`. The readable part is for people, only the digest tells names apart. */
export function contentName(prefix: string, text: string, digest: string): string {
  const part = readable(text);
  return part === "" ? `${prefix}-${digest}` : `${prefix}-${part}-${digest}`;
}

/** A few words about whom a selection picks: `alpha.run.access`, `any.all`. */
export function selectionWords(selection: PodSelection): string {
  const { namespaces, pods } = selection;
  const where = namespaces.kind === "name" ? namespaces.name : selectorWords(namespaces.selector, "any");
  return `${where}.${selectorWords(pods, "all")}`;
}

export function selectorWords(selector: Selector, ofEverything: string): string {
  const words = selector.requirements.slice(0, 3).map((requirement) => {
    const key = requirement.key.slice(requirement.key.lastIndexOf("/") + 1);
    switch (requirement.operator) {
      case "In":
        return `${key}.${requirement.values.slice(0, 2).join(".")}`;
      case "NotIn":
        return `not.${key}.${requirement.values.slice(0, 2).join(".")}`;
      case "Exists":
        return key;
      case "DoesNotExist":
        return `no.${key}`;
    }
  });
  return words.length === 0 ? ofEverything : words.join(".");
}
