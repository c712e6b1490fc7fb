import type { NameLearning } from "../../ir/ruleset.ts";
import { type Address, familyOf } from "../../net/address.ts";
import type { ObjectStore } from "./object-store.ts";
import { learnersSet, namesHooks, planNames, resolversSet } from "./render/names-chains.ts";

/**
 * The way of DNS to user space, in the store beside the rest: there while names are to be learned and an endpoint has
 * a rule that names some, so that no other node's packets meet it. Follows changes one at a time, at the cost of them.
 */
export class NamesPath {
  readonly #store: ObjectStore;
  readonly #learners = new Set<Address>();
  #learning: NameLearning | null = null;
  #isThere = false;

  constructor(store: ObjectStore) {
    this.#store = store;
  }

  setLearner(address: Address, learns: boolean): void {
    if (this.#learners.has(address) === learns) return;
    if (learns) this.#learners.add(address);
    else this.#learners.delete(address);
    if (this.#isThere) this.#store.setElement(learnersSet(familyOf(address)), address, learns ? null : undefined);
  }

  setLearning(learning: NameLearning | null): void {
    const before = this.#learning?.resolvers ?? [];
    this.#learning = learning;
    if (!this.#isThere) return;
    const after = new Set(learning?.resolvers);
    for (const address of before) if (!after.has(address)) this.#setResolver(address, undefined);
    for (const address of before) after.delete(address);
    for (const address of after) this.#setResolver(address, null);
  }

  /** At the end of each change: what it led to is there or goes. */
  settle(): void {
    const learning = this.#learners.size > 0 ? this.#learning : null;
    if (learning !== null && !this.#isThere) {
      const plan = planNames(learning, this.#learners);
      for (const id of namesHooks) this.#store.hold(id, plan);
    }
    if (learning === null && this.#isThere) for (const id of namesHooks) this.#store.release(id);
    this.#isThere = learning !== null;
  }

  #setResolver(address: Address, data: null | undefined): void {
    this.#store.setElement(resolversSet(familyOf(address)), address, data);
  }
}
