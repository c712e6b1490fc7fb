import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import { openCluster } from "../../src/source/apiserver/connect/open.ts";
import { configFor, failure, get, runNothing, textOf } from "./asking.ts";
import { createAuthority } from "./authority.ts";
import type { Seen, Version } from "./server.ts";
import { startServer } from "./server.ts";
import type { Http2ServerResponse } from "node:http2";

const authority = createAuthority("the cluster's CA");
after(() => authority.remove());
const identity = authority.issue("/CN=kube-apiserver", ["DNS:localhost", "IP:127.0.0.1"]);
const parts = { run: runNothing, now: Date.now };

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

const open = (port: number, more = {}) =>
  openCluster(configFor(`https://127.0.0.1:${port}`, authority.certificate, more), parts);

function answer(seen: Seen, response: Http2ServerResponse): void {
  if (seen.path === "/watch") {
    response.writeHead(200, { "content-type": "application/json" });
    response.write("first\n");
    return;
  }
  response.writeHead(seen.path === "/404" ? 404 : 200, { "x-name": "value" });
  response.end(`${seen.path} over ${seen.version}`);
}

for (const version of ["h2", "http/1.1"] as const satisfies readonly Version[]) {
  describe(`requests over ${version}`, () => {
    it("are answered with status, headers and body; 404 is an answer", async () => {
      const server = await startServer({ identity, version, answer });
      const client = open(server.port);
      try {
        const response = await get(client, "/404");
        assert.equal(response.status, 404);
        assert.equal(response.headers["x-name"], "value");
        assert.equal(await textOf(response), `/404 over ${version === "h2" ? "2.0" : "1.1"}`);
      } finally {
        client.close();
        await server.close();
      }
    });

    it("send bodies, and a path below the server's URL", async () => {
      const bodies: string[] = [];
      const server = await startServer({
        identity,
        version,
        answer: (seen, response, request) => {
          let text = `${request.method} ${seen.path} ${String(seen.headers["content-type"])} `;
          request.on("data", (chunk: Buffer) => (text += chunk.toString()));
          request.on("end", () => {
            bodies.push(text);
            response.end("{}");
          });
        },
      });
      const config = configFor(`https://127.0.0.1:${server.port}/k8s/clusters/c-1`, authority.certificate);
      const client = openCluster(config, parts);
      try {
        const request = {
          method: "POST",
          path: "/api/v1/events",
          body: "{é}",
          contentType: "application/yaml",
        } as const;
        const response = await client.request(request, new AbortController().signal);
        assert.equal(await textOf(response), "{}");
        assert.deepEqual(bodies, ["POST /k8s/clusters/c-1/api/v1/events application/yaml {é}"]);
      } finally {
        client.close();
        await server.close();
      }
    });

    it("share connections as the protocol lets them", async () => {
      const server = await startServer({ identity, version, answer });
      const client = open(server.port);
      try {
        const watches = await Promise.all([1, 2, 3].map(() => get(client, "/watch")));
        for (let count = 0; count < 5; count++) await textOf(await get(client, "/list"));
        // HTTP/1.1: three watches, and one connection that is kept for the lists.
        assert.equal(server.connections(), version === "h2" ? 1 : 4);
        for (const watch of watches) watch.discard();
      } finally {
        client.close();
        await server.close();
      }
    });

    it("end with the signal's reason when it aborts, before and after the headers; the rest goes on", async () => {
      const server = await startServer({
        identity,
        version,
        answer: (seen, response) => {
          if (seen.path !== "/silent") answer(seen, response);
        },
      });
      const client = open(server.port);
      try {
        const other = await get(client, "/watch");
        const stop = new AbortController();
        const silent = get(client, "/silent", stop.signal);
        const watch = await get(client, "/watch", stop.signal);
        const reading = textOf(watch);
        await pause(20);
        const reason = new Error("that is enough");
        stop.abort(reason);
        await assert.rejects(silent, reason);
        await assert.rejects(reading, reason);
        await assert.rejects(get(client, "/list", stop.signal), reason);
        const { value } = await other.body[Symbol.asyncIterator]().next();
        assert.equal(Buffer.from(value as Uint8Array).toString(), "first\n");
        other.discard();
      } finally {
        client.close();
        await server.close();
      }
    });

    it("break with a message when the server goes away; a later one finds the new server", async () => {
      let server = await startServer({ identity, version, answer });
      const client = open(server.port);
      try {
        const reading = textOf(await get(client, "/watch"));
        await server.close();
        const message = await failure(reading);
        assert.match(message, /^https:\/\/127\.0\.0\.1:[0-9]+: the connection was (?:reset|closed)/);
        assert.match(await failure(get(client, "/list")), /nothing listens there/);
        server = await startServer({ identity, version, answer, port: server.port });
        assert.match(await textOf(await get(client, "/list")), /^\/list/);
      } finally {
        client.close();
        await server.close();
      }
    });

    it("an answer that is cut short is no answer that ended", async () => {
      const server = await startServer({
        identity,
        version,
        answer: (_, response, request) => {
          response.writeHead(200);
          response.write("half");
          setTimeout(() => (version === "h2" ? response.stream.close(8) : request.socket.destroy()), 20);
        },
      });
      const client = open(server.port);
      try {
        assert.match(await failure(get(client, "/list").then(textOf)), /reset|closed/);
      } finally {
        client.close();
        await server.close();
      }
    });

    it("what nobody wants to read is discarded, and does not hold the client up", async () => {
      const server = await startServer({ identity, version, answer });
      const client = open(server.port);
      try {
        for (let count = 0; count < 20; count++) (await get(client, count % 2 === 0 ? "/list" : "/watch")).discard();
        assert.match(await textOf(await get(client, "/list")), /^\/list/);
      } finally {
        client.close();
        await server.close();
      }
    });
  });
}

describe("GOAWAY", () => {
  it("new requests go to a new connection, the watch that runs goes on to its end", async () => {
    const running: Http2ServerResponse[] = [];
    const server = await startServer({
      identity,
      version: "h2",
      answer: (seen, response) => {
        if (seen.path === "/watch") running.push(response);
        answer(seen, response);
      },
    });
    const client = open(server.port);
    try {
      const reading = textOf(await get(client, "/watch"));
      const [session] = [...server.sessions];
      session?.goaway();
      await pause(50);
      assert.match(await textOf(await get(client, "/list")), /^\/list/);
      assert.equal(server.connections(), 2);
      running[0]?.end("last\n");
      assert.equal(await reading, "first\nlast\n");
    } finally {
      client.close();
      await server.close();
    }
  });
});
