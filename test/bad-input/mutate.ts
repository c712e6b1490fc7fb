import { objects, yamlText } from "./corpus.ts";
import { bombs } from "./bombs.ts";
import type { Random } from "./random.ts";

/** What a test case puts into a file. */
export interface Mutant {
  readonly name: string;
  readonly bytes: Uint8Array;
}

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

const injections: readonly string[] = [
  '"; flush ruleset; #',
  "x\nflush ruleset\n",
  "a\r\nb",
  "\u001b[2J\u001b[31mred\u001b]0;title\u0007",
  "\u009b31m",
  "${IFS}$(reboot)`reboot`",
  'comment \\" { } ; , : @set',
  "\u202egnp.exe",
  "\u2028line",
  "\ud800",
  "\u0000",
  "../../etc/passwd",
  "%s%n{}",
  "'; drop table --",
  "<script>alert(1)</script>",
  "a".repeat(64),
  "ü".repeat(300),
];

const oddValues: readonly Json[] = [
  null,
  true,
  0,
  -1,
  65535,
  65536,
  70000,
  1e308,
  -0.5,
  2 ** 60,
  "",
  "0",
  "010.0.0.1",
  "::ffff:10.0.0.1",
  "1.2.3.4/33",
  "10.0.0.0/-1",
  "TCP",
  "tcp",
  "kubernetes.io/",
  "/x",
  "a/b/c",
  [],
  {},
  [null],
  [[]],
  { "": "" },
  { __proto__x: 1 },
  "__proto__",
  "constructor",
  [{}],
  "on",
  "y",
  "1:30",
  "0x1F",
  "<<",
  "&a",
  "*a",
  "!!binary x",
];

function hostileText(random: Random): string {
  const text = random.pick(injections);
  if (random.chance(0.003)) return text.repeat(10_000_000 / text.length);
  return random.chance(0.05) ? text.repeat(200) : text;
}

function places(root: Json): { container: Json[] | { [key: string]: Json }; step: string | number }[] {
  const found: ReturnType<typeof places> = [];
  // A list of what is still to visit instead of recursion: some of the corpus is deeper than the stack.
  const containers: Json[] = [root];
  for (let value = containers.pop(); value !== undefined; value = containers.pop()) {
    if (Array.isArray(value)) {
      for (const [step, child] of value.entries()) {
        found.push({ container: value, step });
        containers.push(child);
      }
    } else if (typeof value === "object" && value !== null) {
      for (const [step, child] of Object.entries(value)) {
        found.push({ container: value, step });
        containers.push(child ?? null);
      }
    }
  }
  return found;
}

/** Changes values, keys and list lengths of an object. */
function mutateObject(random: Random): Json {
  const root = structuredClone(random.pick(objects)) as { [key: string]: Json };
  for (let changes = random.below(4) + 1; changes > 0; changes--) {
    const left = places(root);
    if (left.length === 0) break;
    const { container, step } = random.pick(left);
    const list = Array.isArray(container);
    const old = list ? container[Number(step)] : container[step];
    const put = (value: Json): void => {
      if (list) container[Number(step)] = value;
      else container[step] = value;
    };
    const way = random.below(6);
    if (way === 0) put(random.pick(oddValues));
    else if (way === 1) put(hostileText(random));
    else if (way === 2) {
      if (list) container.splice(Number(step), 1);
      else delete container[step];
    } else if (way === 3) {
      if (list) container.push(...Array.from({ length: random.below(50) }, () => structuredClone(old ?? null)));
      else container[hostileText(random)] = old ?? null;
    } else if (way === 4) put([structuredClone(old ?? null)]);
    else put({ [random.pick(["matchLabels", "items", "spec", "a"])]: structuredClone(old ?? null) });
  }
  return root;
}

function asYaml(value: Json, indent: string): string {
  if (Array.isArray(value) && value.length > 0) {
    return value.map((item) => `\n${indent}- ${asYaml(item, `${indent}  `).trimStart()}`).join("");
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value) && Object.keys(value).length > 0) {
    const lines = Object.entries(value).map(
      ([key, item]) => `\n${indent}${JSON.stringify(key)}: ${asYaml(item, `${indent}  `)}`,
    );
    return lines.join("");
  }
  return JSON.stringify(value);
}

function textOf(value: Json, random: Random): string {
  const way = random.below(4);
  if (way === 0) return JSON.stringify(value, null, 2);
  if (way === 1) return JSON.stringify({ apiVersion: "v1", kind: "List", items: [...objects, value] });
  return `${asYaml(value, "").trimStart()}\n`;
}

/** Doubles, drops, moves or spoils lines. */
function mutateLines(text: string, random: Random): string {
  const lines = text.split("\n");
  for (let changes = random.below(5) + 1; changes > 0; changes--) {
    const at = random.below(lines.length);
    const line = lines[at] ?? "";
    const way = random.below(8);
    if (way === 0) lines.splice(at, 0, line);
    else if (way === 1) lines.splice(at, 1);
    else if (way === 2) lines[at] = ` ${line}`;
    else if (way === 3) lines[at] = `\t${line}`;
    else if (way === 4) lines[at] = line.replace(/: ?.*/, () => `: ${hostileText(random)}`);
    else if (way === 5)
      lines[at] = random.pick([
        "---",
        "...",
        "--- x",
        "%YAML 1.2",
        "? a",
        "- - -",
        "<<: *labels",
        "x: &x [*x]",
        "{",
        "]",
        '"',
        "|",
      ]);
    else if (way === 6) lines[at] = `${line}\r`;
    else lines.push(...lines.slice(at, at + random.below(20)));
  }
  return lines.join("\n");
}

function mutateBytes(bytes: Uint8Array, random: Random): Uint8Array {
  const result = [...bytes];
  for (let changes = random.below(8) + 1; changes > 0 && result.length > 0; changes--) {
    const at = random.below(result.length);
    const way = random.below(5);
    if (way === 0) result[at] = random.below(256);
    else if (way === 1) result.splice(at, random.below(30));
    else if (way === 2) result.splice(at, 0, ...Array.from({ length: random.below(10) }, () => random.below(256)));
    else if (way === 3) result.splice(at, 0, ...result.slice(at, at + random.below(200)));
    else result.length = at;
  }
  return Uint8Array.from(result);
}

/** One hostile or broken file. */
export function mutant(random: Random): Mutant {
  const name = random.pick(["a.yaml", "a.yaml", "a.json"]);
  const way = random.below(20);
  if (way === 0) return { name, bytes: Buffer.from(random.pick(bombs)(random)) };
  const text =
    way < 9 ? textOf(mutateObject(random), random) : way < 11 ? JSON.stringify(random.pick(objects)) : yamlText;
  const lines = way % 3 === 0 ? mutateLines(text, random) : text;
  const bytes = Buffer.from(random.chance(0.02) ? `\ufeff${lines}` : lines, random.chance(0.02) ? "utf16le" : "utf8");
  return { name, bytes: bytes.length < 200_000 && (way > 12 || way === 9) ? mutateBytes(bytes, random) : bytes };
}
