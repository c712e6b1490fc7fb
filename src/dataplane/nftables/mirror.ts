import type { RulesetChange } from "../../ir/change.ts";
import type { Chain, ChainName, DomainSet, DomainSetName, Endpoint, NodeRules, Ruleset } from "../../ir/ruleset.ts";
import { addressSetOf, type AddressSet, emptyAddresses } from "../../net/address-set.ts";
import { familyOf, type Address, type Family } from "../../net/address.ts";
import type { Direction } from "../../policy/policy.ts";
import type { ElementNotes } from "./text.ts";
import type { MarkLayout } from "./generation.ts";
import { hexMark, nextGeneration, stampOf } from "./generation.ts";
import { memberKey } from "./members.ts";
import { NamesPath } from "./names-path.ts";
import { ObjectStore, type StoreChange } from "./object-store.ts";
import type { ElementData, Program } from "./program.ts";
import { baseChains, baseCounters, generationChainName, generationRule, verdictOf } from "./render/base-chains.ts";
import { baseSets, generationSetName, linkLocal } from "./render/base-sets.ts";
import { auditedChainName, planAudited } from "./render/audited-chain.ts";
import { chainNameOf, planChain } from "./render/chain.ts";
import { intervalKey } from "./render/counter-maps.ts";
import { namesDomains } from "./render/domain-lookups.ts";
import type { Below, PartId } from "./render/part.ts";
import type { Verdict } from "./statement.ts";

const families: readonly Family[] = [4, 6];

/** Where an endpoint's map leads in one direction: a chain of the kernel, and what of the Ruleset it is made of. */
interface FamilyChain {
  readonly name: string;
  readonly enforced: ChainName | null;
  readonly audit: ChainName | null;
  readonly family: Family;
}

/** Null: nothing decides there, and nothing is audited. */
function entryOf(endpoint: Endpoint, direction: Direction): FamilyChain | null {
  const family = familyOf(endpoint.address);
  const enforced = endpoint[direction];
  const audit = direction === "ingress" ? endpoint.auditIngress : endpoint.auditEgress;
  if (audit !== null) return { name: auditedChainName(enforced, audit, family), enforced, audit, family };
  return enforced === null ? null : { name: chainNameOf(enforced, family), enforced, audit, family };
}

/**
 * Our table as it should be, kept beside the kernel's: takes Rulesets and their changes and says what that does to the
 * objects. Chains are made for the families in which an endpoint needs them, once for all endpoints.
 */
export class Mirror {
  readonly store: ObjectStore;
  readonly #layout: MarkLayout;
  readonly #names: NamesPath;
  readonly #chains = new Map<ChainName, Chain>();
  readonly #endpoints = new Map<Address, Endpoint>();
  readonly #domainSets = new Map<DomainSetName, DomainSet>();
  #generation: number;
  #node: NodeRules;
  #ranges: AddressSet = emptyAddresses;

  constructor(table: string, layout: MarkLayout, generation: number, ruleset: Ruleset) {
    this.#layout = layout;
    this.#generation = generation;
    this.#node = ruleset.node;
    this.store = new ObjectStore(table);
    this.#names = new NamesPath(this.store);
    const { logGroup } = ruleset.node;
    this.store.place(baseChains(layout, generation, logGroup), baseSets(layout, generation, logGroup), baseCounters());
    this.#change(changeFromNothing(ruleset));
    this.store.take();
  }

  get program(): Program {
    return this.store.program;
  }

  get generation(): number {
    return this.#generation;
  }

  get node(): NodeRules {
    return this.#node;
  }

  /** All that endpoints have, in force and in audit. */
  get chains(): Iterable<Chain> {
    return this.#chains.values();
  }

  /** The sets of names by name. */
  get domainSets(): ReadonlyMap<DomainSetName, DomainSet> {
    return this.#domainSets;
  }

  /** The pods of the endpoints, to be shown beside their addresses. */
  get notes(): ElementNotes {
    return new Map([...this.#endpoints.values()].map(({ address, pod }) => [address, pod]));
  }

  /**
   * Follows the change and says what it did to the objects; the cost is the size of the change. `bumps`: open
   * connections are decided again by their next packet.
   */
  change(change: RulesetChange, bumps: boolean): StoreChange {
    this.#change(change);
    if (bumps) this.#bump();
    return this.store.take();
  }

  /** Goes on to the next generation. */
  bump(): StoreChange {
    this.#bump();
    return this.store.take();
  }

  #bump(): void {
    const generation = nextGeneration(this.#layout, this.#generation);
    const key = (value: number): string => hexMark(stampOf(this.#layout, value));
    this.store.setElement(generationSetName, key(this.#generation), undefined);
    this.store.setElement(generationSetName, key(generation), null);
    this.#generation = generation;
    this.store.replaceChain({
      name: generationChainName,
      hook: null,
      rules: [generationRule(this.#layout, generation)],
    });
  }

  #change(change: RulesetChange): void {
    this.#changeMembers(change);
    for (const chain of change.newChains) this.#chains.set(chain.name, chain);
    for (const name of change.goneDomainSets) this.#domainSets.delete(name);
    for (const set of change.newDomainSets) this.#domainSets.set(set.name, set);
    if (change.node !== null) this.#changeNode(change.node);
    const released: PartId[] = [];
    const gone = new Set(change.goneEndpoints);
    for (const endpoint of change.endpoints) gone.delete(endpoint.address);
    for (const endpoint of change.endpoints) this.#putEndpoint(endpoint.address, endpoint, released);
    for (const address of gone) this.#putEndpoint(address, null, released);
    this.#names.settle();
    for (const id of released) this.store.release(id);
    for (const name of change.goneChains) this.#chains.delete(name);
    for (const name of [...change.goneGroups, ...change.gonePairSets]) this.store.members.delete(name);
  }

  /** Before any chain is made: what is new then holds its final members. */
  #changeMembers(change: RulesetChange): void {
    for (const { name, join, leave } of [...change.groups, ...change.pairSets]) {
      for (const member of leave) this.#changeMember(name, member, false);
      for (const member of join) this.#changeMember(name, member, true);
    }
    for (const { name, members } of [...change.newGroups, ...change.newPairSets])
      this.store.members.create(name, members);
  }

  #changeMember(
    name: RulesetChange["groups"][number]["name"] | RulesetChange["pairSets"][number]["name"],
    member: Parameters<typeof memberKey>[0],
    joins: boolean,
  ): void {
    const { key, family } = memberKey(member);
    this.store.changeMember(name, family, key, joins);
  }

  #putEndpoint(address: Address, next: Endpoint | null, released: PartId[]): void {
    const before = this.#endpoints.get(address) ?? null;
    for (const chain of next === null ? [] : this.#chainsOf(next)) this.#holdChain(chain);
    if (before !== null) released.push(...this.#chainsOf(before).map(({ name }) => `chain ${name}` as const));
    if (next === null) this.#endpoints.delete(address);
    else this.#endpoints.set(address, next);
    this.#setEndpointElements(address, next);
    this.#setBelow(address, this.#belowOf(before), this.#belowOf(next));
    const names = (chain: ChainName | null | undefined): boolean => chain != null && namesDomains(this.#known(chain));
    this.#names.setLearner(address, names(next?.egress) || names(next?.auditEgress));
  }

  #belowOf(endpoint: Endpoint | null): readonly Below[] {
    return endpoint === null ? [] : this.#chainsOf(endpoint).flatMap(({ name }) => this.store.below(name) ?? []);
  }

  #setBelow(address: Address, before: readonly Below[], after: readonly Below[]): void {
    for (const { map, chain } of after) this.#put(map, address, { kind: "goto", chain });
    for (const { map } of before) if (!after.some((one) => one.map === map)) this.store.removeLate(map, address);
  }

  #known(name: ChainName): Chain {
    const found = this.#chains.get(name);
    if (found === undefined) throw new Error(`an endpoint refers to ${name}, which the Ruleset does not hold`);
    return found;
  }

  #chainsOf(endpoint: Endpoint): FamilyChain[] {
    return [entryOf(endpoint, "ingress"), entryOf(endpoint, "egress")].filter((entry) => entry !== null);
  }

  #holdChain({ name, enforced, audit, family }: FamilyChain): void {
    const id = `chain ${name}` as const;
    if (this.store.isHeld(id)) {
      this.store.hold(id, new Map());
      return;
    }
    const decides = enforced === null ? null : this.#known(enforced);
    if (audit !== null) this.store.hold(id, planAudited(decides, this.#known(audit), family));
    else if (decides !== null) this.store.hold(id, planChain(decides, family));
  }

  #setEndpointElements(address: Address, endpoint: Endpoint | null): void {
    const family = familyOf(address);
    const { ingress = null, egress = null } = endpoint ?? {};
    const entry = (direction: Direction): Verdict | null => {
      const chain = endpoint === null ? null : entryOf(endpoint, direction);
      return chain === null ? null : { kind: "goto", chain: chain.name };
    };
    const isKnown = endpoint !== null;
    const isIsolated = ingress !== null || egress !== null;
    const isGateway = this.#node.gateways.includes(address);
    const into = entry("ingress") ?? verdictOf.ingressAccepted;
    const out = entry("egress") ?? verdictOf.egressAccepted;
    this.#put(`in${family}`, address, isKnown || isGateway ? into : undefined);
    this.#put(`eg${family}`, address, isKnown ? out : undefined);
    this.#put(`iso${family}`, address, isKnown && isIsolated ? null : undefined);
    this.#put(`open${family}`, address, isKnown ? (isIsolated ? undefined : null) : isGateway ? null : undefined);
    this.#put(`self${family}`, `${address} . ${address}`, isKnown ? null : undefined);
  }

  #put(set: string, key: string, data: ElementData | undefined): void {
    const before = this.store.program.sets.get(set)?.elements.get(key);
    if (!sameData(before, data)) this.store.setElement(set, key, data);
  }

  /** The ranges' elements, then those of every endpoint and gateway: they depend on what the node says. */
  #changeNode(node: NodeRules): void {
    const before = this.#node.gateways;
    const wasRange = rangeKeys(this.#ranges);
    this.#node = node;
    this.#names.setLearning(node.names);
    this.#ranges = node.unknownPods === "drop" ? addressSetOf(node.ranges) : emptyAddresses;
    const isRange = rangeKeys(this.#ranges);
    for (const family of families) {
      const stays = new Set(isRange[family]);
      for (const key of wasRange[family]) if (!stays.has(key)) this.#put(`range${family}`, key, undefined);
      for (const key of isRange[family]) this.#put(`range${family}`, key, null);
    }
    this.#put("range6", linkLocal, node.unknownPods === "drop" ? null : undefined);
    for (const address of new Set([...before, ...node.gateways, ...this.#endpoints.keys()])) {
      this.#setEndpointElements(address, this.#endpoints.get(address) ?? null);
    }
  }
}

function rangeKeys(set: AddressSet): Readonly<Record<Family, readonly string[]>> {
  return {
    4: set.v4.map((interval) => intervalKey(4, interval)),
    6: set.v6.map((interval) => intervalKey(6, interval)),
  };
}

/** Whether two elements carry the same; undefined: there is none. */
export function sameData(a: ElementData | undefined, b: ElementData | undefined): boolean {
  if (a === b) return true;
  if (a === null || b === null || typeof a !== "object" || typeof b !== "object") return false;
  return a.kind === b.kind && ("chain" in a ? a.chain : "") === ("chain" in b ? b.chain : "");
}

/** Everything of a Ruleset as a change of one that is empty. */
function changeFromNothing(ruleset: Ruleset): RulesetChange {
  return {
    node: ruleset.node,
    newGroups: [...ruleset.groups.values()],
    newPairSets: [...ruleset.pairSets.values()],
    newChains: [...ruleset.chains.values()],
    endpoints: [...ruleset.endpoints.values()],
    groups: [],
    pairSets: [],
    goneEndpoints: [],
    goneChains: [],
    newDomainSets: [...ruleset.domainSets.values()],
    goneDomainSets: [],
    goneGroups: [],
    gonePairSets: [],
    canDeny: true,
  };
}
