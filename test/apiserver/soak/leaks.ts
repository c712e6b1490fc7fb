/** What a run must not leave behind: rules, descriptors, processes, namespaces, memory. */
import { readFileSync, readdirSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { compileWhole } from "../../../src/compile/whole.ts";
import { openDataplane } from "../../../src/dataplane/registry.ts";
import type { Cluster } from "../../../src/policy/cluster.ts";
import type { Agent } from "../agents.ts";
import type { Site } from "../site.ts";

/** How one agent stands at one moment. */
export interface AgentSample {
  readonly node: string;
  readonly pid: number;
  readonly residentMegabytes: number;
  readonly descriptors: number;
  readonly elements: number;
  readonly chains: number;
}

export interface Sample {
  readonly seconds: number;
  readonly agents: readonly AgentSample[];
  readonly processes: number;
  readonly namespaces: { readonly planned: number; readonly there: number };
  /** Where a kernel differs from a fresh compile of what the API server holds. */
  readonly differences: readonly string[];
}

const residentOf = (pid: number): number =>
  Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) / 1024;

async function agentSample(agent: Agent): Promise<AgentSample> {
  const { pid } = agent.process;
  return {
    node: agent.node,
    pid,
    residentMegabytes: residentOf(pid),
    descriptors: readdirSync(`/proc/${pid}/fd`).length,
    elements: (await agent.metric("portcullis_set_elements")) ?? 0,
    chains: (await agent.metric("portcullis_chains")) ?? 0,
  };
}

/** Compares what is in a node's kernel with what a whole compile says; what it finds, it also repairs. */
async function differencesOn(site: Site, { node, learned }: Agent, cluster: Cluster): Promise<readonly string[]> {
  const dataplane = openDataplane("nftables", { netns: site.network.namespaceOf(node) });
  const ruleset = compileWhole(cluster, {
    nodeName: node,
    podCidrs: null,
    unknownPods: "drop",
    established: "cut",
    defaultVerdict: "accept",
    logGroup: 9080,
    learned: learned(),
    names: { queue: 9053, service: { namespace: "kube-system", name: "kube-dns" }, resolvers: [] },
  });
  try {
    const { differences } = await dataplane.sync(ruleset);
    return differences.map((difference) => `${node}: ${difference}`);
  } finally {
    dataplane.close();
  }
}

/** Looks at everything, after all agents have settled on this cluster. */
export async function takeSample(site: Site, cluster: Cluster, seconds: number): Promise<Sample> {
  // What was learned last is written down by then.
  await pause(1500);
  const agents: AgentSample[] = [];
  const differences: string[] = [];
  for (const agent of site.agents.values()) {
    agents.push(await agentSample(agent));
    differences.push(...(await differencesOn(site, agent, cluster)));
  }
  const processes = readdirSync("/proc").filter((name) => /^\d+$/.test(name)).length;
  return { seconds, agents, processes, namespaces: site.network.namespaceCounts(), differences };
}

/** One line for a sample. */
export function sampleText({ seconds, agents, processes, namespaces }: Sample): string {
  const each = agents.map(
    ({ node, pid, residentMegabytes, descriptors, elements, chains }) =>
      `${node} (${pid}) ${residentMegabytes.toFixed(1)} MB ${descriptors} fd ${chains} chains ${elements} elements`,
  );
  return `${seconds.toFixed(0)} s: ${each.join("; ")}; ${processes} processes, ${namespaces.there} namespaces`;
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

/** Memory is judged only over this time: before, it is still warming up. */
const leastSeconds = 600;

/** What grew in the agents that ran all the time, and what else is not as it was. Empty: nothing. */
export function leaksIn(samples: readonly Sample[]): readonly string[] {
  const leaks = samples.flatMap(({ seconds, differences, namespaces }) => [
    ...differences.slice(0, 5).map((difference) => `after ${seconds.toFixed(0)} s the kernel differs: ${difference}`),
    ...(namespaces.planned === namespaces.there
      ? []
      : [`after ${seconds.toFixed(0)} s ${namespaces.there} namespaces, not ${namespaces.planned}`]),
  ]);
  const [first, last] = [samples[0], samples.at(-1)];
  if (first === undefined || last === undefined) return ["there is no sample"];
  if (last.processes > first.processes) leaks.push(`${last.processes} processes, ${first.processes} at the start`);
  for (const { node, pid, descriptors } of first.agents) {
    const course = samples.flatMap(({ agents }) => agents.filter((agent) => agent.pid === pid));
    // Restarted meanwhile: another process, measured from its own start.
    if (course.length < samples.length) continue;
    const now = course.at(-1)?.descriptors ?? 0;
    // The thread that learns names, which is there while a policy names domains, has nine.
    if (now > descriptors + 9 + 8) leaks.push(`${node} has ${now} descriptors open, ${descriptors} at the start`);
    if (last.seconds < leastSeconds) continue;
    const third = Math.floor(course.length / 3);
    const resident = course.map(({ residentMegabytes }) => residentMegabytes);
    const [before, after] = [mean(resident.slice(third, 2 * third)), mean(resident.slice(2 * third))];
    if (after > before + 8 && after > before * 1.06) {
      leaks.push(`${node} grew from ${before.toFixed(1)} MB to ${after.toFixed(1)} MB`);
    }
  }
  return leaks;
}
