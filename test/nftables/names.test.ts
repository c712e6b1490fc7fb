import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { createCompiler } from "../../src/compile/incremental.ts";
import type { CompileOptions } from "../../src/compile/options.ts";
import { changeSteps } from "../../src/dataplane/nftables/change.ts";
import { diffPrograms } from "../../src/dataplane/nftables/diff.ts";
import { markLayout } from "../../src/dataplane/nftables/generation.ts";
import { Mirror } from "../../src/dataplane/nftables/mirror.ts";
import type { Program, ProgramSet } from "../../src/dataplane/nftables/program.ts";
import { learnedSet } from "../../src/dataplane/nftables/render/domain-lookups.ts";
import { decide, type LearnedMembers } from "../../src/ir/decide.ts";
import type { Chain, ChainClause, DomainSetName, Ruleset } from "../../src/ir/ruleset.ts";
import { type Address, familyOf, parseAddress } from "../../src/net/address.ts";
import type { Change } from "../../src/policy/cluster.ts";
import { clusterOf } from "../cluster-of.ts";
import { addressUniverse, someChange } from "../compile/random-changes.ts";
import { frozen } from "../compile/ruleset-text.ts";
import { tries } from "../property.ts";
import { outcomeOf } from "./forwarded.ts";
import { ModelKernel } from "./model-kernel.ts";

const layout = markLayout(0xffff0000);
const options: CompileOptions = {
  nodeName: "node-1",
  podCidrs: null,
  unknownPods: "drop",
  established: "cut",
  defaultVerdict: "accept",
  logGroup: null,
  names: { queue: 9053, service: { namespace: "alpha", name: "web" }, resolvers: [] },
};

const addresses = addressUniverse.map((text) => parseAddress(text)).filter((address) => address !== null);

const everywhere = [{ networks: ["0.0.0.0/0", "::/0"] }];

/** A policy for all pods that lets them reach what has a name, and says about the rest this or that. */
const namingPolicy = fc
  .record({
    name: fc.constantFrom("one", "two", "three"),
    tier: fc.constantFrom("Admin", "Admin", "Baseline"),
    priority: fc.nat(3),
    domainNames: fc.subarray(["example.org", "*.example.org", "other.test"], { minLength: 1 }),
    port: fc.constantFrom(null, 80, 81),
    rest: fc.constantFrom(null, "Deny", "Pass", "Accept"),
    isAudit: fc.nat(5).map((dice) => dice === 0),
  })
  .map(({ name, tier, priority, domainNames, port, rest, isAudit }): Change => {
    const protocols = port === null ? {} : { protocols: [{ tcp: { destinationPort: { number: port } } }] };
    const metadata = { name, ...(isAudit ? { annotations: { "portcullis.dev/mode": "audit" } } : {}) };
    const egress = [
      { action: "Accept", to: [{ domainNames }], ...protocols },
      ...(rest === null ? [] : [{ action: rest, to: everywhere }]),
    ];
    const spec = { tier, priority, subject: { namespaces: {} }, egress };
    const { policies } = clusterOf([
      { apiVersion: "policy.networking.k8s.io/v1alpha2", kind: "ClusterNetworkPolicy", metadata, spec },
    ]);
    const [policy] = policies;
    if (policy === undefined) throw new Error("the policy decodes to nothing");
    return { kind: "policy", policy };
  });

const change = fc.oneof({ weight: 4, arbitrary: someChange }, { weight: 1, arbitrary: namingPolicy });
const changeLists = fc.array(fc.array(change, { minLength: 1, maxLength: 4 }), { minLength: 4, maxLength: 14 });
/** By set (in the order of their names) what is learned: which of the addresses. */
const someLearned = fc.array(fc.subarray(addresses, { maxLength: 6 }), { minLength: 1, maxLength: 5 });

const clausesOf = (chain: Chain): readonly ChainClause[] => [
  ...chain.admin,
  ...(chain.networkPolicy ?? []),
  ...chain.baseline,
];

const domainsOf = ({ match }: ChainClause): DomainSetName | null =>
  match.kind === "peers" ? (match.peers?.domains ?? null) : null;

/** The program in a kernel that holds what was learned. */
function withElements(program: Program, learned: LearnedMembers, role: "beginning" | "going-on"): Program {
  const sets = new Map(program.sets);
  for (const [of, members] of learned) {
    for (const family of [4, 6] as const) {
      const { name } = learnedSet(of, family, role);
      const set = sets.get(name);
      const own = [...members].filter((address) => familyOf(address) === family);
      if (set !== undefined) sets.set(name, { ...set, elements: new Map(own.map((address) => [address, null])) });
    }
  }
  return { ...program, sets };
}

const elementsOf = (set: ProgramSet | undefined): readonly string[] => [...(set?.elements.keys() ?? [])].sort();

/** What must be there of the way of DNS to user space, from the Ruleset alone. */
function checkPath(program: Program, { node, endpoints, chains }: Ruleset): boolean {
  const learners = [...endpoints.values()].filter(({ egress, auditEgress }) =>
    [egress, auditEgress].some((name) => {
      const chain = name === null ? undefined : chains.get(name);
      return chain !== undefined && clausesOf(chain).some((clause) => domainsOf(clause) !== null);
    }),
  );
  const names = [...program.chains.keys(), ...program.sets.keys()].filter((name) => /^(names|resolvers)/.test(name));
  if (learners.length === 0) {
    assert.deepEqual(names, []);
    return false;
  }
  assert.equal(names.length, 9);
  for (const family of [4, 6] as const) {
    const own = (list: readonly Address[]): readonly string[] =>
      list.filter((address) => familyOf(address) === family).sort();
    const found = (name: string): readonly string[] => elementsOf(program.sets.get(`${name}${family}`));
    assert.deepEqual(found("names"), own(learners.map(({ address }) => address)));
    assert.deepEqual(found("resolvers"), own(node.names?.resolvers ?? []));
  }
  return true;
}

describe("names in the nftables program", () => {
  it("are shown on their way exactly while somebody learns, whatever changes", () => {
    let shown = 0;
    fc.assert(
      fc.property(changeLists, (lists) => {
        const compiler = createCompiler(options);
        const mirror = new Mirror("portcullis", layout, 1, frozen(compiler.load({ objects: [], policies: [] })));
        const kernel = new ModelKernel();
        for (const step of diffPrograms(null, mirror.program).steps) kernel.transact(step);
        for (const changes of lists) {
          const applied = compiler.apply(changes);
          const steps = changeSteps(mirror.program, mirror.change(applied, applied.canDeny));
          for (const step of steps) kernel.transact(step);
          if (checkPath(mirror.program, compiler.ruleset())) shown++;
        }
        const whole = new Mirror("portcullis", layout, mirror.generation, compiler.ruleset());
        assert.deepEqual(diffPrograms(kernel.program, whole.program).differences, []);
      }),
      tries(100),
    );
    assert.ok(shown > 0, "nobody ever learned");
  });

  it("are what the kernel learned: it decides as the Ruleset with them does, and for open connections by what lasts longer", () => {
    let differs = 0;
    fc.assert(
      fc.property(changeLists, someLearned, (lists, dice) => {
        const compiler = createCompiler(options);
        compiler.load({ objects: [], policies: [] });
        for (const changes of lists) compiler.apply(changes);
        const ruleset = compiler.ruleset();
        const sets = [...ruleset.domainSets.keys()].sort();
        const learned = new Map(sets.map((of, at) => [of, new Set(dice[at % dice.length])]));
        const { program } = new Mirror("portcullis", layout, 1, ruleset);
        const [fresh, graced] = [
          withElements(program, learned, "beginning"),
          withElements(program, learned, "going-on"),
        ];
        for (const client of addresses) {
          for (const backend of addresses) {
            if (client === backend || familyOf(client) !== familyOf(backend)) continue;
            if (ruleset.node.gateways.includes(client) && !ruleset.endpoints.has(client)) continue;
            const connection = { client, backend, protocol: "TCP", port: 80 } as const;
            const verdict = (kernel: Program, mark: number): string =>
              outcomeOf(kernel, connection, mark).verdict === "accept" ? "accept" : "deny";
            const [expected, otherwise] = [decide(ruleset, connection, learned), decide(ruleset, connection)];
            if (expected !== otherwise) differs++;
            assert.equal(verdict(fresh, 0), expected);
            assert.equal(verdict(graced, 0), otherwise, "no connection begins in the grace");
            // A mark of another generation: the connection is open and decided again.
            assert.equal(verdict(graced, 0x7fff0000), expected);
          }
        }
      }),
      tries(60),
    );
    assert.ok(differs > 0, "no name ever made a difference");
  });
});
