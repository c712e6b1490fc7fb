import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { countRequests } from "../../src/agent/api-requests.ts";
import { serveLocally } from "../../src/agent/local-server.ts";
import { type ApiClient, ApiUnreachable } from "../../src/source/apiserver/client.ts";
import { collectedLog, manualClock, until } from "./scripted.ts";

let folder = "";
before(() => {
  folder = mkdtempSync(join(tmpdir(), "pct-local-"));
});
after(() => rmSync(folder, { recursive: true }));

function served(path: string) {
  const output = collectedLog();
  const time = manualClock();
  const stop = new AbortController();
  const ended = serveLocally(
    {
      socket: { kind: "unix", path },
      routes: { "/v1/x": (_query, response) => void response.end("here") },
      clock: time.clock,
      log: output.log,
    },
    stop.signal,
  );
  const end = async () => {
    stop.abort();
    await ended;
  };
  return { ...output, time, end };
}

const get = (socketPath: string, path: string): Promise<string> =>
  new Promise((resolve, reject) => {
    const asking = request({ socketPath, path, agent: false }, (response) => {
      let body = "";
      response.on("data", (chunk: Buffer) => (body += chunk.toString()));
      response.on("end", () => resolve(body));
    });
    asking.on("error", reject);
    asking.end();
  });

describe("the socket for commands on this node", () => {
  it("and its folder are for root and its group alone, and go away with the agent", async () => {
    const path = join(folder, "run", "agent.sock");
    const { text, end } = served(path);
    await until(() => text().includes("listening"));
    assert.equal(await get(path, "/v1/x"), "here");
    assert.deepEqual([statSync(join(folder, "run")).mode & 0o777, statSync(path).mode & 0o777], [0o750, 0o660]);
    await end();
    assert.equal(existsSync(path), false);
  });

  it("that cannot be had is told once, and had as soon as it can be", async () => {
    const blocked = join(folder, "file");
    writeFileSync(blocked, "");
    const path = join(blocked, "agent.sock");
    const { lines, text, time, end } = served(path);
    await until(() => lines.length > 0);
    for (let round = 0; round < 5; round += 1) await time.advance(30_000);
    assert.equal(lines.length, 1);
    assert.match(lines[0] ?? "", /WARN .*enforcement is not affected/);
    rmSync(blocked);
    await time.advance(30_000);
    await until(() => text().includes("listening"));
    await end();
  });

  it("leaves a folder that is there as it is", async () => {
    const path = join(folder, "own.sock");
    chmodSync(folder, 0o711);
    const { text, end } = served(path);
    await until(() => text().includes("listening"));
    assert.equal(statSync(folder).mode & 0o777, 0o711);
    await end();
  });
});

describe("requests to the API server", () => {
  it("are counted by method and code, and those without an answer", async () => {
    const answers: (number | Error)[] = [200, 201, 200, 999, new ApiUnreachable("refused"), new Error("aborted")];
    const inner: ApiClient = {
      server: "https://x",
      namespace: "n",
      request: () => {
        const answer = answers.shift() ?? 500;
        if (answer instanceof Error) return Promise.reject(answer);
        return Promise.resolve({ status: answer, headers: {}, body: (async function* () {})(), discard: () => {} });
      },
      close: () => {},
    };
    const counted = countRequests(inner);
    const { client } = counted;
    const ask = (method: "GET" | "POST") => client.request({ method, path: "/" }, AbortSignal.timeout(1000));
    await ask("GET");
    await ask("POST");
    await ask("GET");
    await ask("GET");
    await assert.rejects(ask("GET"));
    await assert.rejects(ask("GET"));
    assert.deepEqual(
      counted.samples().map(({ labels, value }) => [labels["method"], labels["code"], value]),
      [
        ["GET", "200", 2],
        ["POST", "201", 1],
        ["GET", "other", 1],
        ["GET", "unreachable", 1],
      ],
    );
  });
});
