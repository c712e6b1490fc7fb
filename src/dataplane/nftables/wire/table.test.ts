import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import fc from "fast-check";
import { loading, someProgram } from "../../../../test/nftables/random-program.ts";
import { type OwnNamespace, noNamespaces, ownNamespace } from "../../../../test/own-namespace.ts";
import { tries } from "../../../../test/property.ts";
import type { Program } from "../program.ts";
import { programText } from "../text.ts";
import type { TableContent } from "./read-table.ts";
import { type NftTable, openTable } from "./table.ts";

const plain = ({ table, counters, sets, chains }: Program): Program => ({ table, counters, sets, chains });

function content(table: NftTable): TableContent {
  const found = table.read();
  assert.ok(found !== null);
  return found;
}

describe("a table over netlink", { skip: noNamespaces, timeout: 600_000 }, () => {
  let byWire: OwnNamespace;
  let byText: OwnNamespace;
  let table: NftTable;
  let textTable: NftTable;
  before(() => {
    byWire = ownNamespace();
    byText = ownNamespace();
    table = openTable(byWire.name, "portcullis");
    textTable = openTable(byText.name, "portcullis");
  });
  after(() => {
    table.close();
    textTable.close();
    byWire.remove();
    byText.remove();
  });

  const load = (program: Program): void => {
    if (table.read() !== null) table.transact({ operations: [{ kind: "delete-table" }] });
    table.transact({ operations: loading(program) });
  };
  const list = (namespace: OwnNamespace): string =>
    namespace
      .run("nft", ["-s", "list", "table", "inet", "portcullis"])
      .replaceAll(/elements = \{[^}]*\}/g, (elements) =>
        // Hash sets list in any order.
        elements
          .split(/[\s,]+/)
          .sort()
          .join(" "),
      );

  it("holds nothing before something is put there", () => {
    assert.equal(table.read(), null);
    assert.equal(table.counters().size, 0);
  });

  it("reads back what was written, and nft lists it as it lists the same program loaded as text", () => {
    fc.assert(
      fc.property(someProgram, (program) => {
        load(program);
        assert.deepEqual(plain(content(table)), program);
        byText.run(
          "nft",
          ["-f", "-"],
          `table inet portcullis {}\ndelete table inet portcullis\n${programText(program)}`,
        );
        assert.equal(list(byWire), list(byText));
        assert.deepEqual(plain(content(textTable)), program);
      }),
      tries(25),
    );
  });
});
