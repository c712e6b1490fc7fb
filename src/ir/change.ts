import type { Address } from "../net/address.ts";
import type {
  Chain,
  ChainName,
  DomainSet,
  DomainSetName,
  Endpoint,
  Group,
  GroupName,
  NodeRules,
  Pair,
  PairSet,
  PairSetName,
} from "./ruleset.ts";

/** Members that join and leave one set; the two lists are disjoint and without doubles. */
export interface MemberChange<Name, Member> {
  readonly name: Name;
  readonly join: readonly Member[];
  readonly leave: readonly Member[];
}

/**
 * The difference between two Rulesets, as small as the change that caused it. Applied to the first it gives the
 * second exactly. Lists hold no name twice; `groups` and `pairSets` speak of sets that are in both.
 */
export interface RulesetChange {
  /** Only where it changed. */
  readonly node: NodeRules | null;
  readonly newGroups: readonly Group[];
  readonly newPairSets: readonly PairSet[];
  readonly newDomainSets: readonly DomainSet[];
  readonly newChains: readonly Chain[];
  readonly groups: readonly MemberChange<GroupName, Address>[];
  readonly pairSets: readonly MemberChange<PairSetName, Pair>[];
  /** New or changed endpoints. */
  readonly endpoints: readonly Endpoint[];
  readonly goneEndpoints: readonly Address[];
  readonly goneChains: readonly ChainName[];
  readonly goneGroups: readonly GroupName[];
  readonly gonePairSets: readonly PairSetName[];
  readonly goneDomainSets: readonly DomainSetName[];
  /**
   * True if a connection that was accepted can now be denied (or an address can now belong to another pod), so
   * that open connections must be decided again. False only where that is certain.
   */
  readonly canDeny: boolean;
}
