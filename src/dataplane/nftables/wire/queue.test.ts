import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";
import { type OwnNamespace, noNamespaces, ownNamespace } from "../../../../test/own-namespace.ts";
import { attributesOf, listOf, textOf } from "../../../system/netlink/attributes.ts";
import { MessageWriter } from "../../../system/netlink/message.ts";
import type { Rule } from "../program.ts";
import { type QueueForm, queueOf, writeQueue } from "./queue.ts";
import { openTable, type NftTable } from "./table.ts";

const chain = { name: "forward", hook: "forward", priority: 10, rules: [] } as const;
const queueing = (queue: number): Rule => ({
  statements: [
    { kind: "l4proto", protocol: 17 },
    { kind: "header-port", end: "destination", port: 53 },
    { kind: "queue", queue },
  ],
  comment: "shown",
});

describe("a rule that hands packets to user space", { skip: noNamespaces }, () => {
  let space: OwnNamespace;
  let table: NftTable;
  beforeEach(() => {
    space = ownNamespace();
    table = openTable(space.name, "portcullis");
  });
  afterEach(() => {
    table.close();
    space.remove();
  });

  it("is read back as it was written, whichever form the kernel has, and nft lists it", () => {
    assert.equal(table.takesQueue(), true, "this kernel can queue");
    const rules = [0, 1, 9053, 65535].map(queueing);
    const operations = rules.map((rule) => ({ kind: "add-rule", chain: "forward", rule }) as const);
    table.transact({ operations: [{ kind: "add-table" }, { kind: "add-chain", chain }, ...operations] });
    assert.deepEqual(table.read()?.chains.get("forward"), { ...chain, rules });
    const listing = space.run("nft", ["list", "table", "inet", "portcullis"]);
    assert.match(listing, /hook forward priority filter \+ 10/);
    assert.match(listing, /udp dport 53 queue (num|flags bypass to) 9053( bypass)?/);
  });
});

/** The queue that is read from what was written, after `alter` had its way with the bytes. */
function readBack(form: QueueForm, alter: (bytes: Buffer) => void): number | null {
  const writer = new MessageWriter(256);
  writeQueue(writer, 0x1234, form);
  alter(writer.buffer.subarray(0, writer.length));
  const [element] = listOf(writer.buffer, { start: 0, end: writer.length });
  const parts = attributesOf(writer.buffer, element ?? { start: 0, end: 0 });
  const data = parts.get(2);
  assert.ok(data !== undefined);
  const found = { name: textOf(writer.buffer, parts.get(1)) ?? "", attributes: attributesOf(writer.buffer, data) };
  return queueOf({ buffer: writer.buffer, expressions: [found], at: 0 }, found);
}

describe("the two forms in which the kernel is told to queue", () => {
  for (const form of ["expression", "target"] as const) {
    it(`${form}: read as what it is, and as nothing of ours where it does anything else`, () => {
      assert.equal(
        readBack(form, () => {}),
        0x1234,
      );
      const queue = form === "target" ? Buffer.from([0x34, 0x12, 1, 0, 1, 0]) : null;
      const altered = (from: Buffer, to: Buffer): number | null =>
        readBack(form, (bytes) => {
          const at = bytes.indexOf(from);
          assert.ok(at >= 0);
          to.copy(bytes, at);
        });
      if (queue !== null) {
        assert.equal(altered(queue, Buffer.from([0x34, 0x12, 4, 0, 1, 0])), null, "several queues");
        assert.equal(altered(queue, Buffer.from([0x34, 0x12, 1, 0, 0, 0])), null, "no bypass");
        assert.equal(altered(queue, Buffer.from([0x34, 0x12, 1, 0, 3, 0])), null, "by CPU");
        assert.equal(altered(Buffer.from("NFQUEUE"), Buffer.from("CONNMAR")), null, "another target");
        return;
      }
      const attribute = (type: number, value: number): Buffer => Buffer.from([6, 0, type, 0, 0, value]);
      assert.equal(altered(attribute(2, 1), attribute(2, 4)), null, "several queues");
      assert.equal(altered(attribute(3, 1), attribute(3, 0)), null, "no bypass");
      assert.equal(altered(attribute(3, 1), attribute(3, 3)), null, "by CPU");
    });
  }
});
