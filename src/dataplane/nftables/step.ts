import type { ElementData, ElementKey, ProgramChain, ProgramCounter, ProgramSet, Rule } from "./program.ts";

/** One transaction: all of it takes effect at once, or none. Operations are sent in this order. */
export interface Step {
  readonly operations: readonly Operation[];
}

export type Operation =
  | { readonly kind: "add-table" }
  | { readonly kind: "delete-table" }
  | { readonly kind: "add-counter"; readonly counter: ProgramCounter }
  | { readonly kind: "delete-counter"; readonly name: string }
  /** Without its elements. */
  | { readonly kind: "add-set"; readonly set: ProgramSet }
  | { readonly kind: "delete-set"; readonly name: string }
  | { readonly kind: "flush-set"; readonly set: ProgramSet }
  | { readonly kind: "add-elements"; readonly set: ProgramSet; readonly elements: ReadonlyMap<ElementKey, ElementData> }
  /** Of a set of what was learned: each lasts so many seconds from now, there or not before; 0: it goes. */
  | {
      readonly kind: "renew-elements";
      readonly set: ProgramSet;
      readonly seconds: ReadonlyMap<ElementKey, number>;
    }
  | { readonly kind: "delete-elements"; readonly set: ProgramSet; readonly keys: readonly ElementKey[] }
  /** Without its rules. */
  | { readonly kind: "add-chain"; readonly chain: ProgramChain }
  | { readonly kind: "delete-chain"; readonly name: string }
  /** Appended. */
  | { readonly kind: "add-rule"; readonly chain: string; readonly rule: Rule }
  | { readonly kind: "flush-chain"; readonly name: string }
  /** The rule that stands at this place of a chain of the kernel (from 0) becomes another: cheaper than a new chain. */
  | { readonly kind: "replace-rule"; readonly chain: string; readonly index: number; readonly rule: Rule };
