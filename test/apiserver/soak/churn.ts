/** Random changes of a cluster through its API server: the same ones for the same seed and the same objects. */
import * as fc from "fast-check";
import { namespace, pod } from "../../ask.ts";
import type { ApiObject } from "../../cluster-of.ts";
import {
  type Families,
  namespaceLabels,
  nodeAddressesOf,
  nodeNames,
  ofFamilies,
  podAddresses,
  podFields,
} from "../../random-cluster.ts";
import { apiNetworkPolicy, namespaceNames, randomLabels } from "../../random-policy.ts";
import { apiTierPolicy } from "../../random-tier-policy.ts";
import { RefusedError, type StoredObject } from "../api.ts";
import { barrier } from "../enforced.ts";
import { until } from "../process.ts";
import { idOf } from "../scene.ts";
import { apiVersionOf, tierPolicyKinds } from "../tiers.ts";
import type { Site } from "../site.ts";

/** Below how many pods it rather makes one, above how many it rather deletes one. */
const [fewPods, manyPods] = [8, 16];
/** So few numbers that addresses go from pod to pod, and are sometimes claimed twice. */
const addressNumbers = 24;
const firstNumber = 8;

export interface Churn {
  /** Makes one change; says which. */
  change(): Promise<string>;
  /** Changes that the API server did not take. */
  refusals(): number;
}

export function createChurn(site: Site, below: (limit: number) => number): Churn {
  const { api } = site;
  let made = 0;
  let refused = 0;
  const pick = <T>(list: readonly T[]): T => {
    const item = list[below(list.length)];
    if (item === undefined) throw new Error("nothing to pick from");
    return item;
  };
  const sample = <T>(arbitrary: fc.Arbitrary<T>): T => {
    const [one] = fc.sample(arbitrary, { seed: below(2 ** 31), numRuns: 1 });
    if (one === undefined) throw new Error("nothing was generated");
    return one;
  };
  const all = async (apiVersion: string, kind: string): Promise<readonly StoredObject[]> => {
    const known = (await api.list(apiVersion, kind)).filter(({ metadata }) =>
      (namespaceNames as readonly string[]).includes(metadata.namespace ?? metadata.name),
    );
    const key = ({ metadata }: StoredObject): string => `${metadata.namespace ?? ""}/${metadata.name}`;
    return known.toSorted((a, b) => (key(a) < key(b) ? -1 : 1));
  };
  const pods = () => all("v1", "Pod");
  const policies = () => all("networking.k8s.io/v1", "NetworkPolicy");

  const tierPolicies = async (): Promise<readonly StoredObject[]> => {
    const lists = await Promise.all(tierPolicyKinds.map((kind) => api.list(apiVersionOf(kind), kind.kind)));
    const key = ({ kind, metadata }: StoredObject): string => `${kind}/${metadata.name}`;
    return lists
      .flat()
      .filter(({ metadata }) => metadata.name !== barrier)
      .toSorted((a, b) => (key(a) < key(b) ? -1 : 1));
  };

  const newPod = (name: string): ApiObject => {
    const node = pick(nodeNames);
    const { labels, spec } = sample(podFields);
    const dice = below(12);
    const isHost = dice === 0;
    const lender = below(5) === 0 ? pick(nodeNames) : node;
    const addresses = isHost ? nodeAddressesOf(node) : podAddresses(lender, firstNumber + below(addressNumbers));
    const families = pick<Families>(["IPv4", "IPv4", "IPv6", "both", "both"]);
    // A port of the node is one container's.
    const containers = isHost ? { containers: [{ name: "main", image: "main" }] } : {};
    return pod(name, ofFamilies(addresses, families), {
      labels,
      spec: {
        ...spec,
        ...containers,
        nodeName: node,
        terminationGracePeriodSeconds: 0,
        ...(isHost ? { hostNetwork: true } : {}),
      },
      status: { phase: dice === 1 ? "Succeeded" : "Running" },
    });
  };
  const nameOf = ({ metadata }: StoredObject): string => `${metadata.namespace ?? ""}/${metadata.name}`;
  const start = async (name: string): Promise<string> => {
    const wanted = newPod(name);
    await ensureNamespace(name.slice(0, name.indexOf("/")));
    await site.run(wanted);
    return `start ${name}`;
  };
  const ensureNamespace = async (name: string): Promise<void> => {
    if ((await api.find("v1", "Namespace", name)) === null) await site.apply(namespace(name, sample(namespaceLabels)));
  };

  const actions: Readonly<Record<string, () => Promise<string>>> = {
    start: async () => {
      made += 1;
      return await start(`${pick(namespaceNames)}/pod-${made}`);
    },
    delete: async () => {
      const victim = pick(await pods());
      await api.remove(victim);
      return `delete ${nameOf(victim)}`;
    },
    recreate: async () => {
      const victim = pick(await pods());
      await api.remove(victim);
      return `again: ${await start(nameOf(victim))}`;
    },
    relabel: async () => {
      const chosen = pick(await pods());
      const gone = Object.fromEntries(Object.keys(chosen.metadata.labels ?? {}).map((key) => [key, null]));
      await api.patch(chosen, { metadata: { labels: { ...gone, ...sample(randomLabels) } } });
      return `relabel ${nameOf(chosen)}`;
    },
    finish: async () => {
      const chosen = pick(await pods());
      await api.patch(chosen, { status: { phase: pick(["Succeeded", "Failed"]) } }, "status");
      return `finish ${nameOf(chosen)}`;
    },
    namespaceLabels: async () => {
      const name = pick(namespaceNames);
      await site.apply(namespace(name, sample(namespaceLabels)));
      return `relabel namespace ${name}`;
    },
    removeNamespace: async () => {
      const name = pick(namespaceNames);
      await removeNamespace(site, name);
      return `delete namespace ${name}`;
    },
    policy: async () => {
      const policy = sample(apiNetworkPolicy) as unknown as StoredObject;
      await ensureNamespace(policy.metadata.namespace ?? "");
      await site.apply(policy);
      return `policy ${nameOf(policy)}`;
    },
    removePolicy: async () => {
      const victim = pick(await policies());
      await api.remove(victim);
      return `delete policy ${nameOf(victim)}`;
    },
    tierPolicy: async () => {
      const policy = sample(apiTierPolicy) as unknown as StoredObject;
      await site.apply(policy);
      return `${policy.kind} ${policy.metadata.name}`;
    },
    removeTierPolicy: async () => {
      const victim = pick(await tierPolicies());
      await api.remove(victim);
      return `delete ${victim.kind} ${victim.metadata.name}`;
    },
    nodeLabels: async () => {
      const name = pick(nodeNames);
      const labels = { app: null, role: null, tier: null, ...sample(randomLabels) };
      await api.patch(idOf("Node", name), { metadata: { labels } });
      return `relabel node ${name}`;
    },
  };
  const weights: readonly (readonly [string, number])[] = [
    ["start", 6],
    ["delete", 4],
    ["recreate", 3],
    ["relabel", 8],
    ["finish", 1],
    ["namespaceLabels", 4],
    ["policy", 8],
    ["removePolicy", 3],
    ["tierPolicy", 4],
    // They decide for many pods: there should often be none.
    ["removeTierPolicy", 4],
    ["nodeLabels", 2],
  ];
  const choices = weights.flatMap(([name, weight]) => Array.from({ length: weight }, () => name));

  const choose = async (): Promise<string> => {
    const count = (await pods()).length;
    if (count < fewPods) return "start";
    if (count > manyPods) return "delete";
    if (below(120) === 0) return "removeNamespace";
    const wanted = pick(choices);
    if (wanted === "removePolicy" && (await policies()).length === 0) return "policy";
    return wanted === "removeTierPolicy" && (await tierPolicies()).length === 0 ? "tierPolicy" : wanted;
  };

  return {
    change: async () => {
      const action = await choose();
      try {
        return (await actions[action]?.()) ?? action;
      } catch (error) {
        // What the API server does not take has no effect on anything.
        if (!(error instanceof RefusedError)) throw error;
        refused += 1;
        return `refused ${action}: ${error.message.slice(0, 300)}`;
      }
    },
    refusals: () => refused,
  };
}

/** Takes a namespace away with all that is in it, as the namespace controller does. */
async function removeNamespace(site: Site, name: string): Promise<void> {
  const { api } = site;
  const found = await api.find("v1", "Namespace", name);
  if (found === null) return;
  for (const [apiVersion, kind] of [
    ["v1", "Pod"],
    ["networking.k8s.io/v1", "NetworkPolicy"],
  ] as const) {
    for (const object of await api.list(apiVersion, kind))
      if (object.metadata.namespace === name) await api.remove(object);
  }
  await api.remove(found);
  const path = `${await api.pathOf(found)}/finalize`;
  const body = { apiVersion: "v1", kind: "Namespace", metadata: { name }, spec: { finalizers: [] } };
  await api.send("PUT", path, JSON.stringify(body));
  await until(
    `the end of ${name}`,
    async () => ((await api.find("v1", "Namespace", name)) === null ? true : null),
    30_000,
  );
}
