import assert from "node:assert/strict";
import { existsSync, globSync, readFileSync, readdirSync } from "node:fs";
import { basename, join } from "node:path";
import { describe, it } from "node:test";

const root = join(import.meta.dirname, "..", "..");
const lines = (file: string): number => readFileSync(join(root, file), "utf8").trimEnd().split("\n").length;

describe("the house", () => {
  it("every folder of src says in at most 40 lines what it is for", () => {
    const folders = readdirSync(join(root, "src"), { withFileTypes: true, recursive: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => join(entry.parentPath, entry.name))
      .filter((folder) => readdirSync(folder).some((name) => name.endsWith(".ts")));
    assert.ok(folders.length > 10);
    const missing = folders.filter((folder) => !existsSync(join(folder, "README.md")));
    assert.deepEqual(missing, []);
    assert.deepEqual(
      globSync("src/**/README.md", { cwd: root }).filter((file) => lines(file) > 40),
      [],
    );
  });

  it("files stay small enough to read in one go", () => {
    const files = globSync("{src,test,bench}/**/*.ts", { cwd: root });
    assert.deepEqual(
      files.filter((file) => lines(file) > 320).map((file) => `${file}: ${lines(file)}`),
      [],
    );
  });

  it("no drawers: names say what a file holds", () => {
    const drawers = /^(utils?|helpers?|common|misc|shared|managers?|index)(\..*)?$/;
    const names = readdirSync(join(root, "src"), { recursive: true }).map(String);
    assert.deepEqual(
      names.filter((name) => drawers.test(basename(name))),
      [],
    );
  });
});
