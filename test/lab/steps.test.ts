import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { answersOf, manifestFile, runProgram, type Ended } from "./run-lab.ts";

/** Labs that stay, step by step, with agents that enforce. */

const pods = ["a", "b"].map((name) => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { namespace: "x", name, labels: { name } },
  spec: { containers: [{ name: "c", ports: [{ containerPort: 80 }] }] },
}));

const denyA = {
  apiVersion: "networking.k8s.io/v1",
  kind: "NetworkPolicy",
  metadata: { namespace: "x", name: "deny-a" },
  spec: { podSelector: { matchLabels: { name: "a" } }, policyTypes: ["Ingress"] },
};

const laterPod = { ...pods[0], metadata: { namespace: "x", name: "c", labels: { name: "c" } } };

function newName(): string {
  return `pct${Math.floor(Math.random() * 0xffffffff).toString(36)}`;
}

const isRoot = process.getuid?.() === 0;

function leftovers(name: string): readonly string[] {
  const listed = (folder: string) => (existsSync(folder) ? readdirSync(folder) : []);
  const namespaces = listed("/run/netns").filter((entry) => entry.startsWith(`pcl-${name}-`));
  const folders = listed("/run/portcullis-lab").filter((entry) => entry === name);
  const agents = readdirSync("/proc").filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(`portcullis-lab/${name}/`);
    } catch {
      return false;
    }
  });
  return [...namespaces, ...folders, ...agents];
}

function succeeded(ended: Ended): string {
  assert.equal(ended.code, 0, ended.stdout + ended.stderr);
  return ended.stdout;
}

function verdicts(stdout: string): readonly (readonly [string, string | undefined])[] {
  return [...answersOf(stdout)].map(([id, { verdict }]) => [id, verdict] as const);
}

test("up, probe, apply, exec, delete, status, down", { skip: !isRoot && "needs root" }, async () => {
  const name = newName();
  const [base, policy, more] = [manifestFile(pods), manifestFile([denyA]), manifestFile([laterPod])];
  const lab = (...args: readonly string[]) => runProgram(["lab", ...args, "--name", name]);
  try {
    const printed = succeeded(await lab("up", "-f", base.path));
    assert.match(printed, new RegExp(`^pcl-${name}-pod-x_a\\tpod\\tx/a$`, "m"));
    assert.equal((await lab("up", "-f", base.path)).code, 3, "there is one already");
    const open = [
      ["x/a to x/b TCP/80", "allow"],
      ["x/b to x/a TCP/80", "allow"],
    ];
    assert.deepEqual(verdicts(succeeded(await lab("probe", "--probe", "all"))), open);

    succeeded(await lab("apply", "-f", policy.path));
    const closed = [
      ["x/a to x/b TCP/80", "allow"],
      ["x/b to x/a TCP/80", "deny"],
    ];
    assert.deepEqual(verdicts(succeeded(await lab("probe", "--probe", "all"))), closed);

    succeeded(await lab("apply", "-f", more.path));
    assert.equal(verdicts(succeeded(await lab("probe", "--probe", "all"))).length, 6);
    const inside = succeeded(await runProgram(["lab", "exec", "--name", name, "x/c", "--", "ip", "-br", "address"]));
    assert.match(inside, /^eth0@\S+ +UP +10\./m);

    succeeded(await lab("delete", "-f", policy.path));
    succeeded(await lab("delete", "-f", more.path));
    assert.deepEqual(verdicts(succeeded(await lab("probe", "--probe", "all"))), open);
    assert.match(succeeded(await lab("status")), /^agent of node-2\tprocess \d+\tenforces$/m);
  } finally {
    succeeded(await lab("down"));
    for (const file of [base, policy, more]) file.dispose();
  }
  assert.deepEqual(leftovers(name), []);
});

const damages: Readonly<Record<string, (name: string) => void>> = {
  "a namespace was deleted": (name) => void spawnSync("ip", ["netns", "del", `pcl-${name}-pod-x_a`]),
  "the record is broken": (name) => writeFileSync(`/run/portcullis-lab/${name}/lab.json`, "{"),
  "a file stands where a namespace was": (name) => {
    spawnSync("ip", ["netns", "del", `pcl-${name}-outside`]);
    writeFileSync(`/run/netns/pcl-${name}-outside`, "");
  },
  "nothing was ever built": () => undefined,
};

for (const [what, damage] of Object.entries(damages)) {
  test(`down copes: ${what}`, { skip: !isRoot && "needs root" }, async () => {
    const name = newName();
    const file = manifestFile(pods);
    try {
      if (what !== "nothing was ever built")
        succeeded(await runProgram(["lab", "up", "--name", name, "-f", file.path]));
      damage(name);
    } finally {
      succeeded(await runProgram(["lab", "down", "--name", name]));
      file.dispose();
    }
    assert.deepEqual(leftovers(name), []);
    assert.equal((await runProgram(["lab", "down", "--name", name])).code, 0, "twice is fine");
  });
}
