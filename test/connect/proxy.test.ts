import assert from "node:assert/strict";
import { after, it } from "node:test";
import { openCluster } from "../../src/source/apiserver/connect/open.ts";
import { configFor, failure, get, runNothing, textOf } from "./asking.ts";
import { createAuthority } from "./authority.ts";
import { startHttpProxy, startSocksProxy } from "./proxies.ts";
import type { TestServer } from "./server.ts";
import { startServer } from "./server.ts";

const authority = createAuthority("the cluster's CA");
after(() => authority.remove());
const identity = authority.issue("/CN=kube-apiserver", ["IP:127.0.0.1", "DNS:localhost"]);

/** Asks through the proxy; gives the answer or what went wrong, and how many connections the server saw. */
async function ask(proxy: string, target: (server: TestServer) => string): Promise<string> {
  const server = await startServer({ identity, version: "h2", answer: (_, response) => response.end("answer") });
  const client = openCluster(configFor(target(server), authority.certificate, { proxy }), {
    run: runNothing,
    now: Date.now,
  });
  try {
    const answer = get(client, "/").then(textOf);
    return await answer.catch(() => failure(answer));
  } finally {
    client.close();
    await server.close();
  }
}

const local = ({ port }: TestServer): string => `https://127.0.0.1:${port}`;

it("reaches the server by CONNECT, with the proxy's user and password; TLS ends at the server", async () => {
  const proxy = await startHttpProxy(true);
  try {
    assert.equal(await ask(`http://user:secret@127.0.0.1:${proxy.port}`, local), "answer");
    assert.match(proxy.asked[0] ?? "", /^user:secret@127\.0\.0\.1:[0-9]+$/);
    const refused = await ask(`http://user:guess@127.0.0.1:${proxy.port}`, local);
    assert.match(refused, /the proxy 127\.0\.0\.1:[0-9]+ answers 407 .*wants a user and a password/);
    assert.doesNotMatch(refused, /guess/);
  } finally {
    await proxy.close();
  }
});

it("tells of a proxy that does not reach the server, and of one that is not there", async () => {
  const proxy = await startHttpProxy(false);
  assert.match(await ask(`http://127.0.0.1:${proxy.port}`, () => "https://127.0.0.1:1"), /answers 502 to CONNECT/);
  await proxy.close();
  assert.match(await ask(`http://127.0.0.1:${proxy.port}`, local), /connection refused/);
});

it("reaches the server by SOCKS5, by address and by name", async () => {
  const proxy = await startSocksProxy();
  try {
    const url = `socks5://user:secret@127.0.0.1:${proxy.port}`;
    assert.equal(await ask(url, local), "answer");
    assert.equal(await ask(url, ({ port }) => `https://localhost:${port}`), "answer");
    assert.match(proxy.asked.join(" "), /^user@127\.0\.0\.1:[0-9]+ user@localhost:[0-9]+$/);
    assert.match(await ask(url, () => "https://127.0.0.1:1"), /SOCKS5.*connection refused/);
    assert.match(await ask(`socks5://user:guess@127.0.0.1:${proxy.port}`, local), /refuses user and password/);
    assert.match(await ask(`socks5://127.0.0.1:${proxy.port}`, local), /wants a user and a password/);
  } finally {
    await proxy.close();
  }
});
