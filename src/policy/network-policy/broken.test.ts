import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { fieldErrorText } from "../../kube/field-error.ts";
import type { Clause, DecodedPolicy, Policy } from "../policy.ts";
import { networkPolicyKind } from "./network-policy.ts";

const metadata = { name: "p", namespace: "prod" };

function decode(spec: unknown): DecodedPolicy {
  return networkPolicyKind.decode({ metadata, spec });
}

const any: Clause = { rule: 0, ruleName: null, action: "accept", peers: null, ports: null };
const nothing: Clause = { rule: 0, ruleName: null, action: "accept", peers: [], ports: [] };

/** Rules that the API server refuses, each with the beginnings of its errors below `spec.ingress[0]`. */
const brokenRules: readonly (readonly [unknown, readonly string[]])[] = [
  [{ ports: [{ port: 0 }] }, [".ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive"]],
  [{ ports: [{ port: 65536 }] }, [".ports[0].port: Invalid value: 65536: must be between"]],
  [{ ports: [{ port: 1e21 }] }, [".ports[0].port: Invalid value: 1e+21: must be between"]],
  [{ ports: [{ port: 80.5 }] }, ['.ports[0].port: Invalid value: "number"']],
  [{ ports: [{ port: "80" }] }, ['.ports[0].port: Invalid value: "80": must contain at least one letter (a-z)']],
  [
    { ports: [{ port: "" }] },
    [
      '.ports[0].port: Invalid value: "": must contain only',
      '.ports[0].port: Invalid value: "": must contain at least',
    ],
  ],
  [{ ports: [{ port: true }] }, ['.ports[0].port: Invalid value: "boolean"']],
  [{ ports: [{ port: [80] }] }, ['.ports[0].port: Invalid value: "array"']],
  [
    { ports: [{ protocol: "tcp" }] },
    ['.ports[0].protocol: Unsupported value: "tcp": supported values: "TCP", "UDP", "SCTP"'],
  ],
  [{ ports: [{ protocol: "" }] }, ['.ports[0].protocol: Unsupported value: ""']],
  [{ ports: [{ protocol: "ICMP" }] }, ['.ports[0].protocol: Unsupported value: "ICMP"']],
  [{ ports: [{ protocol: 6 }] }, ['.ports[0].protocol: Invalid value: "integer"']],
  [
    { ports: [{ port: 80, endPort: 79 }] },
    [".ports[0].endPort: Invalid value: 79: must be greater than or equal to `port`"],
  ],
  [
    { ports: [{ port: 80, endPort: 0 }] },
    [".ports[0].endPort: Invalid value: 0: must be greater", ".ports[0].endPort: Invalid value: 0: must be between"],
  ],
  [{ ports: [{ port: 80, endPort: 65536 }] }, [".ports[0].endPort: Invalid value: 65536: must be between"]],
  [{ ports: [{ port: 80, endPort: "90" }] }, ['.ports[0].endPort: Invalid value: "string"']],
  [
    { ports: [{ port: "http", endPort: 90 }] },
    [".ports[0].endPort: Invalid value: 90: may not be specified when `port` is non-numeric"],
  ],
  [
    { ports: [{ endPort: 90 }] },
    [".ports[0].endPort: Invalid value: 90: may not be specified when `port` is not specified"],
  ],
  [{ ports: [80] }, ['.ports[0]: Invalid value: "integer"']],
  [{ ports: {} }, ['.ports: Invalid value: "object"']],
  [{ from: [{}] }, [".from[0]: Required value: must specify a peer"]],
  [{ from: [{ podSelector: null }] }, [".from[0]: Required value: must specify a peer"]],
  [{ from: [null] }, [".from[0]: Required value: must specify a peer"]],
  [{ from: "all" }, ['.from: Invalid value: "string"']],
  [
    { from: [{ podSelector: {}, ipBlock: { cidr: "10.0.0.0/8" } }] },
    [".from[0]: Forbidden: may not specify both ipBlock and another peer"],
  ],
  [{ from: [{ podSelector: [] }] }, ['.from[0].podSelector: Invalid value: "array"']],
  [
    { from: [{ podSelector: { matchLabels: { "": "x" } } }] },
    [
      '.from[0].podSelector.matchLabels: Invalid value: "": name part must be non-empty',
      ".from[0].podSelector.matchLabels: Invalid value",
    ],
  ],
  [
    { from: [{ podSelector: { matchLabels: { a: "x y" } } }] },
    ['.from[0].podSelector.matchLabels: Invalid value: "x y": a valid label'],
  ],
  [
    { from: [{ namespaceSelector: { matchLabels: { a: 1 } } }] },
    ['.from[0].namespaceSelector.matchLabels.a: Invalid value: "integer"'],
  ],
  [
    { from: [{ namespaceSelector: { matchExpressions: [{ key: "a", operator: "in", values: ["b"] }] } }] },
    ['.from[0].namespaceSelector.matchExpressions[0].operator: Invalid value: "in": not a valid selector operator'],
  ],
  [
    { from: [{ namespaceSelector: { matchExpressions: [{ key: "a", operator: "In" }] } }] },
    [
      ".from[0].namespaceSelector.matchExpressions[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn'",
    ],
  ],
  [
    { from: [{ namespaceSelector: { matchExpressions: [{ key: "a", operator: "Exists", values: ["b"] }] } }] },
    [
      ".from[0].namespaceSelector.matchExpressions[0].values: Forbidden: may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
    ],
  ],
  [
    { from: [{ podSelector: { matchExpressions: [{ operator: "Exists" }] } }] },
    [
      '.from[0].podSelector.matchExpressions[0].key: Invalid value: "": name part must be non-empty',
      ".from[0].podSelector.matchExpressions[0].key: Invalid value",
    ],
  ],
  [
    { from: [{ podSelector: { matchExpressions: [{ key: "a", operator: "In", values: ["b c"] }] } }] },
    ['.from[0].podSelector.matchExpressions[0].values[0]: Invalid value: "b c": a valid label'],
  ],
  [
    { from: [{ podSelector: { matchExpressions: {} } }] },
    ['.from[0].podSelector.matchExpressions: Invalid value: "object"'],
  ],
  [{ from: [{ ipBlock: {} }] }, [".from[0].ipBlock.cidr: Required value"]],
  [
    { from: [{ ipBlock: { cidr: "10.0.0.0" } }] },
    [
      '.from[0].ipBlock.cidr: Invalid value: "10.0.0.0": must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)',
    ],
  ],
  [{ from: [{ ipBlock: { cidr: 10, except: ["x"] } }] }, ['.from[0].ipBlock.cidr: Invalid value: "integer"']],
  [
    { from: [{ ipBlock: { cidr: "10.0.0.0/8", except: ["10.0.0.0/8"] } }] },
    ['.from[0].ipBlock.except[0]: Invalid value: "10.0.0.0/8": must be a strict subset of `cidr`'],
  ],
  [
    { from: [{ ipBlock: { cidr: "10.0.0.0/8", except: ["11.0.0.0/9", "fd00::/64"] } }] },
    [".from[0].ipBlock.except[0]: Invalid value", ".from[0].ipBlock.except[1]: Invalid value"],
  ],
  [
    { from: [{ ipBlock: { cidr: "10.0.0.0/8", except: ["0.0.0.0/0"] } }] },
    ['.from[0].ipBlock.except[0]: Invalid value: "0.0.0.0/0": must be a strict'],
  ],
  [
    { from: [{ ipBlock: { cidr: "10.0.0.0/8", except: ["10.1.0.0"] } }] },
    ['.from[0].ipBlock.except[0]: Invalid value: "10.1.0.0": must be a valid CIDR'],
  ],
  [
    { from: [{ ipBlock: { cidr: "10.0.0.0/8", except: "10.1.0.0/16" } }] },
    ['.from[0].ipBlock.except: Invalid value: "string"'],
  ],
  ["allow", [': Invalid value: "string"']],
  [[], [': Invalid value: "array"']],
];

describe("a NetworkPolicy that is broken", () => {
  for (const [rule, beginnings] of brokenRules) {
    it(`in a rule matches nothing by it: ${JSON.stringify(rule)}`, () => {
      const good = { from: [{ podSelector: {} }], ports: [{ port: 80 }] };
      const { policy: decoded, errors } = decode({ ingress: [rule, {}], egress: [] });
      const texts = errors.map(fieldErrorText);
      assert.equal(texts.length, beginnings.length, texts.join("\n"));
      texts.forEach((text, index) => assert.ok(text.startsWith(`spec.ingress[0]${beginnings[index]}`), text));
      assert.deepEqual(decoded?.ingress, [nothing, { ...any, rule: 1 }]);
      // Nor by the readable ports and peers that stand beside the broken ones.
      if (typeof rule !== "object" || rule === null || Array.isArray(rule)) return;
      const mixed = Object.fromEntries(
        Object.entries(good).map(([name, list]) => {
          const own: unknown = Reflect.get(rule, name);
          return [name, Array.isArray(own) ? [...list, ...own] : (own ?? list)];
        }),
      );
      assert.deepEqual(decode({ ingress: [mixed] }).policy?.ingress, [nothing]);
    });
  }

  it("in all its rules still isolates", () => {
    const { policy: decoded, errors } = decode({ ingress: "x", egress: 5 });
    assert.equal(errors.length, 2);
    assert.deepEqual([decoded?.ingress, decoded?.egress], [[], []]);
  });

  it("in its policyTypes isolates in the directions that it names, in both if it names none legibly", () => {
    const rules = { ingress: [{}], egress: [{}] };
    const broken: readonly (readonly [unknown, string, boolean, boolean])[] = [
      [
        ["Ingress", "Both"],
        'spec.policyTypes[1]: Unsupported value: "Both": supported values: "Ingress", "Egress"',
        true,
        false,
      ],
      [["egress"], 'spec.policyTypes[0]: Unsupported value: "egress"', false, true],
      [["Both"], "spec.policyTypes[0]: Unsupported value", true, true],
      ["Ingress", 'spec.policyTypes: Invalid value: "string"', true, true],
      [[5], 'spec.policyTypes[0]: Invalid value: "integer"', true, true],
      [
        ["Egress", "Egress", "Egress"],
        'spec.policyTypes: Invalid value: ["Egress","Egress","Egress"]: may not specify more than two policyTypes',
        false,
        true,
      ],
    ];
    for (const [policyTypes, beginning, ingress, egress] of broken) {
      const { policy: decoded, errors } = decode({ ...rules, policyTypes });
      assert.equal(errors.length, 1);
      assert.ok(errors.map(fieldErrorText)[0]?.startsWith(beginning), errors.map(fieldErrorText)[0]);
      assert.deepEqual(
        [decoded?.ingress !== null, decoded?.egress !== null],
        [ingress, egress],
        JSON.stringify(policyTypes),
      );
    }
  });

  it("in its subject is nothing", () => {
    for (const spec of [
      5,
      [],
      { podSelector: "x" },
      { podSelector: { matchLabels: { a: 1 } } },
      { podSelector: { matchExpressions: [{ key: "a", operator: "Is" }] } },
    ]) {
      const { policy: decoded, errors } = decode(spec);
      assert.equal(decoded, null);
      assert.ok(errors.length > 0);
    }
  });

  it("in whom it selects is nothing, but a name that is merely wrong still isolates", () => {
    for (const object of [null, 5, [], "x", { metadata: [] }, { metadata: { name: "p", namespace: "a b" } }]) {
      const { policy: decoded, errors } = networkPolicyKind.decode(object);
      assert.equal(decoded, null);
      assert.ok(errors.length > 0, JSON.stringify(object));
    }
    const named = (name: string): Policy | null => {
      const { policy: decoded, errors } = networkPolicyKind.decode({ metadata: { name, namespace: "prod" } });
      assert.equal(errors.length > 0, true);
      return decoded;
    };
    assert.equal(named("Allow_All")?.id, "NetworkPolicy/prod/Allow_All");
    for (const hostile of ["a/b", 'a"; flush ruleset #\n', "\u001b[2J", "x".repeat(1 << 20), "a b", "é"]) {
      assert.match(named(hostile)?.id ?? "", /^NetworkPolicy\/prod\/[A-Za-z0-9._-]{1,40}-[0-9a-f]{8}$/);
    }
    assert.notEqual(named("a\nb")?.id, named("a\tb")?.id);
  });

  it("in that it has no name still isolates, each that does something else under a name of its own", () => {
    const unnamed = (own: object, spec: object): string => {
      const { policy: decoded, errors } = networkPolicyKind.decode({ metadata: { ...own, namespace: "prod" }, spec });
      assert.match(decoded?.id ?? "", /^NetworkPolicy\/prod\/unnamed-[0-9a-f]{8}$/);
      assert.deepEqual([decoded?.subject.namespaces, decoded?.ingress?.length], [{ kind: "name", name: "prod" }, 1]);
      return `${decoded?.name} ${errors.map(fieldErrorText).join()}`;
    };
    const [one, two] = [{ ingress: [{}] }, { ingress: [{ from: [{ ipBlock: { cidr: "10.0.0.0/8" } }] }] }];
    const [absent, empty, other] = [unnamed({}, one), unnamed({ name: "" }, one), unnamed({}, two)];
    assert.equal(absent.slice(17), "metadata.name: Required value: name or generateName is required");
    assert.equal(empty, absent);
    assert.notEqual(other.slice(0, 16), absent.slice(0, 16));
    assert.match(unnamed({ generateName: "p-" }, one), / metadata.name: Required value: generateName alone is no name/);
    assert.match(unnamed({ name: {} }, one), / metadata.name: Invalid value: /);
  });

  it("tells all that is wrong at once", () => {
    const { errors } = networkPolicyKind.decode({
      metadata: { name: "P", namespace: "prod", labels: { "a b": "c" }, annotations: { "portcullis.dev/mode": "off" } },
      spec: {
        podSelector: { matchLabels: { a: 1 } },
        policyTypes: ["X"],
        ingress: [{ ports: [{ port: 0 }] }],
        egress: [{ to: [{}] }],
      },
    });
    assert.deepEqual(
      errors.map(({ path }) => path.join(".")),
      [
        "metadata.name",
        "metadata.labels",
        "metadata.annotations.portcullis.dev/mode",
        "spec.podSelector.matchLabels.a",
        "spec.ingress.0.ports.0.port",
        "spec.egress.0.to.0",
        "spec.policyTypes.0",
      ],
    );
  });
});
