import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { chainOf, setsOf, wayTo } from "./follow.ts";
import { blocksOf, changesBetween } from "./table-text.ts";

const listing = (members: string, target: string): string => `table inet portcullis {
\tset g-one/4 {
\t\ttype ipv4_addr
\t\telements = { ${members} }
\t}

\tmap in4 {
\t\ttype ipv4_addr : verdict
\t\tcomment "who may reach them"
\t\telements = { 10.0.0.1 : goto stamp, 10.0.0.2 : goto ${target},
\t\t\t     10.0.0.3 : goto stamp }
\t}

\tchain forward {
\t\ttype filter hook forward priority filter; policy accept;
\t\tct mark == @generation accept
\t\tjump forwarded
\t}

\tchain forwarded4 {
\t\tct reply ip saddr vmap @in4
\t}

\tchain in-web/4 {
\t\tct original ip saddr @g-one/4 goto stamp comment "x/y[0]"
\t\tcounter name "drop" goto cut
\t}

\tchain cut {
\t\tdrop
\t}
}
`;

describe("a listed table", () => {
  const blocks = blocksOf(listing("10.0.0.9,\n\t\t\t     10.0.0.10", "in-web/4"));

  it("has one line for each element, however nft breaks the lines", () => {
    assert.deepEqual(blocks.get("set g-one/4")?.lines, ["type ipv4_addr", "10.0.0.9", "10.0.0.10"]);
    assert.equal(blocks.get("map in4")?.lines.length, 5);
  });

  it("shows elements that changed, with the block's comment, and nothing that only moved", () => {
    const changes = changesBetween(listing("10.0.0.9", "in-web/4"), listing("10.0.0.8, 10.0.0.9", "stamp"));
    assert.deepEqual(changes, [
      { title: "set g-one/4", comment: "", state: "changed", removed: [], added: ["10.0.0.8"] },
      {
        title: "map in4",
        comment: "who may reach them",
        state: "changed",
        removed: ["10.0.0.2 : goto in-web/4"],
        added: ["10.0.0.2 : goto stamp"],
      },
    ]);
    assert.deepEqual(changesBetween(listing("10.0.0.9", "stamp"), listing("10.0.0.9", "stamp")), []);
  });

  it("says what came and went as a whole", () => {
    const without = listing("10.0.0.9", "stamp").replace(/\tchain cut \{[^}]*\}\n/, "");
    const changes = changesBetween(without, listing("10.0.0.9", "stamp"));
    assert.deepEqual(changes, [{ title: "chain cut", comment: "", state: "new", removed: [], added: ["drop"] }]);
  });

  it("leads from an address to its chain, its rules and its sets", () => {
    assert.equal(chainOf(blocks, "in4", "10.0.0.2"), "in-web/4");
    assert.equal(chainOf(blocks, "in4", "10.0.0.20"), null);
    assert.deepEqual(setsOf(blocks, "in-web/4"), [{ name: "g-one/4", members: ["10.0.0.9", "10.0.0.10"] }]);
    const way = wayTo(blocks, "10.0.0.2");
    assert.deepEqual(
      way.map(({ chain }) => chain),
      ["forward", "forwarded4", "in-web/4", "cut"],
    );
    assert.deepEqual(way[2]?.steps[0]?.[0], "ct original ip saddr @g-one/4 goto stamp");
  });
});
