import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { compileWhole } from "../../src/compile/whole.ts";
import { markLayout } from "../../src/dataplane/nftables/generation.ts";
import { Mirror } from "../../src/dataplane/nftables/mirror.ts";
import { decide, type ForwardedConnection } from "../../src/ir/decide.ts";
import type { Address } from "../../src/net/address.ts";
import { node, pod } from "../ask.ts";
import type { ApiObject } from "../cluster-of.ts";
import { clusterOf } from "../cluster-of.ts";
import { usual } from "../contract/fixture.ts";
import { tries } from "../property.ts";
import { outcomeOf } from "./forwarded.ts";

const layout = markLayout(0xffff0000);
const names = ["web", "dns", "alt"];
const client = "10.1.0.5" as Address;
const backends = Array.from({ length: 6 }, (_, index) => `10.2.0.${index + 5}` as Address);

/** Backends that declare the same names with numbers that differ from pod to pod, and cross. */
const world: readonly ApiObject[] = [
  node("node-1", ["192.0.2.1"]),
  pod("x/client", [client], { spec: { nodeName: "node-1" } }),
  ...backends.map((address, index) =>
    pod(`x/backend-${index}`, [address], {
      labels: { app: String(index % 3) },
      spec: {
        nodeName: "node-2",
        containers: [{ name: "c", ports: names.map((name, at) => ({ name, containerPort: 80 + ((at + index) % 4) })) }],
      },
    }),
  ),
];

const rule = fc.record({
  action: fc.constantFrom("Accept", "Deny", "Pass"),
  app: fc.option(fc.constantFrom("0", "1", "2")),
  port: fc.constantFrom(...names),
});

const connections: readonly ForwardedConnection[] = backends.flatMap((backend) =>
  [80, 81, 82, 83, 84].map((port) => ({ client, backend, protocol: "TCP", port }) as const),
);

describe("named ports in an ordered tier", () => {
  it("decide by the first rule that has the pair, however many there are and whatever they do", () => {
    fc.assert(
      fc.property(fc.array(rule, { minLength: 5, maxLength: 12 }), fc.constantFrom("accept", "deny"), (rules, rest) => {
        const egress = rules.map(({ action, app, port }) => ({
          action,
          to: [{ pods: { podSelector: app === null ? {} : { matchLabels: { app } } } }],
          protocols: [{ destinationNamedPort: port }],
        }));
        const spec = { tier: "Admin", priority: 1, subject: { namespaces: {} }, egress };
        const policy = { kind: "ClusterNetworkPolicy", metadata: { name: "names" }, spec };
        const objects = [...world, { apiVersion: "policy.networking.k8s.io/v1alpha2", ...policy }];
        const ruleset = compileWhole(clusterOf(objects), { ...usual, defaultVerdict: rest });
        const { program } = new Mirror("portcullis", layout, 1, ruleset);
        for (const connection of connections) {
          const { verdict } = outcomeOf(program, connection, 0);
          assert.equal(
            verdict === "accept" ? "accept" : "deny",
            decide(ruleset, connection),
            JSON.stringify(connection),
          );
        }
      }),
      tries(40),
    );
  });
});
