/** Pods as large as they are in a cluster: 6 KB of JSON, of which we read a tenth. */
import type { Pod } from "../src/kube/objects.ts";
import type { ApiObject } from "../test/cluster-of.ts";

const manager = (name: string, time: string, fields: readonly string[], subresource?: string) => ({
  manager: name,
  operation: "Update",
  apiVersion: "v1",
  time,
  fieldsType: "FieldsV1",
  fieldsV1: Object.fromEntries(fields.map((field) => [`f:${field}`, { "f:type": {}, "f:status": {}, ".": {} }])),
  ...(subresource === undefined ? {} : { subresource }),
});

const hex = (number: number, length: number): string =>
  (Math.imul(number + 1, 2_654_435_761) >>> 0).toString(16).padStart(length, "0").repeat(8).slice(0, length);

function containerOf(name: string, ports: Pod["ports"]): object {
  const words = ["config", "endpoint", "level", "region", "tenant", "version", "zone", "shard"];
  return {
    name,
    image: `registry.example.com/team/${name}:v1.${name.length}.3@sha256:${hex(name.length, 64)}`,
    args: ["serve", "--listen=:8080", "--log-format=json", "--config=/etc/app/config.yaml"],
    ports: ports.map((one) => ({ name: one.name, containerPort: one.port, protocol: one.protocol })),
    env: words.map((word) => ({ name: `APP_${word.toUpperCase()}`, value: `value-of-${word}-for-${name}` })),
    volumeMounts: ["config", "cache", "kube-api-access"].map((mount) => ({
      name: mount,
      readOnly: true,
      mountPath: `/var/${mount}`,
    })),
    imagePullPolicy: "IfNotPresent",
  };
}

/** A life, from being made to being gone. */
export type Phase = "made" | "started" | "ready" | "ending";

/** A pod as the API has it in a phase of its life; `at` is the second in which that was written. */
export function podObject(pod: Pod, phase: Phase, at: number): ApiObject {
  const { namespace, name, uid, nodeName, addresses, owner } = pod;
  const time = new Date(at * 1000).toISOString().replace(/\.\d+/, "");
  const conditions = ["PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled"];
  const workload = owner?.name ?? name;
  const containers = [workload, "proxy"];
  const ready = phase === "ready" || phase === "ending";
  const written = ["metadata", "labels", "annotations", "ownerReferences", "containers", "env", "volumes", "ports"];
  const reported = [...conditions, "containerStatuses", "hostIP", "podIP", "podIPs", "phase", "startTime"];
  const statuses = containers.map((one) => ({
    name: one,
    ready,
    restartCount: 0,
    image: `registry.example.com/team/${one}:v1`,
    imageID: `registry.example.com/team/${one}@sha256:${hex(3, 64)}`,
    containerID: `containerd://${hex(at, 64)}`,
  }));
  const running = {
    phase: "Running",
    hostIP: "192.168.1.1",
    podIP: addresses[0],
    podIPs: addresses.map((ip) => ({ ip })),
    startTime: time,
    containerStatuses: statuses,
  };
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name,
      generateName: `${workload}-`,
      namespace,
      uid,
      generation: 1,
      creationTimestamp: new Date(pod.created * 1000).toISOString().replace(/\.\d+/, ""),
      ...(phase === "ending" ? { deletionTimestamp: time, deletionGracePeriodSeconds: 30 } : {}),
      labels: Object.fromEntries(pod.labels),
      annotations: { "prometheus.io/scrape": "true", "checksum/config": hex(at, 64), restartedAt: time },
      ownerReferences: [{ apiVersion: "apps/v1", ...owner, controller: true, blockOwnerDeletion: true }],
      managedFields: [
        manager("kube-controller-manager", time, [...written, "resources", "tolerations", "affinity"]),
        manager("kubelet", time, reported, "status"),
      ],
    },
    spec: {
      volumes: ["config", "cache", "kube-api-access"].map((one) => ({ name: one })),
      containers: containers.map((one, index) => containerOf(one, index === 0 ? pod.ports : [])),
      restartPolicy: "Always",
      terminationGracePeriodSeconds: 30,
      nodeSelector: { "kubernetes.io/os": "linux" },
      serviceAccountName: workload,
      nodeName,
      schedulerName: "default-scheduler",
      tolerations: ["not-ready", "unreachable"].map((key) => ({
        key: `node.kubernetes.io/${key}`,
        operator: "Exists",
        effect: "NoExecute",
        tolerationSeconds: 300,
      })),
      priority: 0,
    },
    status: {
      conditions: conditions.map((type) => ({
        type,
        status: type === "Ready" && !ready ? "False" : "True",
        lastTransitionTime: time,
      })),
      qosClass: "Burstable",
      ...(phase === "made" ? { phase: "Pending" } : running),
    },
  };
}
