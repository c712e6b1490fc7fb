import type { NameLearning } from "../../../ir/ruleset.ts";
import { type Address, type Family, familyOf } from "../../../net/address.ts";
import type { ProgramChain, ProgramSet, Rule } from "../program.ts";
import type { KeyField, Statement } from "../statement.ts";
import type { Part, PartId, Plan } from "./part.ts";

const families: readonly Family[] = [4, 6];

/**
 * Questions are held before connection tracking makes an entry for them (-200). Behind it, two questions of one socket
 * (A and AAAA) that wait at the same time would have two entries, a Service may lead them to two pods, and some kernels
 * lose the second one then (6.1 does, 6.18 does not): whoever asks so waits five seconds for it.
 */
const beforeTracking = -290;
/** Answers behind all filters, and with the address that was asked: what Services translated is put back at 100. */
const asTheyArrive = 150;
const dnsPort = 53;

const goto = (chain: string): Statement => ({ kind: "verdict", verdict: { kind: "goto", chain } });
const rule = (...statements: readonly Statement[]): Rule => ({ statements, comment: null });
const transports = [17, 6].map((protocol): Statement => ({ kind: "l4proto", protocol }));

/** Whose answers are learned from, and whose questions they are: `names4`, `resolvers6` … */
export const learnersSet = (family: Family): string => `names${family}`;
export const resolversSet = (family: Family): string => `resolvers${family}`;

/** What must be held for packets to be shown. */
export const namesHooks: readonly PartId[] = ["chain names_asked", "chain names_answered"];

/**
 * DNS between the learners and the resolvers goes to the queue as the learners send and get it: questions before
 * anything is done with them, answers after everything is. By what stands in the packet, so it is the same wherever
 * the resolver is (elsewhere, in a pod of this node, on the node itself) and whether it is tracked or not. All else meets
 * a comparison or two on each of the two hooks.
 */
export function planNames({ queue, resolvers }: NameLearning, learners: Iterable<Address>): Plan {
  const plan = new Map<PartId, Part>();
  const all = [...learners];
  const sets = families.flatMap((family): ProgramSet[] => [
    addressesSet(family, learnersSet(family), "pods whose policies name domains", all),
    addressesSet(family, resolversSet(family), "resolvers that are learned from", resolvers),
  ]);
  for (const set of sets)
    plan.set(`set ${set.name}`, { id: `set ${set.name}`, uses: [], object: { kind: "set", set } });
  const setIds = sets.map(({ name }): PartId => `set ${name}`);
  const add = (chain: ProgramChain, uses: readonly PartId[]): PartId => {
    const id: PartId = `chain ${chain.name}`;
    plan.set(id, { id, uses, object: { kind: "chain", chain } });
    return id;
  };
  const shown = add({ name: "names_shown", hook: null, rules: [rule({ kind: "queue", queue })] }, []);
  const questions = add({ name: "names_questions", hook: null, rules: questionRules }, [...setIds, shown]);
  const answers = add({ name: "names_answers", hook: null, rules: answerRules }, [...setIds, shown]);
  add({ name: "names_asked", hook: "prerouting", priority: beforeTracking, rules: askedRules }, [questions]);
  add({ name: "names_answered", hook: "postrouting", priority: asTheyArrive, rules: answeredRules }, [answers]);
  return plan;
}

const ofPort = (end: "source" | "destination", chain: string): readonly Rule[] =>
  transports.map((transport) => rule(transport, { kind: "header-port", end, port: dnsPort }, goto(chain)));

const askedRules = ofPort("destination", "names_questions");
const answeredRules = ofPort("source", "names_answers");

const isIn = (field: KeyField, set: string): Statement => ({ kind: "lookup", key: [field], set });

const questionRules = families.map((family) =>
  rule(
    isIn(`source${family}`, learnersSet(family)),
    isIn(`destination${family}`, resolversSet(family)),
    goto("names_shown"),
  ),
);

/** What begins a connection is no answer, whoever says that he sent it. */
const answerRules: readonly Rule[] = [
  rule({ kind: "ct-direction", direction: "original" }, { kind: "verdict", verdict: { kind: "return" } }),
  ...families.map((family) =>
    rule(
      isIn(`destination${family}`, learnersSet(family)),
      isIn(`source${family}`, resolversSet(family)),
      goto("names_shown"),
    ),
  ),
];

function addressesSet(family: Family, name: string, comment: string, addresses: readonly Address[]): ProgramSet {
  const own = addresses.filter((address) => familyOf(address) === family);
  const elements = new Map(own.map((address) => [address, null]));
  const key = [family === 4 ? "ipv4_addr" : "ipv6_addr"] as const;
  return { name, key, data: "none", interval: false, size: null, comment, elements };
}
