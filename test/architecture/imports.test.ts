import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { describe, it } from "node:test";

const root = join(import.meta.dirname, "..", "..");

/** The way of the data (ARCHITECTURE.md): a folder imports only folders that stand before it. */
const order = [
  "net",
  "kube",
  "model",
  "policy",
  "ir",
  "compile",
  "evaluate",
  "names",
  "lint",
  "picture",
  "observe",
  "source",
  "system",
  "dataplane",
];

/** Composition: these import all of the above; of each other only what is listed. */
const composition: Readonly<Record<string, readonly string[]>> = {
  agent: [],
  lab: [],
  web: [],
  cli: ["agent", "lab", "web"],
};

const pure = new Set(["net", "kube", "model", "policy", "ir", "compile", "evaluate", "names", "lint", "picture"]);

interface Import {
  readonly file: string;
  readonly target: string;
}

function importsOf(file: string): Import[] {
  const text = readFileSync(join(root, file), "utf8");
  const specifiers = text.matchAll(
    /(?:^|\n)\s*(?:import|export)\b[^"';]*?\bfrom\s+"([^"]+)"|\bimport\(\s*"([^"]+)"|(?:^|\n)import\s+"([^"]+)"/g,
  );
  return [...specifiers].map((found) => {
    const specifier = found[1] ?? found[2] ?? found[3] ?? "";
    const target = specifier.startsWith(".") ? relative(root, join(root, dirname(file), specifier)) : specifier;
    return { file, target };
  });
}

const sources = globSync("src/**/*.ts", { cwd: root }).sort();
const imports = sources.flatMap(importsOf);
const topFolder = (path: string): string => path.split("/")[1] ?? "";

function isAllowed(from: string, to: string): boolean {
  if (from === to) return true;
  const extra = composition[from];
  if (extra !== undefined) return order.includes(to) || extra.includes(to);
  return order.includes(to) && order.indexOf(to) < order.indexOf(from);
}

describe("imports", () => {
  it("finds the imports there are", () => {
    assert.ok(sources.length > 10);
    assert.ok(imports.some(({ target }) => target.startsWith("src/net/")));
  });

  it("every folder of src has its place in the order", () => {
    const known = new Set([...order, ...Object.keys(composition)]);
    assert.deepEqual(
      [...new Set(sources.map(topFolder))].filter((folder) => !known.has(folder)),
      [],
    );
  });

  it("go one way: a folder imports only folders that stand before it", () => {
    const inner = imports.filter(({ target }) => target.startsWith("src/"));
    const wrong = inner.filter(({ file, target }) => !isAllowed(topFolder(file), topFolder(target)));
    assert.deepEqual(wrong, []);
  });

  it("of production code never reach into tests or benches", () => {
    assert.deepEqual(
      imports.filter(({ file, target }) => !file.endsWith(".test.ts") && /^(test|bench|scripts)\//.test(target)),
      [],
    );
  });

  it("of pure folders take nothing from Node or from packages", () => {
    const outside = imports.filter(({ file, target }) => pure.has(topFolder(file)) && !target.startsWith("src/"));
    // Unit tests stand beside the code and may use node:test.
    assert.deepEqual(
      outside.filter(({ file }) => !file.endsWith(".test.ts")),
      [],
    );
  });

  it("only system/ starts programs or opens foreign functions", () => {
    const reaching = imports.filter(
      ({ file, target }) =>
        ["koffi", "node:child_process"].includes(target) && !file.endsWith(".test.ts") && topFolder(file) !== "system",
    );
    assert.deepEqual(reaching, []);
  });
});
