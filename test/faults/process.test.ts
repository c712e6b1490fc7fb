import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { openSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, afterEach, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type Folder, createFolder } from "./folder.ts";
import { type AgentProcess, ask, startAgent, untilReady } from "./processes.ts";
import { type Site, buildSite, missingForSites, nft } from "./site.ts";

const skip = missingForSites() ?? false;
const main = join(import.meta.dirname, "..", "..", "src", "cli", "main.ts");

let site: Site;
let folder: Folder;
const agents: AgentProcess[] = [];

function begin(more: readonly string[] = [], stderr: Parameters<typeof startAgent>[4] = "pipe"): AgentProcess {
  const agent = startAgent(site, folder.path, folder.socket, more, stderr);
  agents.push(agent);
  return agent;
}

function portcullis(...args: readonly string[]) {
  return spawnSync(process.execPath, ["--no-warnings", main, ...args], {
    encoding: "utf8",
    env: { ...process.env, NODE_NAME: "" },
  });
}

const rules = (): string => nft(site.node, "-s", "list", "ruleset");
/** With the numbers that the kernel gave each object: what is made anew gets another one, and its counters at zero. */
const numbered = (): string => nft(site.node, "-a", "-s", "list", "ruleset");
const generation = (): string => nft(site.node, "list", "set", "inet", "portcullis", "generation");

async function eventually(condition: () => boolean, what: string): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`${what} did not happen in 10 s`);
    await sleep(20);
  }
}

describe("the agent as a process", { skip, timeout: 120_000 }, () => {
  before(() => {
    site = buildSite();
    folder = createFolder();
  });
  afterEach(async () => {
    for (const agent of agents.splice(0)) await agent.kill("SIGKILL");
  });
  after(() => {
    site.remove();
    folder.removeAll();
  });

  it("a dry run touches nothing and tells what it would do", async () => {
    const agent = begin(["--dry-run"]);
    await untilReady(folder.socket);
    assert.equal(rules(), "");
    assert.match(agent.log(), /dry run: would bring the kernel to this endpoints=3/);
    folder.change(5);
    await eventually(() => agent.log().includes("would add a chain"), "telling of a change");
    assert.equal(rules(), "");
    assert.equal(await agent.kill("SIGTERM"), 0);
  });

  it("SIGTERM and SIGINT end it with exit code 0, and the rules stay in force", async () => {
    const agent = begin();
    await untilReady(folder.socket);
    const inForce = rules();
    assert.match(inForce, /table inet portcullis/);
    assert.equal(await agent.kill("SIGTERM"), 0);
    assert.equal(rules(), inForce);
    const second = begin();
    await untilReady(folder.socket);
    assert.equal(await second.kill("SIGINT"), 0);
    assert.match(second.log(), /stopped; the rules stay in force/);
  });

  it("a start reads what is in the kernel and changes only the difference", async () => {
    const first = begin();
    await untilReady(folder.socket);
    await first.kill("SIGKILL");
    const inForce = [numbered(), generation()];
    const second = begin();
    await untilReady(folder.socket);
    assert.deepEqual([numbered(), generation()], inForce);
    assert.match(second.log(), /what the source says .*differences=0/);
    await second.kill("SIGTERM");
  });

  it("a broken file keeps its last valid version in force; at a start it keeps the kernel as it is", async () => {
    const agent = begin();
    folder.write("extra.yaml", "apiVersion: v1\nkind: Namespace\nmetadata: {name: extra}\n");
    await untilReady(folder.socket, folder.digest());
    const inForce = rules();
    folder.write("fixed.yaml", "kind: [unclosed\n");
    await eventually(() => agent.log().includes("fixed.yaml:"), "the report with its position");
    assert.match(agent.log(), /WARN .*at=\S*fixed\.yaml:[12]:\d+/);
    assert.equal(rules(), inForce);
    await agent.kill("SIGTERM");
    const second = begin();
    await eventually(() => second.log().includes("nothing is enforced yet"), "waiting");
    const answer = await ask(folder.socket, "/readyz");
    assert.equal(answer?.status, 503);
    assert.match(answer?.body ?? "", /fixed\.yaml:[12]:\d+/);
    assert.equal(rules(), inForce);
    folder.remove("fixed.yaml");
    await untilReady(folder.socket, folder.digest());
    await second.kill("SIGTERM");
  });

  it("a full disk under its log does not stop it", async () => {
    const agent = begin([], openSync("/dev/full", "w"));
    await untilReady(folder.socket);
    folder.change(5);
    await untilReady(folder.socket, folder.digest());
    assert.equal(await agent.kill("SIGTERM"), 0);
  });

  it("a kernel that refuses for real: told by readiness, and recovered from", async () => {
    portcullis("cleanup", "--netns", site.node);
    // A table with an owner can be changed by nobody else.
    // Without a home, or its history would be left there.
    const owner = spawn("ip", ["netns", "exec", site.node, "nft", "-i"], {
      stdio: ["pipe", "ignore", "inherit"],
      env: { ...process.env, HOME: "/nonexistent" },
    });
    owner.stdin.write("add table inet portcullis { flags owner; }\n");
    await eventually(() => rules().includes("portcullis"), "the foreign table");
    const agent = begin();
    await eventually(() => agent.log().includes("the kernel refused"), "the refusal");
    const answer = await ask(folder.socket, "/readyz");
    assert.equal(answer?.status, 503);
    assert.match(answer?.body ?? "", /"reason":"changes are not enforced/);
    assert.match(
      (await ask(folder.socket, "/metrics"))?.body ?? "",
      /^portcullis_operation_failures_total\{operation="sync"\} [1-9]/m,
    );
    owner.stdin.end();
    await once(owner, "exit");
    await untilReady(folder.socket, folder.digest());
    assert.match(agent.log(), /takes changes again, after \d+ failures/);
    await agent.kill("SIGTERM");
  });

  it("a network namespace that is not there yet is waited for", async () => {
    const agent = begin(["--netns", `${site.node}-later`]);
    await eventually(() => agent.log().includes("the kernel refused"), "the refusal");
    assert.match(agent.log(), /ERROR .*no such namespace/);
    spawnSync("ip", ["netns", "add", `${site.node}-later`]);
    try {
      await untilReady(folder.socket);
      assert.match(nft(`${site.node}-later`, "list", "tables"), /portcullis/);
      await agent.kill("SIGTERM");
    } finally {
      spawnSync("ip", ["netns", "del", `${site.node}-later`]);
    }
  });

  it("cleanup takes ours away and nothing else, twice", async () => {
    const agent = begin();
    await untilReady(folder.socket);
    await agent.kill("SIGTERM");
    nft(site.node, "add table inet another");
    const first = portcullis("cleanup", "--netns", site.node);
    assert.deepEqual([first.status, first.stdout], [0, "removed table inet portcullis\n"]);
    assert.equal(rules().trim(), "table inet another {\n}");
    const second = portcullis("cleanup", "--netns", site.node);
    assert.deepEqual([second.status, second.stdout], [0, ""]);
    nft(site.node, "delete table inet another");
  });
});

describe("the agent's command line", () => {
  const said = (...args: readonly string[]): readonly [number | null, string] => {
    const { status, stderr } = portcullis("agent", ...args);
    return [status, stderr];
  };

  it("wrong flags and files end it with 2 or 3, and tell everything that is wrong", () => {
    const [code, text] = said("-f", "/tmp", "--established=maybe", "--sync-period=soon");
    assert.equal(code, 2);
    for (const part of ["NODE_NAME", "--established", "cut, keep", "--sync-period"])
      assert.ok(text.includes(part), `${part} in ${text}`);
    assert.match(
      said("--node-name", "n", "--kubeconfig", "/nonexistent/kubeconfig").join(),
      /^3,.*\/nonexistent\/kubeconfig/s,
    );
    assert.match(said("--node-name", "n", "-f", "/nonexistent").join(), /^3,.*ENOENT/s);
    assert.match(said("--nonsense").join(), /^2,/);
  });

  it("a configuration file has the same names; flags win; unknown keys are told with their position", () => {
    const path = join(import.meta.dirname, `pct-config-${process.pid}.yaml`);
    try {
      writeFileSync(path, "node-name: n\nfilename: /nonexistent/of/file\nsync-perod: 1m\n");
      assert.match(said("--config", path).join(), /^2,.*:3:1: unknown key "sync-perod"/s);
      writeFileSync(path, "node-name: n\nfilename: /nonexistent/of/file\n");
      assert.match(said("--config", path).join(), /^3,.*\/nonexistent\/of\/file/s);
      assert.match(said("--config", path, "-f", "/nonexistent/of/flag").join(), /^3,.*\/nonexistent\/of\/flag/s);
    } finally {
      rmSync(path);
    }
    assert.match(said("--config", path).join(), /^3,.*ENOENT/s);
  });
});
