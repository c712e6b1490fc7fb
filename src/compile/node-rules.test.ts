import assert from "node:assert/strict";
import { it } from "node:test";
import type { Address } from "../net/address.ts";
import { formatCidr, parseCidr } from "../net/cidr.ts";
import { equalNodeRules, nodeRules } from "./node-rules.ts";
import type { CompileOptions } from "./options.ts";

const cidrs = (...texts: string[]) => texts.map((text) => parseCidr(text)).filter((cidr) => cidr !== null);

const options: CompileOptions = {
  nodeName: "node-1",
  podCidrs: null,
  unknownPods: "drop",
  established: "cut",
  defaultVerdict: "accept",
  logGroup: null,
};

it("the ranges are the Node's, sorted and without doubles; none while the Node is not known", () => {
  const node = { podCidrs: cidrs("fd00::/64", "10.1.0.0/24", "10.1.0.0/24"), addresses: [] };
  assert.deepEqual(nodeRules(node, options).ranges.map(formatCidr), ["10.1.0.0/24", "fd00::/64"]);
  assert.deepEqual(nodeRules(null, options).ranges, []);
});

it("ranges that the operator gives count instead of the Node's", () => {
  const given = { ...options, podCidrs: cidrs("10.2.0.0/24") };
  assert.deepEqual(nodeRules({ podCidrs: cidrs("10.1.0.0/24"), addresses: [] }, given).ranges.map(formatCidr), [
    "10.2.0.0/24",
  ]);
});

it("the gateway of a range is the first address after the network's; a range of one address has none", () => {
  const node = { podCidrs: cidrs("10.1.0.0/24", "10.9.0.7/32", "fd00::/64"), addresses: [] };
  assert.deepEqual(nodeRules(node, options).gateways, ["10.1.0.1", "fd00::1"]);
});

it("the node's own addresses in its ranges are gateways too, in those that the operator gives as well", () => {
  const own = ["10.1.0.1", "10.1.0.77", "192.168.0.1", "10.2.0.7", "fd00::7"] as Address[];
  const node = {
    podCidrs: cidrs("10.1.0.0/24", "fd00::/64"),
    addresses: own.map((address) => ({ type: "InternalIP", address })),
  };
  const rules = nodeRules(node, options);
  assert.deepEqual(rules.gateways, ["10.1.0.1", "10.1.0.77", "fd00::1", "fd00::7"]);
  assert.deepEqual(nodeRules(node, { ...options, podCidrs: cidrs("10.2.0.0/24") }).gateways, ["10.2.0.1", "10.2.0.7"]);
  assert.equal(equalNodeRules(rules, nodeRules({ ...node, addresses: [] }, options)), false);
});
