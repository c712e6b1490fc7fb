import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import fc from "fast-check";
import { tries } from "../../../../test/property.ts";
import { clusterConfig } from "./choose.ts";
import type { ClusterConfig } from "./config.ts";
import { inCluster } from "./in-cluster.ts";

const folder = mkdtempSync(join(tmpdir(), "portcullis-kubeconfig-"));
after(() => rmSync(folder, { recursive: true }));
const pem = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
const keyPem = "-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n";
const base64 = (text: string): string => Buffer.from(text).toString("base64");

let files = 0;
function file(content: unknown): string {
  const path = join(folder, `config-${files++}`);
  writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content));
  return path;
}

interface Parts {
  readonly cluster?: object;
  readonly user?: object;
  readonly context?: object;
}

const kubeconfig = ({ cluster = {}, user = {}, context = {} }: Parts) => ({
  apiVersion: "v1",
  kind: "Config",
  "current-context": "here",
  contexts: [{ name: "here", context: { cluster: "c", user: "u", ...context } }],
  clusters: [{ name: "c", cluster: { server: "https://10.0.0.1:6443", ...cluster } }],
  users: [{ name: "u", user }],
});

function read(path: string, context: string | null = null, environment = {}): ClusterConfig {
  const result = clusterConfig({ kubeconfig: path, context, environment });
  if (!result.ok) throw new Error(result.problems.join("\n"));
  return result.config;
}

function problemsOf(path: string, context: string | null = null, environment = {}): readonly string[] {
  const result = clusterConfig({ kubeconfig: path, context, environment });
  assert.ok(!result.ok);
  return result.problems.map((problem) => problem.replace(`${path}: `, ""));
}

describe("a kubeconfig", () => {
  it("gives server, trust, namespace and credentials", () => {
    const cluster = {
      "certificate-authority-data": base64(pem),
      "tls-server-name": "api",
      server: "https://api.x/k8s/",
    };
    const user = { "client-certificate-data": base64(pem), "client-key-data": base64(keyPem), token: "abc" };
    const config = read(file(kubeconfig({ cluster, user, context: { namespace: "shop" } })));
    assert.match(config.from, /^context "here" of /);
    assert.deepEqual(
      { ...config, from: "" },
      {
        from: "",
        server: "https://api.x/k8s",
        namespace: "shop",
        authority: { kind: "inline", text: pem },
        serverName: "api",
        proxy: null,
        certificate: { certificate: { kind: "inline", text: pem }, key: { kind: "inline", text: keyPem } },
        token: { kind: "token", token: "abc" },
        impersonate: [],
      },
    );
  });

  it("reads YAML; paths count from the folder of the file, which are read when they are used", () => {
    mkdirSync(join(folder, "pki"));
    for (const [name, text] of [
      ["ca.crt", pem],
      ["token", "t\n"],
    ] as const)
      writeFileSync(join(folder, "pki", name), text);
    const config = read(
      file(
        "current-context: a\ncontexts:\n- name: a\n  context: {cluster: c, user: u}\nclusters:\n- name: c\n  cluster:\n" +
          "    server: https://[fd00::1]:6443\n    certificate-authority: pki/ca.crt\n" +
          "users:\n- name: u\n  user: {tokenFile: pki/token, as: admin, as-groups: [one, two]}\n",
      ),
    );
    assert.equal(config.server, "https://[fd00::1]:6443");
    assert.deepEqual(config.authority, { kind: "file", path: join(folder, "pki", "ca.crt") });
    assert.deepEqual(config.token, { kind: "file", path: join(folder, "pki", "token"), fallback: null });
    assert.deepEqual(config.impersonate, [
      ["impersonate-user", "admin"],
      ["impersonate-group", "one"],
      ["impersonate-group", "two"],
    ]);
  });

  it("of a list is merged as kubectl does: the first of two entries of a name counts, whole", () => {
    const first = kubeconfig({ user: { token: "first" } });
    const second = {
      ...kubeconfig({ cluster: { server: "https://second" }, user: { token: "second" } }),
      "current-context": "there",
      contexts: [{ name: "there", context: { cluster: "c", user: "only" } }],
      users: [
        { name: "u", user: { token: "second" } },
        { name: "only", user: { token: "only" } },
      ],
    };
    const environment = { KUBECONFIG: [file(first), join(folder, "none"), file(second)].join(":"), HOME: folder };
    const of = (context: string | null) => {
      const result = clusterConfig({ kubeconfig: null, context, environment });
      return result.ok ? [result.config.server, result.config.token] : result.problems;
    };
    assert.deepEqual(of(null), ["https://10.0.0.1:6443", { kind: "token", token: "first" }]);
    assert.deepEqual(of("there"), ["https://10.0.0.1:6443", { kind: "token", token: "only" }]);
    assert.match(JSON.stringify(of("nowhere")), /there is no context .*nowhere.*; there are: .*here.*, .*there/);
  });

  it("with an exec plugin: a bare command is looked up in PATH, one with a slash beside the file", () => {
    const exec = {
      apiVersion: "client.authentication.k8s.io/v1",
      command: "bin/get-token",
      args: ["a"],
      env: [{ name: "REGION", value: "x" }],
      interactiveMode: "Never",
      provideClusterInfo: true,
    };
    const extensions = [{ name: "client.authentication.k8s.io/exec", extension: { audience: "y" } }];
    const { token } = read(file(kubeconfig({ user: { exec }, cluster: { extensions } })));
    assert.ok(token.kind === "exec");
    assert.equal(token.plugin.command, join(folder, "bin/get-token"));
    assert.deepEqual(token.plugin.environment, { REGION: "x" });
    assert.deepEqual(token.plugin.cluster, { server: "https://10.0.0.1:6443", config: { audience: "y" } });
    const bare = read(
      file(kubeconfig({ user: { exec: { ...exec, command: "aws", provideClusterInfo: false } } })),
    ).token;
    assert.ok(bare.kind === "exec" && bare.plugin.command === "aws" && bare.plugin.cluster === null);
  });

  it("for plain http sends no credentials", () => {
    const config = read(file(kubeconfig({ cluster: { server: "http://127.0.0.1:8001" }, user: { token: "abc" } })));
    assert.deepEqual([config.server, config.token], ["http://127.0.0.1:8001", { kind: "none" }]);
  });

  it("tells all that is wrong with the context, and refuses what would not be as the user meant", () => {
    const cluster = { "insecure-skip-tls-verify": true, "certificate-authority": "none.crt", "proxy-url": "ftp://x" };
    const user = { "auth-provider": { name: "gcp" }, password: "hush", "client-certificate-data": "%%", token: 5 };
    const problems = problemsOf(file(kubeconfig({ cluster, user })));
    const fields = problems.map((problem) => /^[a-z]+\[0\]\.[a-z]+\.([a-z-]+): /.exec(problem)?.[1]);
    assert.deepEqual(fields, [
      "insecure-skip-tls-verify",
      "certificate-authority",
      "proxy-url",
      "auth-provider",
      "username",
      "client-certificate-data",
      "token",
    ]);
    assert.doesNotMatch(problems.join(), /hush/);
  });

  it("that is none says so, without a word of what is in it", () => {
    assert.deepEqual(problemsOf(file("users: [{token: hush}\nx")), ["is not YAML (line 2)"]);
    assert.deepEqual(problemsOf(file("hush")), ["must be a map"]);
    assert.deepEqual(problemsOf(join(folder, "none")), ["there is no such file"]);
    assert.match(problemsOf(file({ kind: "Config" })).join(), /has no current-context/);
    assert.deepEqual(problemsOf(file({ ...kubeconfig({}), clusters: [] })), [
      'contexts[0].context.cluster: there is no cluster "c"',
    ]);
  });

  it("is read without an exception whatever is in it", () => {
    const names = ["server", "token", "exec", "tokenFile", "proxy-url", "client-key-data", "as-user-extra", "command"];
    const fields = fc.dictionary(fc.constantFrom(...names), fc.jsonValue(), { maxKeys: 6 });
    fc.assert(
      fc.property(fields, fields, fc.jsonValue(), (cluster, user, more) => {
        clusterConfig({ kubeconfig: file(kubeconfig({ cluster, user })), context: null, environment: {} });
        clusterConfig({ kubeconfig: file({ ...kubeconfig({}), users: more }), context: null, environment: {} });
      }),
      tries(100),
    );
  });
});

describe("a proxy of the environment", () => {
  const proxyOf = (server: string, NO_PROXY: string) =>
    read(file(kubeconfig({ cluster: { server } })), null, { https_proxy: "proxy:3128", NO_PROXY }).proxy;

  it("is used unless NO_PROXY or loopback says otherwise", () => {
    const cases: readonly (readonly [string, string, boolean])[] = [
      ["https://api.example.com", "", true],
      ["https://127.0.0.1:6443", "", false],
      ["https://localhost", "", false],
      ["https://api.example.com", "example.com", false],
      ["https://api.example.com", " other , .example.com", false],
      ["https://example.com", ".example.com", true],
      ["https://badexample.com", "example.com", true],
      ["https://api.example.com:6443", "api.example.com:443", true],
      ["https://api.example.com:443", "api.example.com:443", false],
      ["https://10.1.2.3", "10.0.0.0/8", false],
      ["https://11.1.2.3", "10.0.0.0/8,10.1.2.3", true],
      ["https://[fd00::1]", "fd00::/16", false],
      ["https://10.1.2.3", "*", false],
    ];
    for (const [server, noProxy, used] of cases) {
      assert.equal(proxyOf(server, noProxy), used ? "http://proxy:3128" : null, `${server} ${noProxy}`);
    }
  });
});

describe("in a pod", () => {
  it("the service account counts; what is missing is told", () => {
    const account = mkdtempSync(join(folder, "account-"));
    const environment = { KUBERNETES_SERVICE_HOST: "fd00::1", KUBERNETES_SERVICE_PORT: "443" };
    const missing = inCluster({}, account);
    assert.ok(!missing.ok && missing.problems.length === 4, "host, port, token and CA");
    for (const [name, text] of [
      ["token", "t"],
      ["ca.crt", pem],
      ["namespace", "kube-system\n"],
    ] as const) {
      writeFileSync(join(account, name), text);
    }
    const result = inCluster(environment, account);
    assert.ok(result.ok);
    assert.deepEqual([result.config.server, result.config.namespace], ["https://[fd00::1]:443", "kube-system"]);
    assert.deepEqual(result.config.token, { kind: "file", path: join(account, "token"), fallback: null });
  });
});
