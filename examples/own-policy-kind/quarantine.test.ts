import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, it } from "node:test";
import { readQuery } from "../../src/evaluate/query.ts";
import { evaluate } from "../../src/evaluate/reference.ts";
import { createResolver } from "../../src/evaluate/resolve.ts";
import { fieldErrorText } from "../../src/kube/field-error.ts";
import { policyKinds, readEverything } from "../../src/policy/kinds.ts";
import { type ManifestRead, readManifests } from "../../src/source/manifests/read.ts";
import { quarantineKind } from "./quarantine.ts";

const files = ["cluster.yaml", "quarantine.yaml"].map((name) => join(import.meta.dirname, name));
const reading = { ...readEverything, kinds: [...policyKinds, quarantineKind] };

function verdict({ cluster, workloads }: ManifestRead, from: string, to: string): string {
  const query = readQuery({ from, to, protocol: "TCP", port: 80 });
  if ("error" in query) throw new Error(query.error);
  const connection = createResolver(cluster, workloads).resolve(query);
  if ("error" in connection) throw new Error(connection.error);
  return evaluate(cluster, connection).verdict;
}

describe("a policy kind of one's own", () => {
  it("is read from manifests with the others, and decides in its tier", async () => {
    const read = await readManifests(files, { recursive: false, reading });
    assert.deepEqual(read.findings, []);
    assert.equal(verdict(read, "shop/web", "shop/hacked"), "deny");
    assert.equal(verdict(read, "shop/hacked", "shop/web"), "deny");
    assert.equal(verdict(read, "shop/hacked", "198.51.100.7"), "deny");
    assert.equal(verdict(read, "forensics/analyst", "shop/hacked"), "allow");
    assert.equal(verdict(read, "shop/hacked", "forensics/analyst"), "deny");
    assert.equal(verdict(read, "forensics/analyst", "shop/web"), "allow");
  });

  it("means nothing where it is not among the kinds that are read", async () => {
    const read = await readManifests(files, { recursive: false });
    assert.equal(verdict(read, "shop/web", "shop/hacked"), "allow");
  });

  it("fails closed", () => {
    const decoded = (spec: object) => quarantineKind.decode({ metadata: { name: "q" }, spec });
    const podSelector = { matchLabels: { compromised: "true" } };
    const broken = decoded({ podSelector, investigators: { matchLabel: { role: "investigation" } } });
    assert.deepEqual(broken.errors.map(fieldErrorText), ["spec.investigators.matchLabel: unknown field"]);
    assert.deepEqual(
      broken.policy?.ingress?.map(({ action }) => action),
      ["deny"],
    );
    assert.equal(decoded({ podSelector: { matchExpressions: [{ key: "a", operator: "Is" }] } }).policy, null);
    assert.deepEqual(decoded({}).errors.map(fieldErrorText), ["spec.podSelector: Required value"]);
  });

  it("holds whatever is wrong with its name", () => {
    const spec = { podSelector: { matchLabels: { compromised: "true" } } };
    for (const metadata of [undefined, {}, { name: "Not_a name" }]) {
      const { policy, errors } = quarantineKind.decode({ metadata, spec });
      assert.equal(errors.length, 1);
      assert.deepEqual(
        policy?.egress?.map(({ action }) => action),
        ["deny"],
      );
    }
  });
});
