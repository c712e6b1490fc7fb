import type { OwnerReference, Pod, Workload } from "../../kube/objects.ts";

/** A workload and its pods, `namespace/name`, in the order in which they are picked as "any one pod of it". */
export interface WorkloadPods {
  readonly kind: Workload["kind"];
  readonly namespace: string;
  readonly name: string;
  readonly pods: readonly string[];
}

export interface WorkloadResult {
  readonly workloads: readonly WorkloadPods[];
  /** Pods made from templates. */
  readonly pods: readonly Pod[];
}

/** More replicas do not differ from one another (cli.md). */
const mostReplicas = 2;
/** Pod, ReplicaSet, Deployment; Pod, Job, CronJob. Bounds a circle of owners, too. */
const longestOwnerChain = 8;

type Keyed = ReadonlyMap<string, Workload>;

function workloadKey(kind: string, namespace: string, name: string): string {
  return `${kind}/${namespace}/${name}`;
}

/**
 * The owner of an owner that is not in the input itself: a ReplicaSet is called after its Deployment and the pods'
 * template hash, a Job after its CronJob and its time.
 */
function impliedOwner(owner: OwnerReference, pod: Pod, workloads: Keyed): Workload | undefined {
  const dash = owner.name.lastIndexOf("-");
  const stem = owner.name.slice(0, dash);
  const suffix = owner.name.slice(dash + 1);
  if (dash <= 0) return undefined;
  if (owner.kind === "ReplicaSet" && suffix === pod.labels.get("pod-template-hash")) {
    return workloads.get(workloadKey("Deployment", pod.namespace, stem));
  }
  if (owner.kind === "Job" && /^\d+$/.test(suffix)) return workloads.get(workloadKey("CronJob", pod.namespace, stem));
  return undefined;
}

function ownedBy(owner: OwnerReference, workload: Workload | undefined): workload is Workload {
  return workload !== undefined && (owner.uid === "" || workload.uid === "" || owner.uid === workload.uid);
}

/** The workloads that a pod belongs to, nearest first. */
function workloadsOf(pod: Pod, workloads: Keyed): readonly Workload[] {
  const found: Workload[] = [];
  let owner = pod.owner;
  for (let step = 0; owner !== null && step < longestOwnerChain; step++) {
    const direct = workloads.get(workloadKey(owner.kind, pod.namespace, owner.name));
    const workload = ownedBy(owner, direct) ? direct : impliedOwner(owner, pod, workloads);
    if (workload === undefined || found.includes(workload)) break;
    found.push(workload);
    owner = workload.owner;
  }
  return found;
}

function podFromTemplate(workload: Workload, name: string): Pod {
  const { labels, nodeName, hostNetwork, ports } = workload.template;
  return {
    kind: "Pod",
    namespace: workload.namespace,
    name,
    uid: "",
    created: 0,
    labels,
    nodeName,
    hostNetwork,
    finished: false,
    ready: true,
    addresses: [],
    ports,
    owner: { kind: workload.kind, name: workload.name, uid: workload.uid },
  };
}

function byName(a: Pod, b: Pod): number {
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
}

function synthesise(workload: Workload, taken: Set<string>): readonly Pod[] {
  const count = Math.min(workload.replicas, workload.kind === "DaemonSet" ? 1 : mostReplicas);
  const pods: Pod[] = [];
  for (let index = 0; pods.length < count; index++) {
    const name = `${workload.name}-${index}`;
    if (taken.has(`${workload.namespace}/${name}`)) continue;
    taken.add(`${workload.namespace}/${name}`);
    pods.push(podFromTemplate(workload, name));
  }
  return pods;
}

/** A workload's pods; of one without any, those of its owner, which stands for it. */
function podsOrOwners(workload: Workload, keyed: Keyed, owned: ReadonlyMap<Workload, readonly Pod[]>): readonly Pod[] {
  let current: Workload | undefined = workload;
  for (let step = 0; current !== undefined && step < longestOwnerChain; step++) {
    const pods = owned.get(current);
    if (pods !== undefined) return pods;
    const owner: OwnerReference | null = current.owner;
    current = owner === null ? undefined : keyed.get(workloadKey(owner.kind, current.namespace, owner.name));
  }
  return [];
}

/**
 * Finds or makes the pods of each workload. A workload that another one owns makes none, nor one that has pods in the
 * input; an owned workload that is in the input with its owner shares the owner's pods.
 */
export function podsOfWorkloads(workloads: readonly Workload[], pods: readonly Pod[]): WorkloadResult {
  const keyed = new Map(workloads.map((one) => [workloadKey(one.kind, one.namespace, one.name), one] as const));
  const owned = new Map<Workload, Pod[]>();
  for (const pod of pods) {
    for (const workload of workloadsOf(pod, keyed)) {
      const list = owned.get(workload);
      if (list === undefined) owned.set(workload, [pod]);
      else list.push(pod);
    }
  }
  const taken = new Set(pods.map((pod) => `${pod.namespace}/${pod.name}`));
  const made: Pod[] = [];
  for (const workload of workloads) {
    if (owned.has(workload) || workload.owner !== null) continue;
    const synthesised = synthesise(workload, taken);
    owned.set(workload, [...synthesised]);
    made.push(...synthesised);
  }
  const result = workloads.map((workload): WorkloadPods => {
    const { kind, namespace, name } = workload;
    const its = podsOrOwners(workload, keyed, owned);
    return { kind, namespace, name, pods: [...its].sort(byName).map((pod) => `${pod.namespace}/${pod.name}`) };
  });
  return { workloads: result, pods: made };
}
