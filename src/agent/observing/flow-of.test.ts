import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as fc from "fast-check";
import { type Built, packet4, packet6, word } from "../../../test/built-packet.ts";
import { networkPolicy, pod } from "../../../test/ask.ts";
import { clusterOf } from "../../../test/cluster-of.ts";
import { schemaErrors } from "../../../test/json-schema.ts";
import { tries } from "../../../test/property.ts";
import { smallCluster, smallConnection, someOptions } from "../../../test/small-cluster.ts";
import { compileWhole } from "../../compile/whole.ts";
import type { AddressConnection, Part } from "../../evaluate/decision.ts";
import { createEvaluator } from "../../evaluate/indexed.ts";
import type { Ruleset } from "../../ir/ruleset.ts";
import { createModel } from "../../model/model.ts";
import { podName } from "../../model/pod-class.ts";
import { type Address, familyOf } from "../../net/address.ts";
import type { Direction } from "../../policy/policy.ts";
import type { LoggedPacket } from "../../system/netlink/packet-log.ts";
import { flowOf } from "./flow-of.ts";
import { readLogPrefix } from "./prefix.ts";

const numbers = { TCP: 6, UDP: 17, SCTP: 132, ICMP: 1, other: 47 } as const;
const clientPort = 40_000;

/** A packet of the connection: the first one, or an answer. */
function packetOf({ source, destination, protocol, port }: AddressConnection, isAnswer: boolean): Uint8Array {
  const [from, to] = isAnswer ? [destination, source] : [source, destination];
  const ports = isAnswer ? [port, clientPort] : [clientPort, port];
  const isSix = familyOf(source) === 6;
  const echo = isSix ? (isAnswer ? 129 : 128) : isAnswer ? 0 : 8;
  // TCP: flags in the 14th byte, SYN or ACK. SCTP: the first chunk's type in the 13th, INIT or DATA.
  const more = [0, 0, 0, 0, 0, 0, 0, 0, protocol === "SCTP" && !isAnswer ? 1 : 0, isAnswer ? 0x10 : 0x02, 0, 0];
  const payload = protocol === "ICMP" ? [echo, 0, 0, 0] : [...ports.flatMap(word), ...more];
  const number = protocol === "ICMP" && isSix ? 58 : numbers[protocol];
  const built: Built = { source: from, destination: to, protocol: number, payload };
  return isSix ? packet6(built) : packet4(built);
}

const reasons: Readonly<Record<string, string>> = {
  admin: "admin",
  networkpolicy: "isolated",
  baseline: "baseline",
  default: "default",
};

interface Denial {
  readonly ruleset: Ruleset;
  readonly direction: Direction;
  readonly part: Part;
}

const logged = (prefix: string, head: Uint8Array): LoggedPacket => ({ prefix, head, connection: null });

describe("a flow", () => {
  it("names the reason and the policies that the evaluator names, and both ends", () => {
    let seen = 0;
    fc.assert(
      fc.property(
        smallCluster,
        fc.array(smallConnection, { minLength: 20, maxLength: 20 }),
        someOptions,
        (random, connections, options) => {
          // One policy has one name.
          const policies = [...new Map(random.policies.map((policy) => [policy.id, policy])).values()];
          const cluster = { ...random, policies };
          const evaluator = createEvaluator(cluster, options);
          const model = createModel();
          for (const object of cluster.objects) model.apply({ kind: "object", object });
          const podAt = (address: Address) => {
            const holder = model.holder(address);
            return holder === null ? null : podName(holder);
          };
          for (const connection of connections) {
            if (familyOf(connection.source) !== familyOf(connection.destination)) continue;
            const denial = denialOf(connection);
            if (denial === null) continue;
            seen += 1;
            const { ruleset, direction, part } = denial;
            for (const reason of ["policy", reasons[part.tier]]) {
              const packet = logged(`portcullis deny ${direction} ${reason}`, packetOf(connection, false));
              const flow = flowOf(packet, { ruleset, podAt, node: "n" }, 0);
              assert.ok(flow !== null);
              assert.equal(flow.reason, reasons[part.tier]);
              const decidedBy = part.decidedBy === null ? [] : [part.decidedBy.policy];
              assert.deepEqual(flow.policies, part.tier === "networkpolicy" ? part.isolatedBy.slice(0, 20) : decidedBy);
              const rule = part.tier === "networkpolicy" ? null : (part.decidedBy?.rule ?? null);
              assert.equal(flow.rule, rule);
              const nameOf = (end: typeof flow.from) => (end.pod === null ? null : `${end.namespace}/${end.pod}`);
              assert.deepEqual([flow.from.address, nameOf(flow.from)], [connection.source, podAt(connection.source)]);
              assert.deepEqual(
                [flow.to.address, nameOf(flow.to)],
                [connection.destination, podAt(connection.destination)],
              );
            }
            const answer = flowOf(
              logged(`portcullis deny ${direction} ${reasons[part.tier]}`, packetOf(connection, true)),
              { ruleset, podAt, node: "n" },
              0,
            );
            if (answer?.from.address === connection.source) continue;
            // Taken for a first packet: then the other way round is denied in this direction, too.
            const turned = {
              ...connection,
              source: connection.destination,
              destination: connection.source,
              port: clientPort,
            };
            const { [direction]: otherWay } = evaluator.decide({ ...turned, sourceNode: null, domain: null });
            assert.equal(otherWay.verdict, "deny");
          }

          function denialOf(connection: AddressConnection): Denial | null {
            const decision = evaluator.decide({ ...connection, sourceNode: null, domain: null });
            for (const direction of ["egress", "ingress"] as const) {
              const part = decision[direction];
              const subject = model.holder(direction === "egress" ? connection.source : connection.destination);
              if (part.verdict === "allow") continue;
              if (part.tier === "none" || subject === null) return null;
              const node = { nodeName: subject.nodeName, podCidrs: null, established: "cut", logGroup: 9080 } as const;
              return { ruleset: compileWhole(cluster, { ...options, ...node }), direction, part };
            }
            return null;
          }
        },
      ),
      tries(300),
    );
    assert.ok(seen > 100, `${seen} denials`);
  });

  it("of a connection that is cut is the client's, whoever speaks first, also where both pods are isolated alike", () => {
    const [client, server] = ["10.244.1.10", "10.244.1.11"] as Address[];
    assert.ok(client && server);
    const cluster = clusterOf([
      pod("shop/web", [client], { spec: { nodeName: "node-1" } }),
      pod("shop/db", [server], { spec: { nodeName: "node-1" } }),
      networkPolicy("shop/closed", { podSelector: {} }),
    ]);
    const node = { nodeName: "node-1", podCidrs: null, unknownPods: "drop", established: "cut" } as const;
    const ruleset = compileWhole(cluster, { ...node, defaultVerdict: "accept", logGroup: 9080 });
    for (const protocol of ["TCP", "UDP"] as const) {
      const connection = { source: client, destination: server, protocol, port: 5432, sourceNode: null, domain: null };
      for (const isAnswer of [false, true]) {
        const packet = logged("portcullis deny ingress isolated", packetOf(connection, isAnswer));
        const flow = flowOf(packet, { ruleset, podAt: () => null, node: "n" }, 0);
        assert.deepEqual([flow?.from.pod, flow?.to.pod, flow?.to.port], ["web", "db", 5432]);
      }
    }
  });

  it("is told as the kernel saw it while nothing is known, or when the rules have changed since", () => {
    const connection = {
      source: "10.0.0.1" as Address,
      destination: "10.0.0.2" as Address,
      protocol: "TCP",
      port: 80,
    } as const;
    const head = packetOf({ ...connection, sourceNode: null, domain: null }, false);
    const flow = flowOf(
      logged("portcullis deny ingress admin", head),
      { ruleset: null, podAt: () => null, node: "n" },
      0,
    );
    assert.deepEqual(flow, {
      apiVersion: "portcullis.dev/v1",
      kind: "Flow",
      time: "1970-01-01T00:00:00.000Z",
      node: "n",
      verdict: "denied",
      direction: "ingress",
      reason: "admin",
      protocol: "TCP",
      from: { address: "10.0.0.1", namespace: null, pod: null, port: clientPort },
      to: { address: "10.0.0.2", namespace: null, pod: null, port: 80 },
      policies: [],
      rule: null,
      suppressed: 0,
    });
    assert.deepEqual(schemaErrors(flow, "flow.json"), []);
  });

  it("is of the client and the backend that connection tracking knows, where it tells", () => {
    const [client, service, backend] = ["10.0.0.1", "10.96.0.1", "10.0.0.2"] as Address[];
    assert.ok(client && service && backend);
    const answer = packetOf(
      { source: client, destination: backend, protocol: "TCP", port: 8080, sourceNode: null, domain: null },
      true,
    );
    const packet: LoggedPacket = {
      ...logged("portcullis deny ingress isolated", answer),
      connection: {
        original: { source: client, destination: service, protocol: 6, ports: { source: 40_000, destination: 80 } },
        reply: { source: backend, destination: client, protocol: 6, ports: { source: 8080, destination: 40_000 } },
      },
    };
    const flow = flowOf(packet, { ruleset: null, podAt: () => null, node: "n" }, 0);
    assert.deepEqual(
      [flow?.from.address, flow?.from.port, flow?.to.address, flow?.to.port],
      [client, 40_000, backend, 8080],
    );
  });

  it("is none where the packet cannot be read, or no rule of ours logged it", () => {
    const knowledge = { ruleset: null, podAt: () => null, node: "n" };
    assert.equal(flowOf(logged("portcullis deny none unknown", Uint8Array.of(0x45)), knowledge, 0), null);
    assert.equal(flowOf(logged("somebody else", new Uint8Array(40).fill(0x60, 0, 1)), knowledge, 0), null);
  });
});

describe("what a logging rule says", () => {
  it("is read if it is one of ours, and nothing else is", () => {
    assert.deepEqual(readLogPrefix("portcullis audit-allow ingress isolated"), {
      verdict: "audit-allowed",
      direction: "ingress",
      reason: "isolated",
    });
    assert.equal(readLogPrefix("portcullis deny none unknown")?.direction, null);
    for (const text of [
      "",
      "portcullis",
      "portcullis deny",
      "portcullis drop ingress isolated",
      "my portcullis deny none unknown",
    ]) {
      assert.equal(readLogPrefix(text), null);
    }
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => void readLogPrefix(text)),
      tries(200),
    );
  });
});
