import assert from "node:assert/strict";
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { runProgram } from "../../src/system/program.ts";
import { networkPolicy, pod } from "../ask.ts";
import { binary } from "../run-binary.ts";
import { createAuthority } from "./authority.ts";
import type { ServerOptions, TestServer } from "./server.ts";
import { startServer } from "./server.ts";

const authority = createAuthority("the cluster's CA");
const folder = mkdtempSync(join(tmpdir(), "portcullis-live-"));
const config = join(folder, "config");
const identity = authority.issue("/CN=kube-apiserver", ["IP:127.0.0.1"]);
let server: TestServer;

const owned = { ...pod("x/a-7f9-z", "10.0.0.1"), metadata: {} };
owned.metadata = {
  namespace: "x",
  name: "a-7f9-z",
  labels: { "pod-template-hash": "7f9" },
  ownerReferences: [{ apiVersion: "apps/v1", kind: "ReplicaSet", name: "a-7f9", uid: "u", controller: true }],
};
const lists: Readonly<Record<string, readonly object[]>> = {
  "/api/v1/pods": [owned, pod("y/b", "10.0.0.2")],
  "/api/v1/namespaces": ["x", "y"].map((name) => ({ apiVersion: "v1", kind: "Namespace", metadata: { name } })),
  "/api/v1/nodes": [],
  "/api/v1/services": [],
  "/apis/networking.k8s.io/v1/networkpolicies": [networkPolicy("x/closed", { podSelector: {} })],
  "/apis/apiextensions.k8s.io/v1/customresourcedefinitions": [],
};

const groups = ["networking.k8s.io", "apiextensions.k8s.io"].map((name) => ({ name, versions: [] }));

/** An API server as far as one reading goes: it takes no watch that begins with the state. */
const answer: ServerOptions["answer"] = (seen, response) => {
  const { pathname, searchParams } = new URL(seen.path, "https://server");
  const items = lists[pathname];
  const give = (body: object): void => {
    response.writeHead(200, { "content-type": "application/json" });
    response.end(JSON.stringify({ apiVersion: "v1", ...body }));
  };
  const refuse = (code: number, reason: string): void => {
    response.writeHead(code, { "content-type": "application/json" });
    response.end(
      JSON.stringify({ kind: "Status", apiVersion: "v1", status: "Failure", reason, code, message: reason }),
    );
  };
  if (seen.authorization !== "Bearer right") refuse(401, "Unauthorized");
  else if (pathname === "/apis") give({ kind: "APIGroupList", groups });
  else if (items === undefined) refuse(404, "NotFound");
  else if (searchParams.has("watch")) refuse(422, "Invalid");
  else give({ kind: "List", metadata: { resourceVersion: "5" }, items });
};

before(async () => {
  server = await startServer({ identity, version: "h2", answer });
  const data = Buffer.from(authority.certificate).toString("base64");
  const cluster = { server: `https://127.0.0.1:${server.port}`, "certificate-authority-data": data };
  const gone = { ...cluster, server: "https://127.0.0.1:1" };
  const context = (name: string, user: string, of = "here") => ({ name, context: { cluster: of, user } });
  writeFileSync(
    config,
    JSON.stringify({
      "current-context": "right",
      contexts: [context("right", "right"), context("wrong", "wrong"), context("gone", "right", "gone")],
      clusters: [
        { name: "here", cluster },
        { name: "gone", cluster: gone },
      ],
      users: [
        { name: "right", user: { token: "right" } },
        { name: "wrong", user: { token: "hush" } },
      ],
    }),
  );
});

after(async () => {
  await server.close();
  authority.remove();
  rmSync(folder, { recursive: true });
});

const run = (args: readonly string[], environment: Readonly<Record<string, string>> = {}, program = binary) =>
  runProgram(process.execPath, [program, ...args], {
    environment: { KUBECONFIG: config, HOME: folder, KUBERNETES_SERVICE_HOST: "", ...environment },
    timeLimit: 30_000,
  });

const ends = ["--from", "y/b", "--to", "x/deployment/a", "--port", "80"];

describe("without -f, the running cluster is read", () => {
  it("by explain, called as kubectl calls it; workloads are known by their pods", async () => {
    const plugin = join(folder, "kubectl-portcullis");
    symlinkSync(binary, plugin);
    const { code, stdout, stderr } = await run(["explain", ...ends], {}, plugin);
    assert.equal(stderr, "");
    assert.match(stdout, /^deny: y\/b \(10\.0\.0\.2\) to x\/a-7f9-z \(10\.0\.0\.1\), TCP 80\n/);
    assert.match(stdout, /NetworkPolicy\/x\/closed/);
    assert.equal(code, 1);
  });

  it("by eval, of the cluster that --kubeconfig and --context name", async () => {
    const queries = join(folder, "queries");
    writeFileSync(queries, '{"id":1,"from":"x/a-7f9-z","to":"y/b","protocol":"TCP","port":80}\n');
    const args = ["eval", "--queries", queries, "--kubeconfig", config, "--context=right"];
    const { code, stdout, stderr } = await run(args, { KUBECONFIG: "/nowhere" });
    assert.deepEqual([code, stderr, (JSON.parse(stdout) as { verdict: string }).verdict], [0, "", "allow"]);
  });

  it("or the command ends with 3 and says why, without a credential", async () => {
    const cases: readonly (readonly [readonly string[], RegExp])[] = [
      [["--context", "gone"], /^portcullis: the cluster cannot be read: .*nothing listens there/],
      [["--context", "none"], /there is no context "none"; there are: "right", "wrong", "gone"\n$/],
      [["--kubeconfig", join(folder, "none")], /none: there is no such file\n$/],
      [["--context", "wrong"], /401|[Uu]nauthorized/],
    ];
    for (const [flags, expected] of cases) {
      const { code, stdout, stderr } = await run(["explain", ...ends, ...flags]);
      assert.deepEqual([code, stdout], [3, ""], flags.join(" "));
      assert.match(stderr, expected);
      assert.doesNotMatch(stderr, /hush/);
    }
    const { code, stderr } = await run(["explain", ...ends], { KUBECONFIG: "" });
    assert.equal(code, 3);
    assert.match(stderr, /no -f is given, and nothing says how to reach a cluster:\n {2}there is no kubeconfig/);
  });

  it("and what is only to be read from manifests is not mixed with it", async () => {
    const { code, stderr } = await run(["explain", ...ends, "-f", folder, "--context", "right"]);
    assert.equal(code, 2);
    assert.match(stderr, /give one or the other/);
  });
});
