import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { parse } from "yaml";
import type { Schema } from "../../kube/schema/schema.ts";
import { adminNetworkPolicy } from "../admin-network-policy/admin-network-policy.ts";
import { baselineAdminNetworkPolicy } from "../baseline-admin-network-policy/baseline-admin-network-policy.ts";
import { clusterNetworkPolicy } from "../cluster-network-policy/cluster-network-policy.ts";
import { allGatesOpen, type FeatureGates } from "../feature-gates.ts";
import type { TieredKind } from "./tiered-kind.ts";

const folder = join(import.meta.dirname, "../../../test/apiserver/crds");
const noGates: FeatureGates = new Set();

type Json = Readonly<Record<string, unknown>>;

/** A schema of a CRD without what it does not check: descriptions, defaults' values, types of maps. */
function published(schema: Json): unknown {
  const { properties, additionalProperties, items, type, default: absent, ...rest } = schema;
  const checks = Object.entries(rest).filter(([key]) => !["description", "x-kubernetes-map-type"].includes(key));
  const plain = checks.filter(([key, value]) => key !== "x-kubernetes-list-type" || value === "set");
  const named = plain.map(
    ([key, value]) => [key, key === "required" ? [...(value as string[])].sort() : value] as const,
  );
  return {
    type,
    ...Object.fromEntries(named),
    ...(absent === undefined ? {} : { default: absent }),
    ...(items === undefined ? {} : { items: published(items as Json) }),
    ...(additionalProperties === undefined ? {} : { additionalProperties: published(additionalProperties as Json) }),
    ...(properties === undefined ? {} : { properties: publishedFields(properties as Json) }),
  };
}

function publishedFields(properties: Json): Json {
  return Object.fromEntries(Object.entries(properties).map(([name, one]) => [name, published(one as Json)]));
}

/** One of ours in the words of a CRD. */
function written(schema: Schema): unknown {
  if (schema.type === "shut") throw new Error("a field that is shut is not there");
  const rules = (schema.validations ?? []).map(({ rule, message }) => ({ rule, message }));
  const validations = rules.length === 0 ? {} : { "x-kubernetes-validations": rules };
  const { validations: _, ...rest } = schema;
  switch (rest.type) {
    case "string":
    case "integer":
      return { ...rest, ...validations };
    case "array": {
      const { items, unique, ...limits } = rest;
      const set = unique === true ? { "x-kubernetes-list-type": "set" } : {};
      return { ...limits, items: written(items), ...set, ...validations };
    }
    case "map":
      return { type: "object", additionalProperties: written(rest.values), ...validations };
    case "object": {
      const { properties, required, ...limits } = rest;
      const open = Object.entries(properties).filter(([, one]) => one.type !== "shut");
      const fields = Object.fromEntries(open.map(([name, one]) => [name, written(one)]));
      const needed = required === undefined ? {} : { required: [...required].sort() };
      return { ...limits, properties: fields, ...needed, ...validations };
    }
  }
}

function crdOf({ kind, resource, apiVersion }: TieredKind, channel: string): unknown {
  const version = apiVersion.split("/")[1] ?? "";
  const crd = parse(readFileSync(join(folder, `${resource}.${version}.${channel}.yaml`), "utf8")) as {
    spec: { names: { kind: string }; versions: { schema: { openAPIV3Schema: { properties: { spec: Json } } } }[] };
  };
  assert.equal(crd.spec.names.kind, kind);
  const { spec } = crd.spec.versions[0]?.schema.openAPIV3Schema.properties ?? {};
  assert.ok(spec !== undefined);
  return published(spec);
}

/** Egress rules of the standard channel have no CEL rule: the peers that it is about are experimental, but networks. */
function withoutEgressRule(spec: unknown): unknown {
  return JSON.parse(
    JSON.stringify(spec, (key, value: unknown) => {
      const isRule = key === "x-kubernetes-validations" && JSON.stringify(value).includes("namedPorts");
      return isRule ? undefined : value;
    }),
  );
}

describe("what the decoders demand of a spec is what the published CRDs demand", () => {
  for (const kind of [adminNetworkPolicy, baselineAdminNetworkPolicy, clusterNetworkPolicy]) {
    it(`${kind.kind}: all gates open is the experimental channel`, () => {
      assert.deepEqual(written(kind.schema(allGatesOpen)), crdOf(kind, "experimental"));
    });

    it(`${kind.kind}: all gates shut is the standard channel`, () => {
      assert.deepEqual(withoutEgressRule(written(kind.schema(noGates))), crdOf(kind, "standard"));
    });
  }
});
