import { decodeNamespace } from "../../kube/decode/namespace.ts";
import { decodeNode } from "../../kube/decode/node.ts";
import { decodePod } from "../../kube/decode/pod.ts";
import { decodeService } from "../../kube/decode/service.ts";
import type { ApiObject } from "../../kube/decode/fields.ts";
import type { FieldError } from "../../kube/field-error.ts";
import type { ClusterObject } from "../../kube/objects.ts";
import type { PolicyReading, UnreadKind } from "../../policy/kinds.ts";
import type { PolicyKind } from "../../policy/policy.ts";
import { existenceReader, jsonReader } from "./read/json.ts";
import type { Decode } from "./read/json-object.ts";
import { readPod } from "./read/protobuf/pod.ts";
import { protobufReader } from "./read/protobuf/protobuf.ts";
import type { Resource } from "./resource.ts";

/** What every API server serves, whose being there need not be discovered. */
const builtInGroups: ReadonlySet<string> = new Set(["networking.k8s.io"]);

type Decoder = (object: ApiObject) => { readonly value: ClusterObject | null; readonly errors: readonly FieldError[] };

const decodeWith =
  (decode: Decoder): Decode =>
  (object) => {
    const { value, errors } = decode(object);
    return { kind: "read", value, errors };
  };

const core = { apiVersion: "v1", fieldSelector: "", need: "required", unread: null } as const;

const withName = (name: string): string => `metadata.name=${name}`;

/** The Nodes. `name`: only this one is of interest; null: all are. */
export function nodesResource(name: string | null): Resource {
  const fieldSelector = name === null ? "" : withName(name);
  const reader = jsonReader(decodeWith(decodeNode));
  return { ...core, name: "nodes", path: "/api/v1/nodes", kind: "Node", reader, fieldSelector };
}

const servicesReader = jsonReader(decodeWith(decodeService));

/** One Service: that of the cluster's DNS. */
export function serviceResource({ namespace, name }: { readonly namespace: string; readonly name: string }): Resource {
  const path = `/api/v1/namespaces/${namespace}/services`;
  const fieldSelector = withName(name);
  return { ...core, name: "services", path, kind: "Service", reader: servicesReader, fieldSelector, need: "wanted" };
}

/** What every cluster has. `nodeName`: only this Node is of interest. */
export function coreResources(nodeName: string | undefined, services: boolean): readonly Resource[] {
  const pods = protobufReader(readPod, decodeWith(decodePod));
  const namespaces = jsonReader(decodeWith(decodeNamespace));
  const all: Resource[] = [
    { ...core, name: "namespaces", path: "/api/v1/namespaces", kind: "Namespace", reader: namespaces },
    nodesResource(nodeName ?? null),
    { ...core, name: "pods", path: "/api/v1/pods", kind: "Pod", reader: pods },
  ];
  if (!services) return all;
  return [...all, { ...core, name: "services", path: "/api/v1/services", kind: "Service", reader: servicesReader }];
}

/** Tells when policy kinds come and go. */
export const definitions: Resource = {
  name: "customresourcedefinitions.apiextensions.k8s.io",
  path: "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  fieldSelector: "",
  reader: existenceReader,
  need: "extra",
  unread: null,
};

function groupOf(apiVersion: string): string {
  return apiVersion.slice(0, apiVersion.indexOf("/"));
}

function policyResource(kind: PolicyKind, apiVersion: string, { gates }: PolicyReading): Resource {
  const group = groupOf(apiVersion);
  return {
    name: `${kind.resource}.${group}`,
    path: `/apis/${apiVersion}/${kind.resource}`,
    apiVersion,
    kind: kind.kind,
    fieldSelector: "",
    reader: jsonReader((object) => {
      const { policy, errors } = kind.decode(object, gates);
      return { kind: "read", value: policy, errors };
    }),
    need: builtInGroups.has(group) ? "required" : "wanted",
    unread: null,
  };
}

/** Policies of the API server itself: always there. */
export function builtInPolicies(reading: PolicyReading): readonly Resource[] {
  return reading.kinds.flatMap((kind) => {
    const apiVersion = kind.apiVersions.find((one) => builtInGroups.has(groupOf(one)));
    return apiVersion === undefined ? [] : [policyResource(kind, apiVersion, reading)];
  });
}

function unreadResource(kind: string, apiVersion: string, resource: string, unread: string): Resource {
  return {
    name: `${resource}.${groupOf(apiVersion)}`,
    path: `/apis/${apiVersion}/${resource}`,
    apiVersion,
    kind,
    fieldSelector: "",
    reader: existenceReader,
    need: "extra",
    unread,
  };
}

/** A kind of policy that is there if somebody has installed it. */
export interface OptionalKind {
  readonly kind: string;
  readonly group: string;
  /** Plural. */
  readonly resource: string;
  /** How to follow it, given the versions in which it is served, the preferred one first. */
  choose(versions: readonly string[]): Resource | null;
}

function readKind(kind: PolicyKind, reading: PolicyReading): OptionalKind {
  const group = groupOf(kind.apiVersions[0] ?? "");
  return {
    kind: kind.kind,
    group,
    resource: kind.resource,
    choose: (versions) => {
      const read = kind.apiVersions.find((one) => versions.includes(one));
      if (read !== undefined) return policyResource(kind, read, reading);
      const [other] = versions;
      const message = `${kind.kind} is served only in versions that are not read: it has no effect (read: ${kind.apiVersions.join(", ")})`;
      return other === undefined ? null : unreadResource(kind.kind, other, kind.resource, message);
    },
  };
}

const unreadKind = ({ kind, group, resource }: UnreadKind): OptionalKind => ({
  kind,
  group,
  resource,
  choose: ([first]) =>
    first === undefined
      ? null
      : unreadResource(kind, first, resource, `${kind} is not supported by this version: it has no effect`),
});

/** Those that are read, in the first of their versions that is served, and those that can only be told of. */
export function optionalKinds(reading: PolicyReading): readonly OptionalKind[] {
  const read = reading.kinds.filter((kind) => !kind.apiVersions.some((one) => builtInGroups.has(groupOf(one))));
  return [...read.map((kind) => readKind(kind, reading)), ...reading.unread.map(unreadKind)];
}
