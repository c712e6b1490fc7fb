import assert from "node:assert/strict";
import { mkdtempSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { type Socket, connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { readBindAddress } from "./bind-address.ts";
import { publicRoutes } from "./routes.ts";
import { type Routes, beginStream, send, startServer } from "./server.ts";

const standing = { ready: true, digest: "abc", reason: null };
const sound = {
  standing: () => standing,
  degraded: () => null,
  illness: () => null,
  metrics: () => Promise.resolve("x 1\n"),
};
const answers: Routes = publicRoutes(sound);

function address(text: string) {
  const read = readBindAddress(text);
  assert.ok(read.ok);
  return read.value;
}

interface Reply {
  readonly status: number;
  readonly type: string | undefined;
  readonly body: string;
}

function get(target: { socketPath: string } | { port: number }, path: string, method = "GET"): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const asked = request({ ...target, path, method, agent: false }, (response) => {
      let body = "";
      response.on("data", (chunk: Buffer) => (body += chunk.toString()));
      response.on("end", () =>
        resolve({ status: response.statusCode ?? 0, type: response.headers["content-type"], body }),
      );
    });
    asked.on("error", reject);
    asked.end();
  });
}

/** Milliseconds until the other side ends the connection. */
function lifetime(socket: Socket): Promise<number> {
  const started = performance.now();
  socket.on("error", () => {});
  socket.resume();
  return new Promise((resolve) => socket.once("close", () => resolve(performance.now() - started)));
}

let folder = "";
before(() => {
  folder = mkdtempSync(join(tmpdir(), "pct-server-"));
});
after(() => rmSync(folder, { recursive: true }));

describe("the server", () => {
  it("answers what it is asked for, and nothing else", async () => {
    const socketPath = join(folder, "a.sock");
    const server = await startServer(address(`unix:${socketPath}`), answers);
    const ready = await get({ socketPath }, "/readyz");
    assert.deepEqual([ready.status, JSON.parse(ready.body)], [200, { ...standing, degraded: null }]);
    assert.deepEqual(await get({ socketPath }, "/healthz?x=1"), {
      status: 200,
      type: "text/plain; charset=utf-8",
      body: "ok\n",
    });
    assert.match((await get({ socketPath }, "/metrics")).type ?? "", /version=0\.0\.4/);
    assert.equal((await get({ socketPath }, "/../etc/passwd")).status, 404);
    assert.equal((await get({ socketPath }, "/readyz", "POST")).status, 405);
    assert.deepEqual((await get({ socketPath }, "/readyz", "HEAD")).body, "");
    await server.close();
  });

  it("says 503 while not ready or not well", async () => {
    const server = await startServer(
      address("127.0.0.1:0"),
      publicRoutes({
        ...sound,
        standing: () => ({ ready: false, digest: null, reason: "not yet" }),
        illness: () => "stuck",
      }),
    );
    const port = Number(server.address.split(":")[1]);
    assert.equal((await get({ port }, "/readyz")).status, 503);
    assert.deepEqual((await get({ port }, "/healthz")).body, "stuck\n");
    await server.close();
  });

  it("an outage of the source is told, and is no reason not to be ready", async () => {
    const degraded = () => "out of sight";
    const server = await startServer(address("127.0.0.1:0"), publicRoutes({ ...sound, degraded }));
    const reply = await get({ port: Number(server.address.split(":")[1]) }, "/readyz");
    assert.deepEqual([reply.status, JSON.parse(reply.body)], [200, { ...standing, degraded: "out of sight" }]);
    await server.close();
  });

  it("says what there is where a path is wrong, and hands over what stands behind the question mark", async () => {
    const server = await startServer(address("127.0.0.1:0"), {
      "/v1/a": (query, response) => void response.end(query.get("x")),
      "/v1/b": () => Promise.reject(new Error("a defect")),
    });
    const port = Number(server.address.split(":")[1]);
    assert.equal((await get({ port }, "/v1/a?x=1%202")).body, "1 2");
    assert.equal((await get({ port }, "/constructor")).body, "there is /v1/a, /v1/b\n");
    await assert.rejects(get({ port }, "/v1/b"));
    await server.close();
  });

  it("a stream may be silent for longer than anybody else", { timeout: 30_000 }, async () => {
    const server = await startServer(address("127.0.0.1:0"), {
      "/v1/s": (_query, response) => {
        beginStream(response, "text/plain");
        setTimeout(() => response.end("late\n"), 11_000);
      },
    });
    assert.equal((await get({ port: Number(server.address.split(":")[1]) }, "/v1/s")).body, "late\n");
    await server.close();
  });

  it("a unix socket is for its owner and group", async () => {
    const path = join(folder, "mode.sock");
    const server = await startServer(address(`unix:${path}`), answers);
    assert.equal(statSync(path).mode & 0o777, 0o660);
    await server.close();
  });

  it("a socket that nobody listens on any more is replaced; a live one and a file are not", async () => {
    const path = join(folder, "stale.sock");
    // A listener that is killed leaves its socket's file behind: here the file is moved away from its listener.
    const dead = createServer().listen(path);
    await new Promise((resolve) => dead.once("listening", resolve));
    const server = startServer(address(`unix:${path}`), answers);
    await assert.rejects(server, { code: "EADDRINUSE" });
    renameSync(path, `${path}.kept`);
    await new Promise((resolve) => dead.close(resolve));
    renameSync(`${path}.kept`, path);
    const second = await startServer(address(`unix:${path}`), answers);
    assert.equal((await get({ socketPath: path }, "/healthz")).status, 200);
    await second.close();
    const file = join(folder, "file");
    writeFileSync(file, "precious");
    await assert.rejects(startServer(address(`unix:${file}`), answers), { code: "EADDRINUSE" });
    assert.equal(statSync(file).size, 8);
  });

  it("cuts peers that send slowly or never, and answers others meanwhile", { timeout: 30_000 }, async () => {
    const over = Promise.withResolvers<number>();
    const server = await startServer(address("127.0.0.1:0"), {
      ...answers,
      "/big": (_query, response) => {
        const began = performance.now();
        response.once("close", () => over.resolve(performance.now() - began));
        send(response, 200, "text/plain", "x".repeat(50_000_000));
      },
    });
    const port = Number(server.address.split(":")[1]);
    const reader = connect(port, "127.0.0.1");
    reader.write("GET /big HTTP/1.1\r\nhost: x\r\n\r\n");
    reader.on("error", () => {});
    reader.pause();
    const sips = setInterval(() => void reader.read(65_536), 500);
    const slow = connect(port, "127.0.0.1");
    slow.write("GET /healthz HTTP/1.1\r\nhost: x\r\n");
    const drip = setInterval(() => slow.write("x: y\r\n"), 300);
    const [slowLife, silentLife] = [lifetime(slow), lifetime(connect(port, "127.0.0.1"))];
    assert.equal((await get({ port }, "/healthz")).status, 200);
    for (const life of [await slowLife, await silentLife, await over.promise])
      assert.ok(life > 1000 && life < 12_000, `cut after ${life} ms`);
    clearInterval(drip);
    clearInterval(sips);
    reader.destroy();
    await server.close();
  });

  it("gives one peer its share of connections only, and refuses big headers", async () => {
    const server = await startServer(address("127.0.0.1:0"), answers);
    const port = Number(server.address.split(":")[1]);
    const sockets = Array.from({ length: 40 }, () => connect(port, "127.0.0.1"));
    const cut = sockets.map((socket) => lifetime(socket).then(() => "cut"));
    const later = new Promise((resolve) => setTimeout(resolve, 300, "open"));
    const fates = await Promise.all(cut.map((fate) => Promise.race([fate, later])));
    assert.equal(fates.filter((fate) => fate === "open").length, 16);
    const other = connect({ port, host: "127.0.0.1", localAddress: "127.0.0.2" });
    other.write(`GET / HTTP/1.1\r\nhost: x\r\nx: ${"y".repeat(20_000)}\r\n\r\n`);
    assert.ok((await lifetime(other)) < 2000);
    for (const socket of sockets) socket.destroy();
    await server.close();
  });

  it("answers the node itself, however many connections others hold", async () => {
    const server = await startServer(address("127.0.0.1:0"), answers);
    const port = Number(server.address.split(":")[1]);
    const sockets = Array.from({ length: 96 }, (_, index) =>
      connect({ port, host: "127.0.0.1", localAddress: `127.0.0.${10 + Math.floor(index / 16)}` }),
    );
    const cut = sockets.map((socket) => lifetime(socket).then(() => "cut"));
    const later = new Promise((resolve) => setTimeout(resolve, 300, "open"));
    const fates = await Promise.all(cut.map((fate) => Promise.race([fate, later])));
    assert.equal(fates.filter((fate) => fate === "open").length, 64);
    assert.equal((await get({ port }, "/healthz")).status, 200);
    for (const socket of sockets) socket.destroy();
    await server.close();
  });
});
