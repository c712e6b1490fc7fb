import type { Pod, WorkloadKind } from "../../kube/objects.ts";
import { workloadKinds } from "../../kube/objects.ts";
import type { WorkloadPods } from "../manifests/workload-pods.ts";

interface Owner {
  readonly kind: string;
  readonly name: string;
}

/** A pod's owner, and the owner of that: a ReplicaSet is called after its Deployment, a Job after its CronJob. */
function ownersOf({ owner, labels }: Pod): readonly Owner[] {
  if (owner === null) return [];
  const dash = owner.name.lastIndexOf("-");
  const stem = owner.name.slice(0, dash);
  const suffix = owner.name.slice(dash + 1);
  if (dash <= 0) return [owner];
  if (owner.kind === "ReplicaSet" && suffix === labels.get("pod-template-hash")) {
    return [owner, { kind: "Deployment", name: stem }];
  }
  return owner.kind === "Job" && /^\d+$/.test(suffix) ? [owner, { kind: "CronJob", name: stem }] : [owner];
}

const byName = (a: Pod, b: Pod): number => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0);

/**
 * The workloads of a live cluster, as far as pods of theirs run: the workloads themselves need not be read, nor may
 * everybody read them.
 */
export function workloadsOfPods(pods: Iterable<Pod>): readonly WorkloadPods[] {
  const found = new Map<string, { readonly kind: WorkloadKind; readonly name: string; readonly pods: Pod[] }>();
  for (const pod of pods) {
    if (pod.finished) continue;
    for (const { kind: written, name } of ownersOf(pod)) {
      const kind = workloadKinds.find((one) => one === written);
      if (kind === undefined) continue;
      const key = `${kind}/${pod.namespace}/${name}`;
      const workload = found.get(key) ?? { kind, name, pods: [] };
      workload.pods.push(pod);
      found.set(key, workload);
    }
  }
  return [...found.values()].map(({ kind, name, pods: its }) => {
    const sorted = its.sort(byName);
    const namespace = sorted[0]?.namespace ?? "";
    return { kind, namespace, name, pods: sorted.map((pod) => `${namespace}/${pod.name}`) };
  });
}
