import type { Random } from "./random.ts";

/** Small texts that are meant to grow, nest, or never end. Sizes vary with the random numbers. */
export const bombs: readonly ((random: Random) => string)[] = [
  // A billion laughs, as a value nobody reads and as rules of a policy.
  (random) => {
    const lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"];
    for (let level = 1; level < 5 + random.below(20); level++) {
      lines.push(
        `a${level}: &a${level} [${Array(9)
          .fill(`*a${level - 1}`)
          .join(", ")}]`,
      );
    }
    return lines.join("\n");
  },
  () =>
    [
      "apiVersion: networking.k8s.io/v1",
      "kind: NetworkPolicy",
      "metadata: {name: p, namespace: x}",
      "x: &e {key: a, operator: In, values: [b]}",
      `l: &l [${Array(3000).fill("*e").join(", ")}]`,
      "s: &s {podSelector: {matchExpressions: *l}}",
      `f: &f [${Array(3000).fill("*s").join(", ")}]`,
      `spec: {podSelector: {}, ingress: [${Array(3000).fill("{from: *f}").join(", ")}]}`,
    ].join("\n"),
  // Circles.
  () => "a: &a [*a]",
  () => "&a {kind: Pod, apiVersion: v1, metadata: *a}",
  () => "a: &a {<<: *a}",
  () => "&a [&b [*a, *b], *b]",
  // Merges that grow.
  (random) => {
    const lines = [`m0: &m0 {${Array.from({ length: 200 }, (_, index) => `k${index}: 1`).join(", ")}}`];
    for (let level = 1; level < 10 + random.below(300); level++)
      lines.push(
        `m${level}: &m${level} {<<: [${Array(9)
          .fill(`*m${level - 1}`)
          .join(", ")}]}`,
      );
    return lines.join("\n");
  },
  // Depth, in each notation.
  (random) => "[".repeat(10 ** (1 + random.below(6))),
  (random) => '{"a":'.repeat(10 ** (1 + random.below(5))),
  (random) => `${'{"a":'.repeat(10 ** (1 + random.below(5)))}1`,
  (random) => {
    const depth = 10 ** (1 + random.below(6));
    return `{"kind":"Pod","apiVersion":"v1","metadata":${"[".repeat(depth)}${"]".repeat(depth)},"a":1,"a":2}`;
  },
  (random) => "- ".repeat(10 ** (1 + random.below(5))),
  (random) => "? ".repeat(10 ** (1 + random.below(4))),
  (random) => Array.from({ length: 500 + random.below(2000) }, (_, level) => `${" ".repeat(level)}a:`).join("\n"),
  (random) => '{"kind":"List","apiVersion":"v1","items":['.repeat(1 + random.below(100)),
  (random) => {
    const depth = 1 + random.below(20);
    return '{"kind":"List","apiVersion":"v1","items":['.repeat(depth) + "]}".repeat(depth);
  },
  // Length.
  () =>
    `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"${"a".repeat(10_000_000)}","labels":{"${"b".repeat(100_000)}":"c"}}}`,
  () => `apiVersion: v1\nkind: Pod\nmetadata:\n  name: ${"a".repeat(10_000_000)}\n`,
  () => `apiVersion: v1\nkind: Pod\nmetadata:\n  name: "${"\\u001b".repeat(1_000_000)}"\n`,
  () =>
    `apiVersion: v1\nkind: Pod\nmetadata: {name: a, labels: {${Array.from({ length: 20_000 }, (_, index) => `"k ${index}": v`).join(", ")}}}`,
  () =>
    `apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: a}\nspec:\n  podSelector: {}\n  ingress:\n  - ports:\n${"    - port: 70000\n".repeat(20_000)}`,
  () => "a: 1\n".repeat(30_000),
  () => "\t".repeat(100_000),
  () => "---\n".repeat(100_000),
  () => "...\n".repeat(50_000),
  () => "# ".repeat(500_000),
  () => "[[],".repeat(30_000),
  () => "{}\n".repeat(30_000),
  () => `[${"1e999,".repeat(50_000)}1]`,
  () => "-".repeat(100_000),
  () => "%".repeat(10_000),
  () => "%YAML 1.1\n".repeat(10_000),
  () => "!".repeat(10_000),
  () => "&a ".repeat(10_000),
  () => "*a : ".repeat(5_000),
  () => '"\\'.repeat(20_000),
  () => "'".repeat(50_001),
  () => "|\n".repeat(10_000),
  () => `|${"9".repeat(10_000)}`,
  () => "a:\n  - b\n - c\n".repeat(3_000),
  () => "\u0000".repeat(10_000),
];
