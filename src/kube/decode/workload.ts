import type { FieldError, FieldPath } from "../field-error.ts";
import { invalid, notSupported } from "../field-error.ts";
import type { Workload, WorkloadKind } from "../objects.ts";
import { workloadKinds } from "../objects.ts";
import { dnsSubdomainErrors } from "../syntax.ts";
import type { ApiObject, Decoded } from "./fields.ts";
import { asObject, readInteger, readObject, readString } from "./fields.ts";
import { readLabels, readMetadata } from "./metadata.ts";
import { decodePodSpec } from "./pod-spec.ts";

/**
 * Decodes an object of one of the workload kinds. Null where its name or its pods' labels, node or network cannot be
 * read. The selector is not looked at: the template's labels are those that the pods get.
 */
export function decodeWorkload(object: unknown): Decoded<Workload> {
  const errors: FieldError[] = [];
  const workload = asObject(object, [], errors);
  if (errors.length > 0) return { value: null, errors };
  const kind = readKind(workload, errors);
  const { name, namespace, uid, owner } = readMetadata(workload, dnsSubdomainErrors, "namespaced", errors);
  if (kind === null) return { value: null, errors };
  const before = errors.length;
  const { spec, path } = podMaker(workload, kind, errors);
  const replicas = readReplicas(spec, kind, path, errors);
  const template = readObject(spec, "template", path, errors) ?? {};
  const readable = errors.length === before;
  const pods = readTemplate(template, [...path, "template"], errors);
  if (name === null || namespace === null || !readable || pods === null) return { value: null, errors };
  return { value: { kind, namespace, name, uid, replicas, owner, template: pods }, errors };
}

function readKind(workload: ApiObject, errors: FieldError[]): WorkloadKind | null {
  const text = readString(workload, "kind", [], errors) ?? "";
  const kind = workloadKinds.find((one) => one === text);
  if (kind === undefined) errors.push(notSupported(["kind"], text, workloadKinds));
  return kind ?? null;
}

/** The spec that holds the pod template. */
function podMaker(
  workload: ApiObject,
  kind: WorkloadKind,
  errors: FieldError[],
): { readonly spec: ApiObject; readonly path: FieldPath } {
  const spec = readObject(workload, "spec", [], errors) ?? {};
  if (kind !== "CronJob") return { spec, path: ["spec"] };
  const jobTemplate = readObject(spec, "jobTemplate", ["spec"], errors) ?? {};
  const path = ["spec", "jobTemplate"];
  return { spec: readObject(jobTemplate, "spec", path, errors) ?? {}, path: [...path, "spec"] };
}

function readCount(spec: ApiObject, name: string, at: FieldPath, errors: FieldError[]): number | null {
  const count = readInteger(spec, name, at, errors);
  if (count !== null && count < 0) errors.push(invalid([...at, name], count, "must be greater than or equal to 0"));
  return count;
}

/** How many pods run at a time: a Job never runs more than it has to complete. */
function readReplicas(spec: ApiObject, kind: WorkloadKind, at: FieldPath, errors: FieldError[]): number {
  switch (kind) {
    case "DaemonSet":
      return 1;
    case "Job":
    case "CronJob": {
      const parallelism = readCount(spec, "parallelism", at, errors) ?? 1;
      const completions = readCount(spec, "completions", at, errors);
      return completions === null ? parallelism : Math.min(parallelism, completions);
    }
    case "Deployment":
    case "StatefulSet":
    case "ReplicaSet":
    case "ReplicationController":
      return readCount(spec, "replicas", at, errors) ?? 1;
  }
}

function readTemplate(template: ApiObject, at: FieldPath, errors: FieldError[]): Workload["template"] | null {
  const before = errors.length;
  const metadata = readObject(template, "metadata", at, errors) ?? {};
  const labels = readLabels(metadata, "labels", [...at, "metadata"], errors);
  const readable = errors.length === before;
  const spec = decodePodSpec(template, "spec", at, errors);
  return labels === null || !readable || spec === null ? null : { labels, ...spec };
}
