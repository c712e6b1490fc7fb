import assert from "node:assert/strict";
import { once } from "node:events";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type OwnNamespace, noNamespaces, ownNamespace } from "../../../../test/own-namespace.ts";
import { startProgram } from "../../../system/program.ts";
import type { ProgramSet } from "../program.ts";
import { type NftTable, openTable } from "./table.ts";
import type { ForeignChange } from "./watch.ts";

const group: ProgramSet = {
  name: "g",
  key: ["ipv4_addr"],
  data: "none",
  interval: false,
  size: 64,
  comment: null,
  elements: new Map(),
};

/** Long enough for a notification that should not come; those that should come are awaited. */
const quiet = 100;

describe("watching for others", { skip: noNamespaces, timeout: 60_000 }, () => {
  let space: OwnNamespace;
  let table: NftTable;
  let seen: ForeignChange[];
  let stop: () => void;
  let changed: () => Promise<void>;
  before(() => {
    space = ownNamespace();
  });
  after(() => space.remove());
  beforeEach(() => {
    table = openTable(space.name, "portcullis");
    table.transact({ operations: [{ kind: "add-table" }, { kind: "add-set", set: group }] });
    seen = [];
    let wake = () => {};
    stop = table.watchForeign((change) => {
      seen.push(change);
      wake();
    });
    changed = () =>
      seen.length > 0
        ? Promise.resolve()
        : new Promise((resolve) => {
            wake = resolve;
          });
  });
  afterEach(() => {
    stop();
    table.close();
    space.run("nft", ["flush", "ruleset"]);
  });

  /** Without standing in the event loop's way, as `run` would. */
  const nft = async (...args: readonly string[]): Promise<void> => {
    const child = startProgram("ip", ["netns", "exec", space.name, "nft", ...args], { stdio: "inherit" });
    await once(child, "close");
  };

  for (const [what, ...args] of [
    ["an element", "add", "element", "inet", "portcullis", "g", "{ 10.0.0.1 }"],
    ["the table's deletion", "delete", "table", "inet", "portcullis"],
    ["a flush of everything", "flush", "ruleset"],
  ] as const) {
    it(`tells of ${what}, and who did it`, async () => {
      await nft(...args);
      await changed();
      assert.equal(seen.length, 1);
      assert.match(seen[0]?.by ?? "", /^nft \(pid \d+\)$/);
    });
  }

  it("hears nothing of our own transactions and of other tables", async () => {
    for (const key of ["10.0.0.1", "10.0.0.2"]) {
      table.transact({ operations: [{ kind: "add-elements", set: group, elements: new Map([[key, null]]) }] });
    }
    await nft("add", "table", "inet", "portcullis2");
    await nft("add", "table", "ip", "portcullis");
    await sleep(quiet);
    assert.deepEqual(seen, []);
  });

  it("tells at once: within 10 ms of the change", async () => {
    const other = openTable(space.name, "portcullis");
    const waits: number[] = [];
    for (let round = 0; round < 20; round += 1) {
      seen = [];
      const started = performance.now();
      other.transact({
        operations: [{ kind: "add-elements", set: group, elements: new Map([[`10.0.1.${round}`, null]]) }],
      });
      await changed();
      waits.push(performance.now() - started);
    }
    other.close();
    waits.sort((a, b) => a - b);
    assert.ok((waits[10] ?? Infinity) < 10, `median ${waits[10]} ms`);
  });

  it("takes lost notifications for a change", async () => {
    // The event loop stands still here while more comes than the socket can hold.
    const elsewhere = openTable(space.name, "elsewhere");
    const many: ProgramSet = { ...group, name: "many", size: 1 << 17 };
    const elements = new Map(
      Array.from({ length: 100_000 }, (_, index) => [`10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`, null]),
    );
    elsewhere.transact({ operations: [{ kind: "add-table" }, { kind: "add-set", set: many }] });
    elsewhere.transact({ operations: [{ kind: "add-elements", set: many, elements }] });
    elsewhere.transact({ operations: [{ kind: "flush-set", set: many }] });
    elsewhere.transact({ operations: [{ kind: "delete-table" }] });
    elsewhere.close();
    await changed();
    assert.equal(seen[0]?.by, null);
  });

  it("listens on after a transaction of ours so large that it went unheard", async () => {
    const many: ProgramSet = { ...group, name: "many", size: 1 << 17 };
    const elements = new Map(Array.from({ length: 20_000 }, (_, index) => [`10.3.${index >> 8}.${index & 255}`, null]));
    table.transact({
      operations: [
        { kind: "add-set", set: many },
        { kind: "add-elements", set: many, elements },
      ],
    });
    await sleep(quiet);
    assert.deepEqual(seen, []);
    await nft("add", "element", "inet", "portcullis", "g", "{ 10.0.0.9 }");
    await changed();
    assert.equal(seen.length, 1);
  });

  it("ends when told, at once", async () => {
    stop();
    await nft("add", "element", "inet", "portcullis", "g", "{ 10.0.0.9 }");
    await sleep(quiet);
    assert.deepEqual(seen, []);
  });
});
