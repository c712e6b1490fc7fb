import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import type { Address } from "../../net/address.ts";
import { readContent, readingRules } from "../../source/manifests/read.ts";
import { sortEntries } from "../../source/manifests/read.ts";
import { resolveObjects, type LabObjects } from "../resolve/resolve.ts";
import { digestOfName, namespaceName, podDevice } from "./names.ts";
import { planLab } from "./topology.ts";

interface PodFields {
  readonly ip: string;
  readonly node?: string;
  readonly created?: string;
}

const pod = (name: string, { ip, node, created }: PodFields): object => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { namespace: "x", name, ...(created === undefined ? {} : { creationTimestamp: created }) },
  spec: { containers: [{ name: "c" }], ...(node === undefined ? {} : { nodeName: node }) },
  status: { phase: "Running", podIPs: [{ ip }] },
});

async function objectsOf(manifests: readonly object[], mentioned: readonly string[] = []): Promise<LabObjects> {
  const list = JSON.stringify({ apiVersion: "v1", kind: "List", items: manifests });
  const { entries } = await readContent(Buffer.from(list), "test.json", readingRules({}));
  const { objects, policies } = sortEntries(entries);
  return resolveObjects({ objects, policies }, mentioned as readonly Address[]);
}

describe("names of namespaces", () => {
  it("are names of files whatever the objects are called, and no two objects share one", () => {
    const part = fc.oneof(fc.string(), fc.constantFrom("a", "a-b", "b", "..", ".", "a_b", "x".repeat(300)));
    fc.assert(
      fc.property(part, part, part, part, (a, b, c, d) => {
        const [one, other] = [namespaceName("lab", "pod", a, b), namespaceName("lab", "pod", c, d)];
        assert.match(one, /^pcl-lab-pod-[a-z0-9._-]{1,220}$/);
        assert.equal(one === other, a === c && b === d);
        assert.match(podDevice(a, b), /^pcl[0-9a-f]{12}$/);
      }),
    );
  });

  it("tell parts apart that run together", () => {
    assert.notEqual(digestOfName("ab", "c"), digestOfName("a", "bc"));
  });
});

describe("what manifests leave out", () => {
  it("without Nodes there are two, and pods without a node alternate by name", async () => {
    const { nodes, pods } = await objectsOf(
      ["c", "a", "b"].map((name, index) => pod(name, { ip: `10.0.0.${index + 1}` })),
    );
    assert.deepEqual(
      nodes.map(({ name }) => name),
      ["node-1", "node-2"],
    );
    assert.deepEqual(
      pods.map(({ name, nodeName }) => [name, nodeName]),
      [
        ["a", "node-1"],
        ["b", "node-2"],
        ["c", "node-1"],
      ],
    );
    for (const { addresses, podCidrs } of nodes) assert.deepEqual([addresses.length, podCidrs.length], [2, 0]);
  });

  it("a node gets no address that somebody has or asks for", async () => {
    const taken = pod("a", { ip: "172.18.0.2", node: "elsewhere" });
    const { nodes } = await objectsOf([taken], ["172.18.0.3"]);
    assert.deepEqual(
      nodes.map(({ name }) => name),
      ["elsewhere", "node-1", "node-2"],
    );
    const addresses = nodes.flatMap((node) => node.addresses.map(({ address }) => String(address)));
    assert.ok(!addresses.includes("172.18.0.2") && !addresses.includes("172.18.0.3"), addresses.join());
    assert.equal(new Set(addresses).size, 6);
  });
});

describe("a lab's plan", () => {
  const older = pod("older", { ip: "10.0.0.1", created: "2020-01-01T00:00:00Z" });
  const newer = pod("newer", { ip: "10.0.0.1", created: "2021-01-01T00:00:00Z" });

  it("gives a contested address to the newest pod", async () => {
    const plan = planLab("lab", await objectsOf([newer, older]), "routed", []);
    assert.equal(plan.holders.get("10.0.0.1" as Address), "pcl-lab-pod-x_newer");
  });

  it("makes hosts outside of addresses that nobody has, and strangers of those of a pod range", async () => {
    const node = {
      apiVersion: "v1",
      kind: "Node",
      metadata: { name: "n" },
      spec: { podCIDRs: ["10.1.0.0/24"] },
      status: { addresses: [{ type: "InternalIP", address: "192.0.2.1" }] },
    };
    const asked = ["198.51.100.1", "10.1.0.9", "10.1.0.1", "192.0.2.1", "10.0.0.1"];
    const plan = planLab("lab", await objectsOf([node, newer], asked), "bridged", asked as Address[]);
    const holders = asked.map((address) => plan.holders.get(address as Address));
    assert.deepEqual(holders, [
      "pcl-lab-outside",
      "pcl-lab-stray-10.1.0.9",
      "pcl-lab-node-n",
      "pcl-lab-node-n",
      "pcl-lab-pod-x_newer",
    ]);
  });

  it("connects every namespace, and none to anything beyond", async () => {
    const plan = planLab("lab", await objectsOf([newer]), "routed", []);
    const names = new Set(plan.namespaces.map(({ name }) => name));
    const connected = plan.namespaces.flatMap(({ pairs }) => pairs.map(({ peerNamespace }) => peerNamespace));
    assert.deepEqual(new Set([...connected, "pcl-lab-fabric"]), names);
  });
});
