import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as fc from "fast-check";
import { schemaErrors } from "../../test/json-schema.ts";
import { tries } from "../../test/property.ts";
import { type Flow, flowLine } from "../observe/flow.ts";
import { createFlowOrder } from "./flow-order.ts";
import { readFlowLine } from "./flow-stream.ts";
import { createFlowTable, explainCommand } from "./flow-text.ts";

const text = fc.oneof(
  fc.string({ unit: "binary", maxLength: 80 }),
  fc.constantFrom("\u001b[2J\u001b]0;x\u0007", "a\nb", "\u202etxt", "; rm -rf /", "$(id)", "-f", "\ud800", "\u009b31m"),
);
const end = fc.record({
  address: fc.constantFrom("10.0.0.1", "fd00::1"),
  namespace: fc.option(text),
  pod: fc.option(text),
  port: fc.option(fc.nat(65_535)),
});
const hostileFlow: fc.Arbitrary<Flow> = fc.record({
  apiVersion: fc.constant("portcullis.dev/v1" as const),
  kind: fc.constant("Flow" as const),
  time: fc.nat(1e12).map((at) => new Date(at).toISOString()),
  node: text,
  verdict: fc.constantFrom("denied" as const, "audit-denied" as const, "audit-allowed" as const),
  direction: fc.constantFrom("ingress" as const, "egress" as const, null),
  reason: fc.constantFrom("isolated" as const, "admin" as const, "default" as const, "unknown" as const),
  protocol: fc.constantFrom("TCP", "ICMPv6", "47"),
  from: end,
  to: end,
  policies: fc.array(text, { maxLength: 5 }),
  rule: fc.option(fc.nat()),
  suppressed: fc.nat(),
});

/** All that a terminal or a reader of lines acts upon. */
// oxlint-disable-next-line no-control-regex -- exactly these must not get out
const acts = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/;

const flow = (more: Partial<Flow> = {}): Flow => ({
  apiVersion: "portcullis.dev/v1",
  kind: "Flow",
  time: "2026-01-02T03:04:05.678Z",
  node: "n1",
  verdict: "denied",
  direction: "ingress",
  reason: "isolated",
  protocol: "TCP",
  from: { address: "10.0.0.1", namespace: "shop", pod: "web", port: 40_000 },
  to: { address: "fd00::2", namespace: null, pod: null, port: 443 },
  policies: ["NetworkPolicy/shop/closed"],
  rule: null,
  suppressed: 0,
  ...more,
});

describe("a flow on a terminal", () => {
  it("is one line whatever the names in it are", () => {
    fc.assert(
      fc.property(fc.array(hostileFlow, { minLength: 1, maxLength: 5 }), fc.boolean(), (flows, showNode) => {
        const textOf = createFlowTable(showNode);
        for (const one of flows) {
          const line = textOf(one);
          assert.ok(line.endsWith("\n") && !acts.test(line.slice(0, -1)), line);
        }
      }),
      tries(500),
    );
  });

  it("stands in columns, with its reason in words", () => {
    const textOf = createFlowTable(true);
    assert.equal(
      textOf(flow()),
      "03:04:05.678Z  n1  denied  ingress  TCP  shop/web  ->  [fd00::2]:443  isolated by NetworkPolicy/shop/closed\n",
    );
    const policies = ["a", "b", "c", "d", "e"].map((name) => `NetworkPolicy/x/${name}`);
    assert.match(textOf(flow({ policies })), /isolated by NetworkPolicy\/x\/a, \S+, \S+ and 2 more\n$/);
    assert.match(textOf(flow({ policies: [] })), /isolated by a policy\n$/);
    assert.match(
      textOf(flow({ reason: "admin", policies: ["AdminNetworkPolicy/x"], rule: 3 })),
      /denied by AdminNetworkPolicy\/x rule 3\n$/,
    );
    assert.match(textOf(flow({ verdict: "audit-allowed" })), /would be allowed by NetworkPolicy\/shop\/closed\n$/);
    assert.match(textOf(flow({ reason: "later" as Flow["reason"], policies: [] })), / {2}later\n$/);
  });

  it("is explained by a command that can be pasted, or by none", () => {
    assert.equal(
      explainCommand("kubectl portcullis", flow()),
      "kubectl portcullis explain --from shop/web --to fd00::2 --protocol TCP --port 443",
    );
    assert.equal(explainCommand("kubectl portcullis", flow({ direction: null })), null);
    fc.assert(
      fc.property(hostileFlow, (one) => {
        const command = explainCommand("p", one);
        assert.ok(command === null || /^[a-z0-9 .:/-]+$/i.test(command), String(command));
        assert.ok(command === null || !/--(from|to) -/.test(command));
      }),
      tries(500),
    );
  });
});

describe("a flow as a line of JSON", () => {
  it("comes back as it was, in ASCII, and fits the schema", () => {
    fc.assert(
      fc.property(hostileFlow, (one) => {
        const line = flowLine(one);
        assert.match(line, /^[ -~]*\n$/);
        const read = readFlowLine(line);
        assert.deepEqual(read, JSON.parse(JSON.stringify(one)));
        assert.deepEqual(schemaErrors(read, "flow.json"), []);
      }),
      tries(300),
    );
  });

  it("is none where anything in it is amiss, and reading it never throws", () => {
    const whole = JSON.parse(flowLine(flow())) as Record<string, unknown>;
    for (const field of ["kind", "time", "node", "verdict", "direction", "protocol", "from", "to", "policies"]) {
      assert.equal(readFlowLine(JSON.stringify({ ...whole, [field]: 7 })), null, field);
    }
    fc.assert(
      fc.property(fc.oneof(fc.json(), fc.string()), (line) => void readFlowLine(line)),
      tries(300),
    );
  });
});

describe("a line of somebody who speaks as an agent", () => {
  it("gives no more than a flow, however deep the rest is nested", () => {
    const deep = `${"[".repeat(200_000)}${"]".repeat(200_000)}`;
    const line = (one: object): string => `{"more":${deep},${JSON.stringify(one).slice(1)}`;
    const lost = { apiVersion: "portcullis.dev/v1", kind: "FlowsLost", time: "t", node: "n", count: 3 } as const;
    for (const one of [flow(), lost]) {
      const read = readFlowLine(line(one));
      assert.deepEqual(read, one);
      assert.equal(flowLine(one), read === null ? "" : flowLine(read));
    }
  });
});

describe("flows of several nodes", () => {
  const at = (milliseconds: number): Flow => flow({ time: new Date(milliseconds).toISOString() });
  const times = (flows: readonly Flow[]) => flows.map(({ time }) => Date.parse(time));

  it("come in the order of time if they come in time", () => {
    let now = 0;
    const order = createFlowOrder(500, 100, () => now);
    order.add(at(30));
    now = 400;
    order.add(at(10));
    order.add(at(50));
    assert.deepEqual(times(order.take(499)), []);
    assert.deepEqual(times(order.take(500)), [10, 30], "what is earlier goes along with what has waited");
    assert.deepEqual(times(order.take(899)), []);
    assert.deepEqual(times(order.take(900)), [50]);
    order.add(at(2));
    order.add(at(1));
    assert.deepEqual(times(order.rest()), [1, 2]);
  });

  it("do not pile up", () => {
    const order = createFlowOrder(500, 10, () => 0);
    for (let index = 0; index < 10; index += 1) order.add(at(100 - index));
    assert.ok(order.isFull());
    order.add(at(1));
    assert.deepEqual(times(order.take(0)), [1]);
    assert.equal(order.rest().length, 10);
  });
});
