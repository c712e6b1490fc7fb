import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as fc from "fast-check";
import { tries } from "../../../test/property.ts";
import { anyValue, placesOf, replaced } from "../../../test/replaced-values.ts";
import { fieldErrorText } from "../../kube/field-error.ts";
import { adminNetworkPolicyKind } from "../admin-network-policy/admin-network-policy.ts";
import { baselineAdminNetworkPolicyKind } from "../baseline-admin-network-policy/baseline-admin-network-policy.ts";
import { clusterNetworkPolicyKind } from "../cluster-network-policy/cluster-network-policy.ts";
import type { Clause, PolicyKind } from "../policy.ts";

const selector = { matchLabels: { g: "h" }, matchExpressions: [{ key: "i", operator: "In", values: ["j"] }] };
const pods = [{ namespaces: selector }, { pods: { namespaceSelector: selector, podSelector: selector } }];
const outside = [{ nodes: selector }, { networks: ["10.0.0.0/8", "fd00::/8"] }];
const names = [{ domainNames: ["example.org", "*.example.org"] }];
const versionOnePorts = [
  { portNumber: { port: 80, protocol: "UDP" } },
  { portRange: { start: 1, end: 9, protocol: "SCTP" } },
];
const protocols = [
  { tcp: { destinationPort: { number: 80 } } },
  { udp: { destinationPort: { range: { start: 1, end: 9 } } } },
];

interface Written {
  readonly kind: PolicyKind;
  readonly accepts: string;
  readonly spec: object;
  /** A rule of it. */
  readonly ingress: object;
  readonly egress: object;
}

function written(kind: PolicyKind, accepts: string, order: object, ports: object, named: object, to: object): Written {
  const ingress = { action: accepts, name: "a", from: pods, ...named };
  return {
    kind,
    accepts,
    spec: { ...order, subject: pods[1] },
    ingress,
    egress: { action: accepts, name: "b", to, ...ports },
  };
}

const all: readonly Written[] = [
  written(
    clusterNetworkPolicyKind,
    "Accept",
    { tier: "Baseline", priority: 5 },
    { protocols },
    { protocols: [...protocols, { destinationNamedPort: "web" }] },
    [...pods, ...outside, ...names],
  ),
  written(
    adminNetworkPolicyKind,
    "Allow",
    { priority: 5 },
    { ports: versionOnePorts },
    { ports: [...versionOnePorts, { namedPort: "web" }] },
    [...pods, ...outside, ...names],
  ),
  written(
    baselineAdminNetworkPolicyKind,
    "Allow",
    {},
    { ports: versionOnePorts },
    { ports: [...versionOnePorts, { namedPort: "web" }] },
    [...pods, ...outside],
  ),
];

function objectOf({ spec, ingress, egress }: Written): object {
  return { metadata: { name: "default", labels: { d: "e" } }, spec: { ...spec, ingress: [ingress], egress: [egress] } };
}

/** Errors after which it is still clear what is meant. */
const harmless = /Too many: \d+: must have at most (25|100) items|Too long|Duplicate value|Start port must be less/;

describe("decoders of the tiers given anything", () => {
  it("accept the objects that are changed below", () => {
    for (const one of all) assert.deepEqual(one.kind.decode(objectOf(one)).errors.map(fieldErrorText), []);
  });

  it("never throw, and report in short printable lines", () => {
    fc.assert(
      fc.property(fc.constantFrom(...all), fc.nat(), anyValue, (one, choice, value) => {
        const object = objectOf(one);
        const places = placesOf(object);
        const { policy, errors } = one.kind.decode(replaced(object, places[choice % places.length] ?? [], value));
        for (const error of errors.map(fieldErrorText)) {
          assert.ok(error.length < 2000, `${error.length} characters`);
          assert.doesNotMatch(error, /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u);
        }
        assert.ok(policy !== null || errors.length > 0);
      }),
      tries(4000),
    );
  });

  it("never let a broken rule accept, nor change what its neighbours mean", () => {
    const directions = fc.constantFrom("ingress" as const, "egress" as const);
    const actions = fc.constantFrom("accept" as const, "deny" as const);
    fc.assert(
      fc.property(
        fc.constantFrom(...all),
        directions,
        actions,
        fc.nat(),
        anyValue,
        (one, direction, action, choice, value) => {
          // Domain names stand under accepting rules only.
          const rule = {
            ...one[direction],
            ...(action === "deny" ? { action: "Deny", ...withoutNames(one[direction]) } : {}),
          };
          const places = placesOf(rule).filter(([field]) => field !== "action");
          const broken = replaced(rule, places[1 + (choice % (places.length - 1))] ?? [], value);
          const decode = (rules: readonly unknown[]) =>
            one.kind.decode({ metadata: { name: "default" }, spec: { ...one.spec, [direction]: rules } });
          const { policy, errors } = decode([one[direction], broken, one[direction]]);
          const whole = decode([one[direction], one[direction], one[direction]]).policy?.[direction] ?? [];
          const at = (rules: readonly Clause[], index: number) => rules.find((clause) => clause.rule === index);
          const clauses = policy?.[direction] ?? [];
          assert.deepEqual([at(clauses, 0), at(clauses, 2)], [at(whole, 0), at(whole, 2)]);
          if (errors.map(fieldErrorText).every((error) => harmless.test(error))) return;
          const closed = { rule: 1, action: "deny", peers: null, ports: null };
          const { ruleName: _, ...middle } = at(clauses, 1) ?? { ruleName: null };
          assert.deepEqual(middle, action === "accept" ? {} : closed);
        },
      ),
      tries(3000),
    );
  });
});

/** The peers of a rule but for names. */
function withoutNames(rule: object): object {
  const { to } = rule as { to?: readonly object[] };
  return to === undefined ? {} : { to: to.filter((peer) => !("domainNames" in peer)) };
}
