import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";
import type { Dataplane, LearnedName, NameSets } from "../../src/dataplane/dataplane.ts";
import type { DomainSetName, Ruleset } from "../../src/ir/ruleset.ts";
import type { Address } from "../../src/net/address.ts";
import type { ApiObject } from "../cluster-of.ts";

/** One policy of the Admin tier for the pods of this label: what has the name, and DNS, and nothing else. */
export function namesPolicy(
  subject: string,
  more: { readonly metadata?: object; readonly priority?: number; readonly names?: readonly string[] } = {},
) {
  const port = { destinationPort: { number: 53 } };
  return {
    apiVersion: "policy.networking.k8s.io/v1alpha2",
    kind: "ClusterNetworkPolicy",
    metadata: { name: `names-${subject}`, ...more.metadata },
    spec: {
      tier: "Admin",
      priority: more.priority ?? 10,
      subject: { pods: { podSelector: { matchLabels: { app: subject } } } },
      egress: [
        { name: "by-name", action: "Accept", to: [{ domainNames: more.names ?? ["example.org"] }] },
        {
          name: "dns",
          action: "Accept",
          to: [{ networks: ["0.0.0.0/0", "::/0"] }],
          protocols: [{ udp: port }, { tcp: port }],
        },
        { name: "rest", action: "Deny", to: [{ networks: ["0.0.0.0/0", "::/0"] }] },
      ],
    },
  } satisfies ApiObject;
}

/** The one set of names of a Ruleset. */
export function onlyDomainSet({ domainSets }: Ruleset): DomainSetName {
  const [name, ...more] = domainSets.keys();
  assert.ok(name !== undefined && more.length === 0);
  return name;
}

export function namesOf({ names }: Dataplane): NameSets {
  assert.ok(names !== undefined);
  return names;
}

/** What an answer for the set taught. */
export const learned = (
  set: DomainSetName,
  address: Address,
  seconds: number,
  graceSeconds = seconds + 60,
): LearnedName => ({ set, address, seconds, graceSeconds });

/** Waits until so many seconds after `since` (of `performance.now`): for time that passes in the kernel. */
export async function secondsAfter(since: number, seconds: number): Promise<void> {
  await pause(Math.max(0, since + seconds * 1000 - performance.now()));
}
