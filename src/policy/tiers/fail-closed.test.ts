import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { fieldErrorText } from "../../kube/field-error.ts";
import { adminNetworkPolicyKind } from "../admin-network-policy/admin-network-policy.ts";
import { clusterNetworkPolicyKind } from "../cluster-network-policy/cluster-network-policy.ts";
import type { Clause, DecodedPolicy, Direction } from "../policy.ts";
import { compareInTier } from "../tier-order.ts";

const everyNamespace = { namespaces: {} };
const base = { tier: "Admin", priority: 10, subject: everyNamespace };
const decode = (spec: object): DecodedPolicy =>
  clusterNetworkPolicyKind.decode({ metadata: { name: "p" }, spec: { ...base, ...spec } });

const peersField: Record<Direction, string> = { ingress: "from", egress: "to" };

/** What each rule means, from a policy of these rules: the number of its peers, or `everything`. */
function meaning(clauses: readonly Clause[] | null | undefined): readonly string[] {
  return (clauses ?? []).map(({ rule, action, peers, ports }) => {
    const isEverything = peers === null && ports === null;
    return `${rule} ${action} ${isEverything ? "everything" : `${peers?.length ?? "?"} peers`}`;
  });
}

/** What makes a rule unreadable, and the path that is told of. */
const unreadable: readonly (readonly [direction: Direction, change: object, path: string])[] = [
  ["ingress", { from: undefined }, ".from"],
  ["ingress", { from: null }, ".from"],
  ["ingress", { from: [] }, ".from"],
  ["ingress", { from: {} }, ".from"],
  ["ingress", { from: [everyNamespace, {}] }, ".from[1]"],
  ["ingress", { from: [everyNamespace, null] }, ".from[1]"],
  ["ingress", { from: [{ ...everyNamespace, pods: { podSelector: {} } }] }, ".from[0]"],
  ["ingress", { from: [everyNamespace, { other: {} }] }, ".from[1].other"],
  ["ingress", { from: [{ ...everyNamespace, other: null }] }, ".from[0].other"],
  ["ingress", { from: [{ nodes: {} }] }, ".from[0].nodes"],
  ["ingress", { from: [{ networks: ["10.0.0.0/8"] }] }, ".from[0].networks"],
  ["ingress", { from: [{ domainNames: ["a.b"] }] }, ".from[0].domainNames"],
  ["ingress", { from: [{ pods: {} }] }, ".from[0].pods.podSelector"],
  ["ingress", { from: [{ namespaces: { matchLabel: {} } }] }, ".from[0].namespaces.matchLabel"],
  ["ingress", { from: [{ namespaces: { matchLabels: { "a b": "c" } } }] }, ".from[0].namespaces.matchLabels"],
  [
    "ingress",
    { from: [{ namespaces: { matchExpressions: [{ key: "a", operator: "Is" }] } }] },
    ".from[0].namespaces.matchExpressions[0].operator",
  ],
  ["ingress", { name: 5 }, ".name"],
  ["ingress", { other: 1 }, ".other"],
  ["ingress", { ports: [] }, ".ports"],
  ["ingress", { protocols: [] }, ".protocols"],
  ["ingress", { protocols: {} }, ".protocols"],
  ["ingress", { protocols: [{}] }, ".protocols[0]"],
  ["ingress", { protocols: [{ tcp: { destinationPort: { number: 0 } } }] }, ".protocols[0].tcp.destinationPort.number"],
  ["egress", { to: [{ networks: [] }] }, ".to[0].networks"],
  ["egress", { to: [{ networks: ["10.0.0.0"] }] }, ".to[0].networks[0]"],
  ["egress", { to: [{ networks: ["10.0.0.0/8", "::ffff:10.0.0.0/104"] }] }, ".to[0].networks[1]"],
  ["egress", { to: [{ domainNames: ["*"] }] }, ".to[0].domainNames[0]"],
  ["egress", { to: [{ domainNames: [`${"a".repeat(64)}.org`] }] }, ".to[0].domainNames"],
  ["egress", { to: [{ domainNames: ["a.".repeat(2000)] }] }, ".to[0].domainNames"],
  [
    "egress",
    { to: [{ nodes: { matchExpressions: [{ key: "a", operator: "In" }] } }] },
    ".to[0].nodes.matchExpressions[0].values",
  ],
  ["egress", { to: [{ nodes: {} }], protocols: [{ destinationNamedPort: "a" }] }, ""],
  ["egress", { to: [{ networks: ["10.0.0.0/8"] }], protocols: [{ destinationNamedPort: "a" }] }, ""],
  ["egress", { to: [everyNamespace, { domainNames: ["a.b"] }], protocols: [{ destinationNamedPort: "a" }] }, ""],
];

describe("a rule that cannot be read", () => {
  for (const [direction, change, path] of unreadable) {
    it(`${direction} ${JSON.stringify(change).slice(0, 120)}: accepts nothing, or denies everything of its direction`, () => {
      const whole = { action: "Deny", [peersField[direction]]: [everyNamespace] };
      for (const [action, expected] of [
        ["Accept", []],
        ["Deny", ["1 deny everything"]],
        ["Pass", ["1 deny everything"]],
      ] as const) {
        const { policy, errors } = decode({ [direction]: [whole, { ...whole, action, ...change }, whole] });
        assert.deepEqual(meaning(policy?.[direction]), ["0 deny 1 peers", ...expected, "2 deny 1 peers"]);
        assert.equal(policy?.[direction === "ingress" ? "egress" : "ingress"], null);
        assert.ok(errors.length >= 1);
        for (const error of errors)
          assert.ok(fieldErrorText(error).startsWith(`spec.${direction}[1]${path}`), fieldErrorText(error));
      }
    });
  }

  it("is also one whose action is none, and what is no rule at all", () => {
    const from = [everyNamespace];
    for (const rule of [{ from }, { action: "accept", from }, { action: ["Accept"], from }, null, "x", []]) {
      const { policy, errors } = decode({ ingress: [rule, { action: "Accept", from }] });
      assert.deepEqual(meaning(policy?.ingress), ["0 deny everything", "1 accept 1 peers"]);
      assert.ok(errors.length >= 1);
    }
  });

  it("domain names under Deny and Pass are such", () => {
    for (const action of ["Deny", "Pass"]) {
      const { policy, errors } = decode({ egress: [{ action, to: [everyNamespace, { domainNames: ["a.b"] }] }] });
      assert.deepEqual(meaning(policy?.egress), ["0 deny everything"]);
      assert.deepEqual(errors.map(fieldErrorText), [
        "spec.egress[0].to[1].domainNames: Forbidden: may only be set in rules whose action is Accept",
      ]);
    }
  });

  it("so are protocols that v1alpha1's schema lets through", () => {
    const from = [everyNamespace];
    for (const port of [
      { portNumber: { port: 1, protocol: "ICMP" } },
      { portNumber: { port: 1, protocol: "" } },
      { portRange: { start: 1, end: 2, protocol: "tcp" } },
      { portRange: { start: 2, end: 1 } },
      { namedPort: "" },
      { namedPort: "a-name-that-is-too-long" },
    ]) {
      const rules = ["Allow", "Deny"].map((action) => ({ action, from, ports: [{ portNumber: { port: 80 } }, port] }));
      const spec = { priority: 1, subject: everyNamespace, ingress: rules };
      const { policy, errors } = adminNetworkPolicyKind.decode({ metadata: { name: "p" }, spec });
      assert.deepEqual(meaning(policy?.ingress), ["1 deny everything"]);
      for (const error of errors) assert.match(fieldErrorText(error), /^spec\.ingress\[[01]\]\.ports\[1\]\./);
    }
  });
});

describe("what is only too much", () => {
  const from = [everyNamespace];
  const readable: readonly (readonly [change: object, rules: number, message: RegExp])[] = [
    [{ ingress: Array.from({ length: 26 }, () => ({ action: "Accept", from })) }, 26, /Too many: 26/],
    [{ ingress: [{ action: "Accept", from: Array.from({ length: 26 }, () => everyNamespace) }] }, 1, /Too many: 26/],
    [{ ingress: [{ action: "Accept", from, name: "x".repeat(101) }] }, 1, /Too long/],
    [{ egress: [{ action: "Accept", to: [{ networks: ["10.0.0.0/8", "10.0.0.0/8"] }] }] }, 1, /Duplicate value/],
    [{ egress: [{ action: "Accept", to: [{ domainNames: ["a.b", "a.b"] }] }] }, 1, /Duplicate value/],
    [
      { egress: [{ action: "Accept", to: [{ networks: ["1111:2222:3333:4444:5555:6666:77.77.77.77/128"] }] }] },
      1,
      /Too long/,
    ],
    [{ priority: 1001 }, 0, /less than or equal to 1000/],
    [{ priority: -1 }, 0, /greater than or equal to 0/],
    [{ other: 1 }, 0, /^spec\.other: unknown field$/],
  ];
  for (const [change, rules, message] of readable) {
    it(`${JSON.stringify(change).slice(0, 80)}: is reported, and read`, () => {
      const { policy, errors } = decode(change);
      assert.deepEqual(errors.length, 1);
      assert.match(fieldErrorText(errors[0] as (typeof errors)[number]), message);
      assert.equal((policy?.ingress ?? []).length + (policy?.egress ?? []).length, rules);
      assert.equal(policy?.priority, "priority" in change ? change.priority : 10);
    });
  }

  it("a name of a rule that is too long is not used", () => {
    const { policy } = decode({ ingress: [{ action: "Accept", from, name: "x".repeat(101) }] });
    assert.equal(policy?.ingress?.[0]?.ruleName, null);
  });

  it("a name of a rule is counted in characters, as the API server counts", () => {
    const name = "\u{1f9f1}".repeat(100);
    const { policy, errors } = decode({ ingress: [{ action: "Accept", from, name }] });
    assert.deepEqual(errors, []);
    assert.equal(policy?.ingress?.[0]?.ruleName, name);
  });

  it("an unknown field of the object itself is told of", () => {
    const { policy, errors } = clusterNetworkPolicyKind.decode({ metadata: { name: "p" }, spec: base, spek: {} });
    assert.deepEqual([policy?.id, ...errors.map(fieldErrorText)], ["ClusterNetworkPolicy/p", "spek: unknown field"]);
  });
});

describe("a policy whose place cannot be read", () => {
  const rules = ["Accept", "Deny", "Pass"].map((action) => ({ action, from: [everyNamespace] }));

  it("denies what it might deny, before all others, and accepts nothing", () => {
    for (const change of [
      { priority: undefined },
      { priority: "1" },
      { priority: 1.5 },
      { priority: 2 ** 31 },
      { tier: undefined },
      { tier: "NetworkPolicy" },
      { tier: 1 },
    ]) {
      const { policy, errors } = decode({ tier: "Baseline", ...change, ingress: rules });
      assert.ok(errors.length >= 1);
      assert.ok(policy !== null);
      assert.deepEqual(meaning(policy.ingress), ["1 deny 1 peers", "2 deny 1 peers"]);
      assert.equal(policy.tier, "admin");
      const lowest = decode({ priority: -(2 ** 31) + 1 }).policy;
      assert.ok(lowest !== null && compareInTier(policy, lowest) < 0);
    }
  });

  it("says nothing where all that it says is accept", () => {
    assert.equal(decode({ priority: null, ingress: rules.slice(0, 1) }).policy?.ingress, null);
  });
});

describe("a list of rules that is none", () => {
  it("denies everything of its direction", () => {
    for (const ingress of ["x", {}, 0, false]) {
      const { policy, errors } = decode({ ingress });
      assert.deepEqual([meaning(policy?.ingress), policy?.egress], [["0 deny everything"], null]);
      assert.equal(errors.length, 1);
    }
  });
});

describe("a subject that cannot be read", () => {
  it("leaves no policy", () => {
    for (const subject of [
      undefined,
      null,
      {},
      [],
      "x",
      { ...everyNamespace, pods: { podSelector: {} } },
      { pods: {} },
      { other: {} },
      { ...everyNamespace, other: {} },
      { namespaces: { matchLabel: { a: "b" } } },
      { namespaces: { matchLabels: { a: 1 } } },
      { namespaces: { matchExpressions: [{ key: "a", operator: "In" }] } },
    ]) {
      const { policy, errors } = decode({ subject });
      assert.equal(policy, null);
      assert.ok(errors.length >= 1);
      for (const error of errors) assert.ok(fieldErrorText(error).startsWith("spec.subject"));
    }
  });

  it("a label that is null is no requirement: the API server drops it before it stores the object", () => {
    const { policy, errors } = decode({ subject: { namespaces: { matchLabels: { a: null } } } });
    assert.deepEqual(errors, []);
    assert.deepEqual(policy?.subject.namespaces, { kind: "selector", selector: { requirements: [] } });
  });

  it("nor does an object without a spec, or that is none", () => {
    for (const object of [{ metadata: { name: "p" } }, { metadata: { name: "p" }, spec: [] }, {}, null, [], "x"]) {
      const { policy, errors } = clusterNetworkPolicyKind.decode(object);
      assert.equal(policy, null);
      assert.ok(errors.length >= 1);
    }
  });
});

describe("a policy's name", () => {
  it("is reported where it is none, and does not open what the policy closes", () => {
    const spec = { ...base, ingress: [{ action: "Deny", from: [everyNamespace] }] };
    const named = clusterNetworkPolicyKind.decode({ metadata: { name: "Not_a name" }, spec });
    assert.equal(named.errors.length, 1);
    assert.match(named.policy?.name ?? "", /^Not_a_name-[0-9a-f]{8}$/);
    const unnamed = clusterNetworkPolicyKind.decode({ metadata: {}, spec });
    assert.match(unnamed.policy?.id ?? "", /^ClusterNetworkPolicy\/unnamed-[0-9a-f]{8}$/);
    assert.deepEqual(meaning(unnamed.policy?.ingress), ["0 deny 1 peers"]);
  });

  it("may be lost with all of its metadata, and the policy is in force all the same", () => {
    const spec = { ...base, ingress: [{ action: "Deny", from: [everyNamespace] }] };
    for (const metadata of ["p", [], 5]) {
      const { policy, errors } = clusterNetworkPolicyKind.decode({ metadata, spec });
      assert.equal(errors.length, 1);
      assert.match(fieldErrorText(errors[0] ?? assert.fail()), /^metadata: Invalid value: /);
      assert.match(policy?.id ?? "", /^ClusterNetworkPolicy\/unnamed-[0-9a-f]{8}$/);
      assert.deepEqual(meaning(policy?.ingress), ["0 deny 1 peers"]);
    }
  });
});
