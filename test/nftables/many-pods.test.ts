import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { openDataplane } from "../../src/dataplane/registry.ts";
import { noChains } from "../../src/ir/ruleset.ts";
import type { Endpoint, Ruleset } from "../../src/ir/ruleset.ts";
import type { Address } from "../../src/net/address.ts";
import { parseCidr } from "../../src/net/cidr.ts";
import { noNamespaces, ownNamespace } from "../own-namespace.ts";

function endpoint(index: number): Endpoint {
  const address = `10.${128 + (index >> 16)}.${(index >> 8) & 255}.${index & 255}` as Address;
  return { address, pod: `alpha/pod-${index}`, ...noChains };
}

describe("a node whose range is that of the whole cluster", { skip: noNamespaces }, () => {
  it("knows more pods than a set of fixed size would hold", async () => {
    const namespace = ownNamespace();
    const dataplane = openDataplane("nftables", { netns: namespace.name });
    const endpoints = Array.from({ length: 20_000 }, (_, index) => endpoint(index));
    const range = parseCidr("10.128.0.0/14");
    assert.ok(range !== null);
    const ruleset: Ruleset = {
      node: {
        name: "node-1",
        ranges: [range],
        gateways: [],
        unknownPods: "drop",
        established: "cut",
        logGroup: 9080,
        names: null,
      },
      endpoints: new Map(endpoints.map((one) => [one.address, one])),
      chains: new Map(),
      groups: new Map(),
      pairSets: new Map(),
      domainSets: new Map(),
    };
    try {
      await dataplane.sync(ruleset);
      assert.deepEqual((await dataplane.check()).differences, []);
    } finally {
      dataplane.close();
      namespace.remove();
    }
  });
});
