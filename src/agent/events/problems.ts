import { policyKinds } from "../../policy/kinds.ts";
import type { Finding, ObjectReference } from "../../source/source.ts";
import type { LedgerEntry } from "../ledger.ts";
import { isPolicyKind, isUnreadKind } from "../status/policy-status.ts";
import type { Problem } from "./event.ts";

/** What is wrong with the policies now, as far as it is known which objects of the API server they are. */
export interface ProblemFacts {
  readonly findings: readonly Finding[];
  /** Policies that the dataplane refuses, each with the reason. */
  readonly unsupported: ReadonlyMap<string, string>;
  readonly entry: (id: string) => LedgerEntry | null;
}

/** The messages about one object are one Event: a policy with twenty wrong rules has one owner. */
function together(references: readonly (readonly [ObjectReference, string])[]): readonly Problem[] {
  const byObject = new Map<string, { readonly reference: ObjectReference; readonly messages: string[] }>();
  for (const [reference, message] of references) {
    const { kind, namespace, name, uid } = reference;
    const key = JSON.stringify([kind, namespace, name, uid]);
    const entry = byObject.get(key) ?? { reference, messages: [] };
    entry.messages.push(message);
    byObject.set(key, entry);
  }
  return [...byObject.values()].map(({ reference, messages }) => ({
    reference,
    reason: isUnreadKind(reference.kind) ? "UnsupportedPolicy" : "InvalidPolicy",
    // In an order that every agent finds.
    message: [...new Set(messages)].sort((a, b) => (a < b ? -1 : 1)).join("; "),
  }));
}

function referenceOf(entry: LedgerEntry): ObjectReference | null {
  const [kind = "", ...rest] = entry.id.split("/");
  const policyKind = policyKinds.find((one) => one.kind === kind);
  const name = rest.at(-1);
  if (policyKind === undefined || entry.version === null || name === undefined) return null;
  return {
    apiVersion: policyKind.apiVersions[0] ?? "",
    kind,
    namespace: rest.length > 1 ? (rest[0] ?? null) : null,
    name,
    uid: entry.version.uid,
    resourceVersion: entry.version.resourceVersion,
  };
}

export function problemsOf({ findings, unsupported, entry }: ProblemFacts): readonly Problem[] {
  const found = findings.flatMap(({ reference, message }) =>
    reference && isPolicyKind(reference.kind) ? [[reference, message] as const] : [],
  );
  const refused = [...unsupported].flatMap(([id, message]): Problem[] => {
    const known = entry(id);
    const reference = known === null ? null : referenceOf(known);
    return reference === null ? [] : [{ reference, reason: "UnsupportedPolicy", message }];
  });
  return [...together(found), ...refused];
}
