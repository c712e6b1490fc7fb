/**
 * The scripted kubelet: for every live pod of the API server there is a network namespace with its addresses, cabled to
 * that of its node, as a CNI plugin would have made it. The lab's building blocks do the work.
 */
import { changeLab } from "../../src/lab/build.ts";
import { labPrefix } from "../../src/lab/plan/names.ts";
import type { LabPlan, Topology } from "../../src/lab/plan/plan.ts";
import { planLab } from "../../src/lab/plan/topology.ts";
import { Prober } from "../../src/lab/probe/prober.ts";
import type { LabObjects } from "../../src/lab/resolve/resolve.ts";
import type { Address } from "../../src/net/address.ts";
import type { Cluster } from "../../src/policy/cluster.ts";
import { namespacesWithPrefix } from "../../src/system/namespace.ts";

function labObjects({ objects }: Cluster): LabObjects {
  const nodes = objects.filter((object) => object.kind === "Node");
  return {
    namespaces: objects.filter((object) => object.kind === "Namespace"),
    nodes,
    // A pod without a node is on no machine.
    pods: objects
      .filter((object) => object.kind === "Pod")
      .filter((pod) => nodes.some(({ name }) => name === pod.nodeName)),
    services: objects.filter((object) => object.kind === "Service"),
  };
}

/** Addresses that are in nobody's hands but are asked for: hosts outside, strangers in pod ranges. */
export type Mentioned = readonly Address[];

export class Network {
  readonly #name: string;
  readonly #topology: Topology;
  #plan: LabPlan | null = null;
  #prober: Prober | null = null;

  constructor(name: string, topology: Topology) {
    this.#name = name;
    this.#topology = topology;
  }

  /** Brings the namespaces to what the cluster says. Does nothing where that is what is there. */
  bring(cluster: Cluster, mentioned: Mentioned): void {
    const plan = planLab(this.#name, labObjects(cluster), this.#topology, mentioned);
    if (this.#plan !== null && JSON.stringify(plan.namespaces) === JSON.stringify(this.#plan.namespaces)) return;
    this.#prober?.close();
    this.#prober = null;
    changeLab(this.#plan, plan);
    this.#plan = plan;
  }

  get prober(): Prober {
    this.#prober ??= new Prober(this.#built());
    return this.#prober;
  }

  /** The network namespace of a node. */
  namespaceOf(node: string): string {
    const found = this.#built().namespaces.find(({ role, of }) => role === "node" && of === node);
    if (found === undefined) throw new Error(`there is no node ${node}`);
    return found.name;
  }

  /** Namespaces that there should be and that there are. */
  namespaceCounts(): { readonly planned: number; readonly there: number } {
    return {
      planned: this.#built().namespaces.length,
      there: namespacesWithPrefix(labPrefix(this.#name)).length,
    };
  }

  down(): void {
    this.#prober?.close();
    this.#prober = null;
    if (this.#plan !== null) changeLab(this.#plan, { ...this.#plan, namespaces: [] });
    this.#plan = null;
  }

  #built(): LabPlan {
    if (this.#plan === null) throw new Error("the network has not been built");
    return this.#plan;
  }
}
