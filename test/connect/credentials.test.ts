import assert from "node:assert/strict";
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import type { CommandResult, ExecPlugin, RunCommand } from "../../src/source/apiserver/connect/config.ts";
import { openCluster } from "../../src/source/apiserver/connect/open.ts";
import { configFor, failure, get, runNothing, textOf } from "./asking.ts";
import { createAuthority } from "./authority.ts";
import type { Seen, TestServer, Version } from "./server.ts";
import { startServer } from "./server.ts";
import type { Http2ServerResponse } from "node:http2";

const authority = createAuthority("the cluster's CA");
const folder = mkdtempSync(join(tmpdir(), "portcullis-credentials-"));
after(() => {
  authority.remove();
  rmSync(folder, { recursive: true });
});
const identity = authority.issue("/CN=kube-apiserver", ["IP:127.0.0.1"]);
const parts = { run: runNothing, now: Date.now };

/** As kubelet does it: whoever reads sees the old or the new, whole. */
function replaceFile(path: string, text: string): void {
  writeFileSync(`${path}.new`, text);
  renameSync(`${path}.new`, path);
}

/** Who is there, unless the token is none that the test wants; `/watch` stays open. */
function guard(valid: (seen: Seen) => boolean) {
  return (seen: Seen, response: Http2ServerResponse): void => {
    if (!valid(seen)) response.writeHead(401).end("Unauthorized");
    else if (seen.path === "/watch") response.writeHead(200).write("first\n");
    else response.end(`${seen.authorization} ${seen.commonName}`.trim());
  };
}

async function withServer(
  version: Version,
  valid: (seen: Seen) => boolean,
  test: (server: TestServer, url: string) => Promise<void>,
  clients = false,
): Promise<void> {
  const answer = guard(valid);
  const server = await startServer({ identity, version, answer, ...(clients ? { clients: authority } : {}) });
  try {
    await test(server, `https://127.0.0.1:${server.port}`);
  } finally {
    await server.close();
  }
}

for (const version of ["h2", "http/1.1"] as const) {
  describe(`credentials over ${version}`, () => {
    it("a token goes with each request; one that is refused is an answer, without a second try", async () => {
      await withServer(
        version,
        (seen) => seen.path !== "/no",
        async (server, url) => {
          const token = { kind: "token", token: "abc" } as const;
          const client = openCluster(configFor(url, authority.certificate, { token }), parts);
          assert.equal(await textOf(await get(client, "/")), "Bearer abc");
          const refused = await get(client, "/no");
          assert.equal(refused.status, 401);
          refused.discard();
          assert.equal(server.seen.length, 2);
          client.close();
        },
      );
    });

    it("a token file is read again as it rotates, and the watch that runs goes on", async () => {
      const path = join(folder, `token-${version.slice(0, 2)}`);
      replaceFile(path, "one\n");
      await withServer(
        version,
        () => true,
        async (server, url) => {
          const token = { kind: "file", path, fallback: null } as const;
          const client = openCluster(configFor(url, authority.certificate, { token }), parts);
          const watch = await get(client, "/watch");
          assert.equal(await textOf(await get(client, "/")), "Bearer one");
          replaceFile(path, "two\n");
          assert.equal(await textOf(await get(client, "/")), "Bearer two");
          // While it is being replaced by someone who does it badly.
          replaceFile(path, "");
          assert.equal(await textOf(await get(client, "/")), "Bearer two");
          rmSync(path);
          assert.equal(await textOf(await get(client, "/")), "Bearer two");
          const { value } = await watch.body[Symbol.asyncIterator]().next();
          assert.equal(Buffer.from(value as Uint8Array).toString(), "first\n");
          assert.equal(server.connections(), version === "h2" ? 1 : 2);
          client.close();
        },
      );
    });

    it("a client certificate, which is renewed in its file: new requests use it, the watch goes on", async () => {
      const [old, fresh] = [authority.issue("/CN=node-1/O=nodes"), authority.issue("/CN=node-1-renewed/O=nodes")];
      const paths = { certificate: join(folder, "client.pem"), key: join(folder, "client.key") };
      replaceFile(paths.certificate, old.certificate);
      replaceFile(paths.key, old.key);
      const certificate = {
        certificate: { kind: "file", path: paths.certificate },
        key: { kind: "file", path: paths.key },
      } as const;
      await withServer(
        version,
        () => true,
        async (_, url) => {
          const client = openCluster(configFor(url, authority.certificate, { certificate }), parts);
          const watch = await get(client, "/watch");
          assert.equal(await textOf(await get(client, "/")), "node-1");
          replaceFile(paths.certificate, fresh.certificate);
          replaceFile(paths.key, fresh.key);
          assert.equal(await textOf(await get(client, "/")), "node-1-renewed");
          const { value } = await watch.body[Symbol.asyncIterator]().next();
          assert.equal(Buffer.from(value as Uint8Array).toString(), "first\n");
          client.close();
        },
        true,
      );
    });

    it("without the certificate that the server wants, the operator is told", async () => {
      await withServer(
        version,
        () => true,
        async (_, url) => {
          const client = openCluster(configFor(url, authority.certificate), parts);
          const message = await failure(get(client, "/").then(textOf));
          assert.match(message, /wants a client certificate|reset|closed/);
          client.close();
        },
        true,
      );
    });
  });
}

interface Call {
  readonly program: string;
  readonly info: { readonly apiVersion: string; readonly spec: { readonly cluster?: unknown } };
}

/** A plugin whose outputs the test writes; the last one stands. */
function scripted(outputs: readonly (object | CommandResult)[]): { run: RunCommand; calls: Call[] } {
  const calls: Call[] = [];
  const run: RunCommand = (program, _args, { environment }) => {
    const output = outputs[Math.min(calls.length, outputs.length - 1)] ?? {};
    calls.push({ program, info: JSON.parse(environment["KUBERNETES_EXEC_INFO"] ?? "") as Call["info"] });
    if ("code" in output) return Promise.resolve(output as CommandResult);
    return Promise.resolve({ code: 0, stdout: JSON.stringify(output), stderr: "", absent: false });
  };
  return { run, calls };
}

const plugin: ExecPlugin = {
  apiVersion: "client.authentication.k8s.io/v1",
  command: "get-token",
  args: ["--fast"],
  environment: { REGION: "here" },
  installHint: "Install get-token from the intranet.",
  interactiveMode: "IfAvailable",
  cluster: { server: "https://x" },
};

const credential = (status: object) => ({ apiVersion: plugin.apiVersion, kind: "ExecCredential", status });

describe("exec plugins", () => {
  const withPlugin = (url: string, more: Partial<ExecPlugin> = {}) =>
    configFor(url, authority.certificate, { token: { kind: "exec", plugin: { ...plugin, ...more } } });

  it("are asked once for all requests at a time, and again when the credentials expire", async () => {
    let now = Date.parse("2026-01-01T00:00:00Z");
    const { run, calls } = scripted([
      credential({ token: "one", expirationTimestamp: "2026-01-01T01:00:00Z" }),
      credential({ token: "two" }),
    ]);
    await withServer(
      "h2",
      () => true,
      async (_, url) => {
        const client = openCluster(withPlugin(url), { run, now: () => now });
        const texts = await Promise.all([1, 2, 3].map(async () => textOf(await get(client, "/"))));
        assert.deepEqual(texts, ["Bearer one", "Bearer one", "Bearer one"]);
        assert.equal(calls.length, 1);
        assert.deepEqual(calls[0]?.info, {
          apiVersion: plugin.apiVersion,
          kind: "ExecCredential",
          spec: { interactive: false, cluster: { server: "https://x" } },
        });
        now += 3_595_000;
        assert.equal(await textOf(await get(client, "/")), "Bearer two");
        assert.equal(calls.length, 2);
        client.close();
      },
    );
  });

  it("are asked again after a 401, once, and the request is sent again", async () => {
    const { run, calls } = scripted([credential({ token: "stale" }), credential({ token: "fresh" })]);
    await withServer(
      "h2",
      ({ authorization, path }) => authorization === "Bearer fresh" && path !== "/no",
      async (server, url) => {
        const client = openCluster(withPlugin(url), { run, now: Date.now });
        assert.equal(await textOf(await get(client, "/")), "Bearer fresh");
        assert.equal(server.seen.length, 2);
        const refused = await get(client, "/no");
        assert.equal(refused.status, 401);
        refused.discard();
        assert.equal(calls.length, 3);
        assert.equal(server.seen.length, 4);
        client.close();
      },
    );
  });

  it("may give a client certificate", async () => {
    const pair = authority.issue("/CN=by-plugin");
    const status = { clientCertificateData: pair.certificate, clientKeyData: pair.key };
    const { run } = scripted([credential(status)]);
    await withServer(
      "h2",
      () => true,
      async (_, url) => {
        const client = openCluster(withPlugin(url), { run, now: Date.now });
        assert.equal(await textOf(await get(client, "/")), "by-plugin");
        client.close();
      },
      true,
    );
  });

  it("that fail are told of, without what they printed", async () => {
    const bad: readonly (readonly [object, RegExp])[] = [
      [{ code: null, stdout: "", stderr: "", absent: true }, /get-token: there is no such program\. Install get-token/],
      [{ code: 1, stdout: "hush", stderr: "not logged in\n", absent: false }, /get-token: exit 1: not logged in$/],
      [{ code: null, stdout: "hush", stderr: "", absent: false }, /took longer than 60 s$/],
      [{ code: 0, stdout: "hush", stderr: "", absent: false }, /wrote no JSON/],
      [{ ...credential({ token: "hush" }), apiVersion: "client.authentication.k8s.io/v1beta1" }, /another version/],
      [credential({ hush: 1 }), /neither a token nor a client certificate/],
      [credential({ token: "hush", clientKeyData: "hush" }), /not both/],
      [credential({ token: "hush", expirationTimestamp: "soon" }), /no time/],
    ];
    for (const [output, expected] of bad) {
      const client = openCluster(withPlugin("https://127.0.0.1:1"), { ...scripted([output]), now: Date.now });
      const message = await failure(get(client, "/"));
      assert.match(message, expected);
      assert.doesNotMatch(message, /hush/);
      client.close();
    }
    const always = openCluster(withPlugin("https://127.0.0.1:1", { interactiveMode: "Always" }), parts);
    assert.match(await failure(get(always, "/")), /needs a terminal/);
  });
});
