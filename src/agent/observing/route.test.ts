import assert from "node:assert/strict";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { type IncomingMessage, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import type { Flow, FlowsLost } from "../../observe/flow.ts";
import { type RunningServer, startServer } from "../server.ts";
import { flowsRoute } from "./route.ts";
import { createSubscribers } from "./subscribers.ts";

const end = (namespace: string | null, pod: string | null) => ({ address: "10.0.0.1", namespace, pod, port: 80 });

const flow = (number: number, from = end("shop", "web")): Flow => ({
  apiVersion: "portcullis.dev/v1",
  kind: "Flow",
  time: "1970-01-01T00:00:00.000Z",
  node: "n",
  verdict: "denied",
  direction: "ingress",
  reason: "isolated",
  protocol: "TCP",
  from,
  to: end("shop", `db-${number}`),
  policies: [],
  rule: null,
  suppressed: 0,
});

const folder = mkdtempSync(join(tmpdir(), "pct-flows-"));
const path = join(folder, "agent.sock");

function get(query: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    request({ socketPath: path, path: `/v1/flows${query}` }, resolve)
      .once("error", reject)
      .end();
  });
}

async function textOf(response: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of response.setEncoding("utf8")) text += String(chunk);
  return text;
}

/** Takes lines as they come. */
function lines(response: IncomingMessage): (Flow | FlowsLost)[] {
  const taken: (Flow | FlowsLost)[] = [];
  let rest = "";
  response.setEncoding("utf8").on("data", (chunk: string) => {
    const parts = (rest + chunk).split("\n");
    rest = parts.pop() ?? "";
    for (const part of parts) if (part !== "") taken.push(JSON.parse(part) as Flow | FlowsLost);
  });
  return taken;
}

const until = async (is: () => boolean): Promise<void> => {
  for (const deadline = performance.now() + 5000; !is() && performance.now() < deadline;) await pause(5);
};

describe("/v1/flows", { timeout: 30_000 }, () => {
  const subscribers = createSubscribers("n", () => 0);
  let server: RunningServer;
  before(async () => {
    const routes = { "/v1/flows": flowsRoute(subscribers), "/off": flowsRoute(null) };
    server = await startServer({ kind: "unix", path }, routes);
  });
  after(async () => {
    await server.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it("is for the owner and the group of the socket only", () => {
    assert.equal((statSync(path).mode & 0o777).toString(8), "660");
  });

  it("streams what its query asks for, and ends with its reader", async () => {
    const everything = await get("");
    const some = await get("?namespace=shop&pod=db-2&verdict=denied&direction=ingress");
    assert.equal(everything.headers["content-type"], "application/x-ndjson");
    const [all, few] = [lines(everything), lines(some)];
    await until(() => subscribers.size === 2);
    for (const number of [1, 2, 3]) subscribers.publish(flow(number, end(null, null)));
    subscribers.publish({ ...flow(2), direction: "egress" });
    await until(() => all.length === 4);
    await pause(20);
    assert.deepEqual(few, [flow(2, end(null, null))]);
    everything.destroy();
    some.destroy();
    await until(() => subscribers.size === 0);
    assert.equal(subscribers.size, 0);
  });

  it("refuses what it does not understand, and says so", async () => {
    for (const [query, reason] of [
      ["?verdict=maybe", /verdict is none of denied, audit-denied, audit-allowed/],
      ["?direction=up", /direction is none of/],
      ["?pods=x", /unknown parameter; there are namespace, pod/],
      ["?pod=a&pod=b", /pod is given more than once/],
    ] as const) {
      const response = await get(query);
      assert.equal(response.statusCode, 400);
      assert.match(await textOf(response), reason);
    }
  });

  it("takes so many readers and no more", async () => {
    const readers: IncomingMessage[] = [];
    for (let count = 0; count < 32; count += 1) readers.push(await get(""));
    const refused = await get("");
    assert.equal(refused.statusCode, 503);
    await textOf(refused);
    for (const reader of readers) reader.destroy();
    await until(() => subscribers.size === 0);
  });

  it("keeps little for a slow reader, tells it how much is missing, and lets nobody else wait", async () => {
    const [slow, quick] = [await get(""), await get("?pod=db-77")];
    const taken = lines(quick);
    slow.pause();
    await until(() => subscribers.size === 2);
    const used = process.memoryUsage().heapUsed;
    const sent = 100_000;
    for (let number = 0; number < sent; number += 1) {
      subscribers.publish(flow(number));
      if (number % 1000 === 0) await pause(0);
    }
    assert.ok(process.memoryUsage().heapUsed - used < 64e6, "some 30 MB of flows are not kept");
    await until(() => taken.length === 1);
    assert.equal(taken.length, 1);
    const got = lines(slow);
    slow.resume();
    const missing = () => got.find((line) => line.kind === "FlowsLost");
    await until(() => missing() !== undefined);
    const lost = missing();
    assert.ok(lost?.kind === "FlowsLost" && lost.count > 0);
    assert.equal(got.length - 1 + lost.count, sent);
    subscribers.publish(flow(sent));
    await until(() => got.at(-1)?.kind === "Flow");
    assert.deepEqual(got.at(-1), flow(sent), "and goes on after it");
    slow.destroy();
    quick.destroy();
  });
});
