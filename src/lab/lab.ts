import { mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { EvaluateOptions } from "../evaluate/decision.ts";
import type { WorkloadPods } from "../evaluate/end.ts";
import type { Address } from "../net/address.ts";
import type { Cluster } from "../policy/cluster.ts";
import { digestOf } from "../source/manifests/digest.ts";
import { startAgent, waitForAgent, type AgentFlags, type AgentProcess } from "./agents.ts";
import { createAsker, type Asker } from "./ask.ts";
import { changeLab } from "./build.ts";
import type { LabPlan, Topology } from "./plan/plan.ts";
import { planLab } from "./plan/topology.ts";
import { Prober } from "./probe/prober.ts";
import { labManifest } from "./resolve/manifest.ts";
import type { RawObject } from "./resolve/raw.ts";
import { clusterOf, resolveObjects, type LabObjects } from "./resolve/resolve.ts";

/** What a lab is made from. */
export interface LabInput {
  readonly cluster: Cluster;
  readonly workloads: readonly WorkloadPods[];
  /** The policies as they stand in the manifests: the agents read them for themselves. */
  readonly policies: readonly RawObject[];
  /** Addresses that will be asked for, beside those of the objects. */
  readonly mentioned: readonly Address[];
}

export interface LabOptions {
  readonly name: string;
  readonly topology: Topology;
  readonly flags: AgentFlags;
  /** The agents outlive this process. */
  readonly detached: boolean;
  /** False builds the network alone; nothing is enforced. */
  readonly enforce: boolean;
}

/** Where a lab keeps its manifests, sockets and logs. */
export function labFolder(name: string): string {
  return join("/run/portcullis-lab", name);
}

const manifestName = "lab.json";

/** A lab that runs: namespaces, agents, and a way to send probes. */
export class Lab {
  readonly options: LabOptions;
  #plan: LabPlan | null = null;
  #objects: LabObjects | null = null;
  #cluster: Cluster | null = null;
  #asker: Asker | null = null;
  #prober: Prober | null = null;
  #agents: AgentProcess[] = [];

  constructor(options: LabOptions, running?: { readonly plan: LabPlan; readonly agents: readonly AgentProcess[] }) {
    this.options = options;
    if (running === undefined) return;
    this.#plan = running.plan;
    this.#agents = [...running.agents];
  }

  get plan(): LabPlan {
    return required(this.#plan);
  }

  get objects(): LabObjects {
    return required(this.#objects);
  }

  /** What the agents enforce, as the evaluator sees it. */
  get cluster(): Cluster {
    return required(this.#cluster);
  }

  get asker(): Asker {
    return required(this.#asker);
  }

  get agents(): readonly AgentProcess[] {
    return this.#agents;
  }

  /** Sends probes; made when it is first asked for, and anew after each change of the lab. */
  get prober(): Prober {
    this.#prober ??= new Prober(this.plan);
    return this.#prober;
  }

  /** Understands the input without touching the kernel. */
  read(input: LabInput): void {
    const objects = resolveObjects(input.cluster, input.mentioned);
    const { flags } = this.options;
    const options: EvaluateOptions = {
      defaultVerdict: flags.defaultVerdict === "deny" ? "deny" : "accept",
      unknownPods: flags.unknownPods === "accept" ? "accept" : "drop",
    };
    this.#objects = objects;
    this.#cluster = clusterOf(objects, input.cluster.policies);
    this.#asker = createAsker(this.#cluster, input.workloads, options);
  }

  /** Brings the lab to this input, from nothing or from what it was, and waits until all agents enforce it. */
  async bring(input: LabInput): Promise<void> {
    this.read(input);
    this.#prober?.close();
    this.#prober = null;
    const folder = labFolder(this.options.name);
    const manifests = join(folder, "manifests");
    mkdirSync(manifests, { recursive: true });
    const content = labManifest(this.objects, input.policies);
    // A name that the agents do not read, then one step to the one that they do.
    writeFileSync(join(manifests, `.${manifestName}.new`), content);
    renameSync(join(manifests, `.${manifestName}.new`), join(manifests, manifestName));
    const plan = planLab(this.options.name, this.objects, this.options.topology, input.mentioned);
    changeLab(this.#plan, plan, () => this.#startAgents(plan, folder, manifests));
    this.#plan = plan;
    const digest = digestOf([{ path: manifestName, content }]);
    await Promise.all(this.#agents.map((agent) => waitForAgent(agent, digest)));
  }

  #startAgents(plan: LabPlan, folder: string, manifests: string): void {
    if (!this.options.enforce) return;
    const nodes = plan.namespaces.filter(({ role }) => role === "node");
    for (const gone of this.#agents.filter(({ node }) => nodes.every(({ of }) => of !== node))) stop(gone);
    this.#agents = this.#agents.filter(({ node }) => nodes.some(({ of }) => of === node));
    for (const { of: node, name: namespace } of nodes) {
      if (this.#agents.some((agent) => agent.node === node)) continue;
      const { flags, detached } = this.options;
      this.#agents.push(startAgent({ node, namespace, folder, manifests }, flags, detached));
    }
  }

  /** Ends the agents and takes all namespaces down. */
  down(): void {
    this.#prober?.close();
    this.#prober = null;
    for (const agent of this.#agents) stop(agent);
    this.#agents = [];
    if (this.#plan !== null) changeLab(this.#plan, { ...this.#plan, namespaces: [] });
    this.#plan = null;
    rmSync(labFolder(this.options.name), { recursive: true, force: true });
  }
}

function stop({ pid }: AgentProcess): void {
  try {
    if (pid > 0) process.kill(pid, "SIGKILL");
  } catch {
    // It has ended by itself.
  }
}

function required<T>(value: T | null): T {
  if (value === null) throw new Error("the lab has not been built");
  return value;
}

/** A name that no other lab has. */
export function randomLabName(): string {
  return `run${process.pid}${Math.floor(Math.random() * 0xffffff).toString(16)}`;
}

/** Names of labs are parts of names of files and namespaces. */
export function isLabName(name: string): boolean {
  return /^[a-z0-9]{1,24}$/.test(name);
}
