import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { createCompiler } from "../../src/compile/incremental.ts";
import { changeSteps } from "../../src/dataplane/nftables/change.ts";
import { diffPrograms } from "../../src/dataplane/nftables/diff.ts";
import { markLayout } from "../../src/dataplane/nftables/generation.ts";
import { Mirror } from "../../src/dataplane/nftables/mirror.ts";
import type { Address } from "../../src/net/address.ts";
import type { Change, Cluster } from "../../src/policy/cluster.ts";
import { pod } from "../ask.ts";
import { type ApiObject, clusterOf } from "../cluster-of.ts";
import { tries } from "../property.ts";
import { ModelKernel } from "./model-kernel.ts";
import { walk } from "./packet.ts";

const layout = markLayout(0xffff0000);
const names = ["a", "b", "c", "d", "e", "f"];

/** Six policies, each with its own peers: more groups than stand in line. */
const policy = (name: string): ApiObject => ({
  apiVersion: "networking.k8s.io/v1",
  kind: "NetworkPolicy",
  metadata: { namespace: "alpha", name },
  spec: {
    podSelector: { matchLabels: { app: "web" } },
    ingress: [{ from: [{ podSelector: { matchLabels: { [name]: "yes" } } }] }],
  },
});

const peer = (index: number, labels: readonly string[]): ApiObject =>
  pod(`alpha/peer-${index}`, [`10.244.2.${index + 10}`, `fd00:10:244:2::${index + 10}`], {
    labels: Object.fromEntries(labels.map((label) => [label, "yes"])),
    spec: { nodeName: "node-2" },
  });

const web = pod("alpha/web", ["10.244.1.9", "fd00:10:244:1::9"], {
  labels: { app: "web" },
  spec: { nodeName: "node-1" },
});

const relabelled = fc.record({ index: fc.nat(3), labels: fc.subarray(names) });

function changesOf({ objects, policies }: Cluster): Change[] {
  return [
    ...objects.map((object): Change => ({ kind: "object", object })),
    ...policies.map((one): Change => ({ kind: "policy", policy: one })),
  ];
}

describe("a union of groups", () => {
  it("follows its groups, and counts for the first policy that accepts", () => {
    fc.assert(
      fc.property(fc.array(fc.array(relabelled, { minLength: 1, maxLength: 2 }), { maxLength: 15 }), (lists) => {
        const compiler = createCompiler({
          nodeName: "node-1",
          podCidrs: null,
          unknownPods: "drop",
          established: "cut",
          defaultVerdict: "accept",
          logGroup: null,
        });
        const mirror = new Mirror("portcullis", layout, 1, compiler.load(clusterOf([web, ...names.map(policy)])));
        const unions = [...mirror.program.sets.keys()].filter((name) => name.startsWith("union-"));
        assert.equal(unions.length, 2, "one a family");
        const kernel = new ModelKernel();
        for (const step of diffPrograms(null, mirror.program).steps) kernel.transact(step);
        const labels = new Map<number, readonly string[]>();
        for (const list of lists) {
          for (const one of list) labels.set(one.index, one.labels);
          const changes = list.flatMap((one) => changesOf(clusterOf([peer(one.index, one.labels)])));
          const change = compiler.apply(changes);
          for (const step of changeSteps(mirror.program, mirror.change(change, false))) kernel.transact(step);
          assert.deepEqual(diffPrograms(kernel.program, mirror.program).differences, []);
          for (const [index, own] of labels) checkPeer(mirror, index, own);
        }
      }),
      tries(60),
    );
  });
});

function checkPeer(mirror: Mirror, index: number, labels: readonly string[]): void {
  for (const [client, backend] of [
    [`10.244.2.${index + 10}`, "10.244.1.9"],
    [`fd00:10:244:2::${index + 10}`, "fd00:10:244:1::9"],
  ]) {
    const { verdict, counters } = walk(mirror.program, {
      hook: "forward",
      client: client as Address,
      backend: backend as Address,
      protocol: 6,
      port: 80,
      state: "new",
      direction: "original",
      isTranslated: false,
      tcpFlags: 2,
      mark: 0,
    });
    const first = names.find((name) => labels.includes(name));
    assert.equal(verdict, first === undefined ? "drop" : "accept");
    if (first !== undefined) assert.deepEqual(counters, [`NetworkPolicy/alpha/${first}/in/0`]);
  }
}
