/**
 * A kubelet and a scheduler for the pods of the chart alone: agents run as processes with the arguments of their pod and
 * the token of its ServiceAccount, and so does the Job of the uninstall hook. What they answer becomes their status.
 */
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { requestToken } from "./accounts.ts";
import type { StoredObject } from "./api.ts";
import { type RunningProcess, startProcess } from "./process.ts";
import type { Site } from "./site.ts";

const program = join(import.meta.dirname, "..", "..", "src", "cli", "main.ts");

interface PodSpec {
  readonly nodeName?: string;
  readonly serviceAccountName: string;
  readonly containers: readonly { readonly name: string; readonly args: readonly string[] }[];
  readonly affinity?: {
    readonly nodeAffinity: {
      readonly requiredDuringSchedulingIgnoredDuringExecution: {
        readonly nodeSelectorTerms: readonly {
          readonly matchFields?: readonly { readonly values: readonly string[] }[];
        }[];
      };
    };
  };
}

interface Running {
  readonly pod: StoredObject;
  readonly node: string;
  readonly process: RunningProcess;
  readonly isAgent: boolean;
  status: string;
  lastReady: number;
}

/** Milliseconds until a kubelet believes that a pod is not ready any more: probes fail more than once. */
const disbelief = 1500;

const specOf = (pod: StoredObject): PodSpec => pod["spec"] as PodSpec;

/** The node that the DaemonSet's controller made the pod for; a Job's pod goes anywhere. */
function nodeFor(pod: StoredObject): string {
  const terms = specOf(pod).affinity?.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms;
  return terms?.[0]?.matchFields?.[0]?.values[0] ?? "node-1";
}

/** What the test gives the agents itself: places on this one machine. */
const ownFlags = ["--metrics-bind-address", "--socket", "--state-file"];

export class Workloads {
  readonly #site: Site;
  readonly #namespace: string;
  readonly #running = new Map<string, Running>();
  readonly #stop = new AbortController();
  #work: Promise<void> = Promise.resolve();
  /** What the Jobs printed, in order. */
  readonly logs: string[] = [];

  constructor(site: Site, namespace: string) {
    this.#site = site;
    this.#namespace = namespace;
  }

  start(): void {
    this.#work = this.#loop();
  }

  async end(): Promise<void> {
    this.#stop.abort();
    await this.#work;
    for (const { process } of this.#running.values()) await process.stop("SIGKILL");
  }

  async #loop(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      const pods = await this.#site.api.list("v1", "Pod");
      for (const pod of pods) {
        if (pod.metadata.namespace === this.#namespace && !this.#stop.signal.aborted) await this.#look(pod);
      }
      await pause(100);
    }
  }

  async #look(pod: StoredObject): Promise<void> {
    const running = this.#running.get(pod.metadata.uid);
    if (pod.metadata.deletionTimestamp !== undefined) return await this.#remove(pod, running);
    if (running !== undefined) return await this.#tell(running);
    if (specOf(pod).nodeName === undefined) return await this.#bind(pod);
    if ((pod["status"] as { readonly phase?: string } | undefined)?.phase === "Pending") await this.#run(pod);
  }

  async #bind(pod: StoredObject): Promise<void> {
    const binding = {
      apiVersion: "v1",
      kind: "Binding",
      metadata: { name: pod.metadata.name },
      target: { apiVersion: "v1", kind: "Node", name: nodeFor(pod) },
    };
    await this.#site.api.send("POST", `${await this.#site.api.pathOf(pod)}/binding`, JSON.stringify(binding));
  }

  async #run(pod: StoredObject): Promise<void> {
    const { serviceAccountName, containers, nodeName = "" } = specOf(pod);
    const account = {
      apiVersion: "v1",
      kind: "ServiceAccount",
      metadata: { name: serviceAccountName, namespace: this.#namespace },
    };
    const token = await requestToken(this.#site.api, account, null);
    const args = containers[0]?.args ?? [];
    const isAgent = args[0] === "agent";
    const status = "";
    if (isAgent) {
      const flags = args.slice(1).filter((arg) => !ownFlags.some((flag) => arg.startsWith(`${flag}=`)));
      flags.push(`--state-file=${this.stateFile(nodeName)}`);
      const agent = this.#site.startAgent(nodeName, this.#site.kubeconfigOf(nodeName, { token }), { flags });
      this.#running.set(pod.metadata.uid, {
        pod,
        node: nodeName,
        process: agent.process,
        isAgent,
        status,
        lastReady: 0,
      });
      return;
    }
    const config = this.#site.plane.kubeconfig(pod.metadata.name, { token });
    const log = join(this.#site.plane.folder, `${pod.metadata.name}.log`);
    const words = ["--no-warnings", program, ...args, `--kubeconfig=${config}`];
    const process = startProcess(globalThis.process.execPath, words, log, { name: pod.metadata.name });
    this.#running.set(pod.metadata.uid, { pod, node: nodeName, process, isAgent, status, lastReady: 0 });
  }

  stateFile(node: string): string {
    return join(this.#site.plane.folder, `state-${node}`, "node.json");
  }

  /** Brings the pod's status to what its process does. */
  async #tell(running: Running): Promise<void> {
    const { pod, process, isAgent, node } = running;
    let phase = "Running";
    let ready = false;
    if (isAgent) {
      if (process.isAlive() && (await this.#site.agent(node).readiness())?.status === 200)
        running.lastReady = performance.now();
      ready = performance.now() - running.lastReady < disbelief && running.lastReady > 0;
    } else if (!process.isAlive()) phase = (await process.stop("SIGKILL")) === 0 ? "Succeeded" : "Failed";
    const status = `${phase} ${ready}`;
    if (status === running.status) return;
    running.status = status;
    if (phase !== "Running") this.logs.push(process.lastLines());
    const conditions = ["Ready", "ContainersReady"].map((type) => ({
      type,
      status: ready ? "True" : "False",
      lastTransitionTime: new Date().toISOString().replace(/\.\d+/, ""),
    }));
    const address = { hostIP: "192.0.2.1", podIP: "192.0.2.1", podIPs: [{ ip: "192.0.2.1" }] };
    const change = { status: { phase, conditions, startTime: new Date().toISOString(), ...address } };
    await this.#site.api.patch(pod, change, "status").catch(() => {});
  }

  async #remove(pod: StoredObject, running: Running | undefined): Promise<void> {
    if (running !== undefined) {
      if (running.isAgent) await this.#site.stopAgent(running.node, "SIGTERM");
      else await running.process.stop("SIGTERM");
      this.#running.delete(pod.metadata.uid);
    }
    await this.#site.api.remove(pod).catch(() => {});
  }
}
