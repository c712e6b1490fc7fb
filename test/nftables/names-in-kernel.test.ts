import assert from "node:assert/strict";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { compileWhole } from "../../src/compile/whole.ts";
import type { Dataplane } from "../../src/dataplane/dataplane.ts";
import { markLayout } from "../../src/dataplane/nftables/generation.ts";
import { handOver, renamed } from "../../src/dataplane/nftables/hand-over.ts";
import { loadStep } from "../../src/dataplane/nftables/change.ts";
import { Mirror } from "../../src/dataplane/nftables/mirror.ts";
import { nftablesDataplane } from "../../src/dataplane/nftables/nftables.ts";
import type { Program } from "../../src/dataplane/nftables/program.ts";
import { openTable } from "../../src/dataplane/nftables/wire/table.ts";
import type { Address } from "../../src/net/address.ts";
import { pod } from "../ask.ts";
import { clusterOf } from "../cluster-of.ts";
import { learned, namesOf, namesPolicy, onlyDomainSet } from "../contract/names-world.ts";
import { noNamespaces, type OwnNamespace, ownNamespace } from "../own-namespace.ts";

const mark = markLayout(0xffff0000);
const resolvers = ["10.96.0.10" as Address, "fd00:96::a" as Address];
const ruleset = compileWhole(
  clusterOf([
    pod("alpha/client", ["10.244.1.9", "fd00:10:244:1::9"], {
      labels: { app: "client" },
      spec: { nodeName: "node-1" },
    }),
    namesPolicy("client"),
  ]),
  {
    nodeName: "node-1",
    podCidrs: null,
    unknownPods: "drop",
    established: "cut",
    defaultVerdict: "accept",
    logGroup: 9080,
    names: { queue: 9053, service: null, resolvers },
  },
);
const set = onlyDomainSet(ruleset);
const [v4, v6] = ["203.0.113.9", "2001:db8::9"] as const;
const answers = [v4, v6].map((address) => learned(set, address as Address, 60));

/** What a later agent could make of it: our names (but for what was learned) for other chains and sets. */
function laterProgram(): Program {
  const later = renamed(new Mirror("portcullis", mark, 6, ruleset).program, (name) => `later_${name}`);
  const layout = later.sets.get("later_layout");
  assert.ok(layout !== undefined);
  const version = { ...layout, name: "layout", elements: new Map([["0x00000003", null]]) };
  return { ...later, sets: new Map([...later.sets, ["layout", version]]) };
}

describe("names in the kernel's table", { skip: noNamespaces }, () => {
  let space: OwnNamespace;
  let dataplane: Dataplane;
  beforeEach(() => {
    space = ownNamespace();
    dataplane = nftablesDataplane({ netns: space.name, ctMarkMask: mark.mask });
  });
  afterEach(() => {
    dataplane.close();
    space.remove();
  });
  const held = async (): Promise<readonly string[]> =>
    (await namesOf(dataplane).held()).map(({ address }) => address).sort();
  const listing = (): string => space.run("nft", ["list", "ruleset"]);

  it("go through a hand-over from another layout, also one that ended half way; learning goes on meanwhile", async () => {
    const table = openTable(space.name, "portcullis");
    try {
      table.transact(loadStep(laterProgram()));
      await assert.rejects(namesOf(dataplane).held(), /held needs a sync|nothing is known/);
      await namesOf(dataplane).learn(answers.slice(0, 1));
      const taking = dataplane.sync(ruleset);
      await namesOf(dataplane).learn(answers.slice(1));
      assert.match((await taking).differences.join(), /is of layout 3, ours is/);
      assert.deepEqual(await held(), [v6, v4]);
      const have = table.read();
      assert.ok(have !== null);
      for (const step of handOver(have, laterProgram(), 3).flat().slice(0, 2)) table.transact(step);
      assert.match((await dataplane.sync(ruleset)).differences.join(), /is of layout/);
      assert.deepEqual(await held(), [v6, v4]);
      assert.deepEqual((await dataplane.check()).differences, []);
    } finally {
      table.close();
    }
  });

  it("come into the table that version 0.1 made", async () => {
    space.run("nft", ["-f", join(import.meta.dirname, "layout-1.nft")]);
    await dataplane.sync(ruleset);
    await namesOf(dataplane).learn(answers);
    assert.deepEqual((await dataplane.check()).differences, []);
    assert.deepEqual(await held(), [v6, v4]);
  });

  it("are repaired but for what was learned: an emptied chain is filled, the sets stay as they are", async () => {
    await dataplane.sync(ruleset);
    await namesOf(dataplane).learn(answers);
    for (const chain of ["names_asked", "names_answers", "names_shown"]) {
      space.run("nft", ["flush", "chain", "inet", "portcullis", chain]);
      assert.deepEqual((await dataplane.check()).differences, [`chain ${chain} has other rules`]);
    }
    space.run("nft", ["delete", "element", "inet", "portcullis", "resolvers4", "{ 10.96.0.10 }"]);
    assert.deepEqual((await dataplane.check()).differences, ["set resolvers4: 10.96.0.10 is missing"]);
    space.run("nft", ["delete", "element", "inet", "portcullis", `${set}/4`, `{ ${v4} }`]);
    assert.deepEqual((await dataplane.check()).differences, []);
    const [left] = (await namesOf(dataplane).held()).filter(({ address }) => address === v4);
    assert.ok(left !== undefined && left.seconds === 0 && left.graceSeconds > 100);
  });

  it("that no longer fit are told of, the others are learned", async () => {
    await dataplane.sync(ruleset);
    const many = Array.from({ length: 4096 }, (_, index) =>
      learned(set, `198.51.${index >> 8}.${index & 255}` as Address, 60),
    );
    await namesOf(dataplane).learn(many);
    await assert.rejects(namesOf(dataplane).learn(answers), /1 of 2 addresses not learned: .*the set is full/);
    assert.equal((await held()).length, 4097);
    await namesOf(dataplane).learn(many.slice(0, 10));
    await namesOf(dataplane).learn(many.slice(0, 1).map((one) => ({ ...one, seconds: 0, graceSeconds: 0 })));
    await namesOf(dataplane).learn(answers);
    assert.equal((await held()).length, 4097);
  });

  it("are shown to nobody by a kernel that cannot queue, until it can; what was learned counts all the same", async () => {
    let canQueue = false;
    const poor = nftablesDataplane({
      netns: space.name,
      ctMarkMask: mark.mask,
      open: (...where) => ({ ...openTable(...where), takesQueue: () => canQueue }),
    });
    try {
      await poor.sync(ruleset);
      assert.doesNotMatch(listing(), /names_|queue/);
      await namesOf(poor).learn(answers);
      assert.deepEqual((await poor.check()).differences, []);
      canQueue = true;
      assert.notDeepEqual((await poor.sync(ruleset)).differences, []);
      assert.match(listing(), /chain names_asked/);
      assert.equal((await namesOf(poor).held()).length, 2);
    } finally {
      poor.close();
    }
  });

  it("go with everything of ours", async () => {
    await dataplane.sync(ruleset);
    await namesOf(dataplane).learn(answers);
    assert.equal(await dataplane.present(), true);
    await dataplane.remove();
    assert.equal(listing(), "");
    assert.equal(await dataplane.present(), false);
  });
});
