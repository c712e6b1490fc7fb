import type { Command } from "commander";
import { readFeatureGates, readPolicyKinds } from "../agent/reading-settings.ts";
import { allGatesOpen, type FeatureGates } from "../policy/feature-gates.ts";
import type { PolicyReading } from "../policy/kinds.ts";
import { policyReading } from "../policy/reading.ts";
import { flagValue } from "./flag-value.ts";

/** The flags that say which policies are read, and how much of them. */
export interface ReadingOptions {
  readonly policyKinds?: readonly string[];
  readonly featureGates?: readonly string[];
}

const collect = (value: string, before: readonly string[] = []): readonly string[] => [...before, value];

export function addReadingOptions(command: Command): Command {
  return command
    .option(
      "--policy-kinds <kinds>",
      "read only these kinds of policies, e.g. NetworkPolicy,AdminNetworkPolicy",
      collect,
    )
    .option(
      "--feature-gates <gates>",
      "experimental fields to read or not, e.g. NodePeers=false (default: all)",
      collect,
    );
}

/** The kinds and the gates that the flags name. Throws UsageError where they name what is none. */
export function readingFlags(options: ReadingOptions): {
  readonly kinds: readonly string[] | null;
  readonly gates: FeatureGates;
} {
  const { policyKinds, featureGates = [] } = options;
  return {
    kinds: policyKinds === undefined ? null : flagValue("--policy-kinds", readPolicyKinds(policyKinds)),
    gates: featureGates.length === 0 ? allGatesOpen : flagValue("--feature-gates", readFeatureGates(featureGates)),
  };
}

/** What is to be read, as the flags say it. Throws UsageError where they name what is none. */
export function readingOf(options: ReadingOptions): PolicyReading {
  const { kinds, gates } = readingFlags(options);
  return policyReading(kinds, gates);
}
