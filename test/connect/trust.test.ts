import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";
import type { ClusterConfig } from "../../src/source/apiserver/connect/config.ts";
import { openCluster } from "../../src/source/apiserver/connect/open.ts";
import { configFor, failure, get, runNothing, textOf } from "./asking.ts";
import type { Issued } from "./authority.ts";
import { createAuthority } from "./authority.ts";
import type { ServerOptions, TestServer } from "./server.ts";
import { startServer } from "./server.ts";

const authority = createAuthority("the cluster's CA");
const other = createAuthority("another CA");
const folder = mkdtempSync(join(tmpdir(), "portcullis-trust-"));
after(() => {
  authority.remove();
  other.remove();
  rmSync(folder, { recursive: true });
});
const parts = { run: runNothing, now: () => Date.parse("2026-05-06T07:08:09Z") };
const good = authority.issue("/CN=kube-apiserver", ["IP:127.0.0.1", "DNS:kubernetes.default.svc"]);

const answerPath: ServerOptions["answer"] = (seen, response) => response.end(seen.path);

async function withServer(identity: Issued, test: (server: TestServer, url: string) => Promise<void>): Promise<void> {
  const server = await startServer({ identity, version: "h2", answer: answerPath });
  try {
    await test(server, `https://127.0.0.1:${server.port}`);
  } finally {
    await server.close();
  }
}

/** What a client says that trusts `ca`. */
async function saidBy(url: string, ca: string | null, more: Partial<ClusterConfig> = {}): Promise<string> {
  const client = openCluster(configFor(url, ca, more), parts);
  try {
    return await failure(get(client, "/"));
  } finally {
    client.close();
  }
}

describe("TLS is always verified", () => {
  it("a server of another authority, or of none that the system knows", async () => {
    await withServer(good, async (server, url) => {
      assert.match(await saidBy(url, other.certificate), /is of an authority that is not trusted here/);
      assert.match(await saidBy(url, null), /is of an authority that is not trusted here/);
      const before = process.env["NODE_TLS_REJECT_UNAUTHORIZED"];
      process.env["NODE_TLS_REJECT_UNAUTHORIZED"] = "0";
      try {
        assert.match(await saidBy(url, other.certificate), /is of an authority that is not trusted here/);
      } finally {
        if (before === undefined) delete process.env["NODE_TLS_REJECT_UNAUTHORIZED"];
        else process.env["NODE_TLS_REJECT_UNAUTHORIZED"] = before;
      }
      assert.equal(server.seen.length, 0);
    });
  });

  it("a certificate for another name, unless tls-server-name says which", async () => {
    const named = authority.issue("/CN=x", ["DNS:kubernetes.default.svc"]);
    await withServer(named, async (_, url) => {
      assert.match(await saidBy(url, authority.certificate), /is for other names: .*127\.0\.0\.1.*tls-server-name/s);
      const wrong = { serverName: "elsewhere" };
      assert.match(await saidBy(url, authority.certificate, wrong), /is for other names/);
      const right = { serverName: "kubernetes.default.svc" };
      const client = openCluster(configFor(url, authority.certificate, right), parts);
      assert.equal(await textOf(await get(client, "/yes")), "/yes");
      client.close();
    });
  });

  it("a certificate out of its time: both times are told, and a clock that may be wrong", async () => {
    const expired = authority.issue("/CN=x", ["IP:127.0.0.1"], "20200101000000Z", "20210101000000Z");
    await withServer(expired, async (_, url) => {
      const message = await saidBy(url, authority.certificate);
      assert.match(message, /has expired \(valid from 2020-01-01T00:00:00\.000Z to 2021-01-01T00:00:00\.000Z\)/);
      assert.match(message, /clock says 2026-05-06T07:08:09/);
    });
    const early = authority.issue("/CN=x", ["IP:127.0.0.1"], "20480101000000Z", "20490101000000Z");
    await withServer(early, async (_, url) => {
      assert.match(await saidBy(url, authority.certificate), /is not valid yet \(valid from 2048-.*may be behind/);
    });
  });

  it("a port that speaks no TLS, none that listens, a name that is none, a host that says nothing", async () => {
    const server = createServer((socket) =>
      socket
        .on("error", () => {})
        .resume()
        .end("SSH-2.0-OpenSSH\r\n"),
    );
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    assert.match(await saidBy(`https://127.0.0.1:${port}`, authority.certificate), /does not speak TLS/);
    await new Promise((resolve) => server.close(resolve));
    assert.match(await saidBy(`https://127.0.0.1:${port}`, authority.certificate), /nothing listens there/);
    assert.match(await saidBy("https://no-such-name.invalid", authority.certificate), /name cannot be resolved/);
  });
});

it("the CA file is read at each connection: a new CA needs no restart, and does not cut what runs", async () => {
  const path = join(folder, "ca.crt");
  writeFileSync(path, authority.certificate);
  let server = await startServer({ identity: good, version: "h2", answer: answerPath });
  const config = configFor(`https://127.0.0.1:${server.port}`, null, { authority: { kind: "file", path } });
  const client = openCluster(config, parts);
  try {
    assert.equal(await textOf(await get(client, "/before")), "/before");
    writeFileSync(path, other.certificate);
    assert.equal(await textOf(await get(client, "/same")), "/same");
    assert.equal(server.connections(), 1);
    const renewed = other.issue("/CN=kube-apiserver", ["IP:127.0.0.1"]);
    await server.close();
    server = await startServer({ identity: renewed, version: "h2", answer: answerPath, port: server.port });
    assert.equal(await textOf(await get(client, "/after")), "/after");
  } finally {
    client.close();
    await server.close();
  }
});

it("lists come compressed, watches do not; one that is cut or garbled is told of", async () => {
  const asked: (readonly [string, string])[] = [];
  const whole = gzipSync(Buffer.alloc(1 << 20, "list "));
  const server = await startServer({
    identity: good,
    version: "h2",
    answer: (seen, response) => {
      asked.push([seen.path, String(seen.headers["accept-encoding"])]);
      const bytes =
        seen.path === "/cut" ? whole.subarray(0, 500) : seen.path === "/bad" ? Buffer.from("no gzip") : whole;
      if (seen.path.includes("watch")) response.end("plain");
      else response.writeHead(200, { "content-encoding": "gzip", "content-length": bytes.length }).end(bytes);
    },
  });
  const client = openCluster(configFor(`https://127.0.0.1:${server.port}`, authority.certificate), parts);
  try {
    const list = await get(client, "/list");
    assert.equal((await textOf(list)).length, 1 << 20);
    assert.equal(list.headers["content-encoding"], undefined);
    assert.equal(await textOf(await get(client, "/list?watch=1")), "plain");
    assert.match(await failure(get(client, "/cut").then(textOf)), /unexpected end of file/);
    assert.match(await failure(get(client, "/bad").then(textOf)), /incorrect header check/);
    assert.deepEqual(asked.slice(0, 2), [
      ["/list", "gzip"],
      ["/list?watch=1", "undefined"],
    ]);
  } finally {
    client.close();
    await server.close();
  }
});
