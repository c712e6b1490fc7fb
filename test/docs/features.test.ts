import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { ownFeatures, policyFeatures } from "../../src/dataplane/features.ts";
import { policyFields, type PolicyField } from "../../src/dataplane/policy-fields.ts";
import { dataplaneNames, inabilityOf } from "../../src/dataplane/registry.ts";
import { policyKinds } from "../../src/policy/kinds.ts";
import { featuresPage, featuresText } from "./features-page.ts";
import { crdFields, networkPolicyFields } from "./schema-fields.ts";

const kinds = ["adminnetworkpolicies.v1alpha1", "baselineadminnetworkpolicies.v1alpha1"].concat(
  "clusternetworkpolicies.v1alpha2",
);

function declared(kind: string, version: string): readonly PolicyField[] {
  const found = policyFields.find((one) => one.kind === kind);
  assert.equal(found?.version, version, kind);
  return found?.fields ?? [];
}

/** A value of a field that upstream leaves open (a protocol's name) is declared, but in no schema. */
function isPublished(fields: readonly string[], { path }: PolicyField): boolean {
  const [field = "", value] = path.split("=");
  if (fields.includes(path)) return true;
  return value !== undefined && fields.includes(field) && !fields.some((one) => one.startsWith(`${field}=`));
}

function compare(published: readonly string[], fields: readonly PolicyField[]): void {
  const paths = fields.map(({ path }) => path);
  assert.deepEqual(
    published.filter((path) => !paths.includes(path)),
    [],
    "fields that no feature stands for",
  );
  assert.deepEqual(
    fields.filter((field) => !isPublished(published, field)).map(({ path }) => path),
    [],
    "fields that nobody publishes",
  );
  assert.deepEqual(paths.length, new Set(paths).size, "a field that is declared twice");
}

describe("the features that are declared", () => {
  it("cover every field of NetworkPolicy, and no other", () => {
    const published = networkPolicyFields();
    assert.ok(published.length > 25, `${published.length} fields`);
    compare(published, declared("NetworkPolicy", "networking.k8s.io/v1"));
  });

  for (const name of kinds) {
    it(`cover every field of both channels of ${name}, and no other`, () => {
      const { kind, version, fields } = crdFields(`${name}.experimental.yaml`);
      assert.ok(fields.length > 50, `${fields.length} fields`);
      compare(fields, declared(kind, version));
    });

    it(`stand behind a gate exactly where the standard channel of ${name} lacks the field`, () => {
      const { kind, version, fields } = crdFields(`${name}.standard.yaml`);
      const gated = declared(kind, version).filter(({ gate }) => gate !== null);
      assert.ok(gated.length > 0);
      compare(
        fields,
        declared(kind, version).filter(({ gate }) => gate === null),
      );
      assert.deepEqual(
        gated.filter(({ path }) => fields.includes(path)),
        [],
      );
    });
  }

  it("speak of every kind that is read", () => {
    const read = policyKinds.flatMap(({ kind, apiVersions }) => apiVersions.map((version) => `${version} ${kind}`));
    const said = policyFields.map(({ kind, version }) => `${version} ${kind}`);
    assert.deepEqual(
      read.filter((one) => !said.includes(one)),
      [],
    );
  });

  it("are all asked for by some field, and what a dataplane cannot do is one of them, with a reason", () => {
    const asked = new Set(policyFields.flatMap(({ fields }) => fields.map(({ feature }) => feature)));
    const ids: readonly string[] = [...policyFeatures, ...ownFeatures].map(({ id }) => id);
    assert.deepEqual(
      policyFeatures.filter(({ id }) => !asked.has(id)),
      [],
    );
    assert.equal(new Set(ids).size, ids.length);
    for (const name of dataplaneNames) {
      for (const [id, reason] of Object.entries(inabilityOf(name))) {
        assert.ok(ids.includes(id) && reason.length > 10, `${name}: ${id}`);
      }
    }
  });

  it("make docs/features.md: `npm run docs:features` writes it", () => {
    assert.equal(readFileSync(featuresPage, "utf8"), featuresText());
  });
});
