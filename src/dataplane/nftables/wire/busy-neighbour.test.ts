import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { describe, it } from "node:test";
import { noNamespaces, ownNamespace } from "../../../../test/own-namespace.ts";
import type { ProgramSet } from "../program.ts";
import { openTable } from "./table.ts";

/** Makes transactions in a table of its own as fast as it can; says so before, and ends with its parent. */
const neighbour = `
  import { openTable } from "${import.meta.resolve("./table.ts")}";
  const table = openTable(process.argv[1], "neighbour");
  table.transact({ operations: [{ kind: "add-table" }] });
  const chain = { name: "c", hook: null, rules: [] };
  process.on("disconnect", () => process.exit(0));
  process.send("busy");
  for (;;) {
    for (let round = 0; round < 200; round += 1) {
      table.transact({ operations: [{ kind: "add-chain", chain }] });
      table.transact({ operations: [{ kind: "delete-chain", name: "c" }] });
    }
    await new Promise(setImmediate);
  }`;

describe("a neighbour that changes its own tables all the time", { skip: noNamespaces, timeout: 60_000 }, () => {
  it("does not keep a large table from being read", async () => {
    const namespace = ownNamespace();
    const table = openTable(namespace.name, "portcullis");
    const addresses = Array.from({ length: 30_000 }, (_, index) => `10.0.${index >> 8}.${index & 255}`);
    const elements = new Map(addresses.map((address) => [address, null]));
    const shape = { data: "none", interval: false, size: null, comment: null } as const;
    const set: ProgramSet = { name: "s", key: ["ipv4_addr"], ...shape, elements };
    const child = spawn(process.execPath, ["--input-type=module", "-e", neighbour, namespace.name], {
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    });
    try {
      table.transact({
        operations: [{ kind: "add-table" }, { kind: "add-set", set }, { kind: "add-elements", set, elements }],
      });
      await new Promise((resolve) => child.once("message", resolve));
      for (let round = 0; round < 3; round += 1) {
        assert.deepEqual(table.read()?.sets.get("s")?.elements, elements);
      }
    } finally {
      const ended = new Promise((resolve) => child.once("exit", resolve));
      child.kill("SIGKILL");
      await ended;
      table.close();
      namespace.remove();
    }
  });
});
