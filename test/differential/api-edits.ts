import type { ApiObject } from "../cluster-of.ts";

/** API objects as values that are edited: the parts that tests change. */
export type Fields = Readonly<Record<string, unknown>>;

export const specOf = (object: ApiObject): Fields => (object["spec"] ?? {}) as Fields;

export function withSpec(object: ApiObject, fields: Fields): ApiObject {
  return { ...object, spec: { ...specOf(object), ...fields } };
}

export function withMetadata(object: ApiObject, fields: Fields): ApiObject {
  return { ...object, metadata: { ...object.metadata, ...fields } };
}

const tierKinds = ["AdminNetworkPolicy", "BaselineAdminNetworkPolicy", "ClusterNetworkPolicy"];

export const isOfTier = ({ kind }: ApiObject): boolean => tierKinds.includes(kind);
export const isPolicy = (object: ApiObject): boolean => object.kind === "NetworkPolicy" || isOfTier(object);

/** No two objects of a cluster have the same. */
export function idOf({ kind, metadata }: ApiObject): string {
  const { namespace, name } = metadata as Fields;
  return JSON.stringify([kind, namespace, name]);
}
