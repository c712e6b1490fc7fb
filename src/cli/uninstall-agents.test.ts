import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { ApiClient, ApiRequest, ApiResponse } from "../source/apiserver/client.ts";
import { uninstallAgents } from "./uninstall-agents.ts";

interface ScriptedPod {
  readonly node: string | null;
  readonly ready: boolean;
  readonly since?: string;
  readonly reason?: string;
  readonly restarts?: number;
  readonly crashed?: boolean;
}

/** Annotated at noon. */
const account = {
  metadata: {
    managedFields: [
      { manager: "helm", time: "2026-01-01T10:00:00Z", fieldsV1: { "f:metadata": { "f:labels": {} } } },
      {
        manager: "portcullis-uninstall",
        time: "2026-01-01T12:00:00Z",
        fieldsV1: { "f:metadata": { "f:annotations": { "f:portcullis.dev/uninstall": {} } } },
      },
    ],
  },
};

/** An API server that shows the pods as each look in turn should find them; the last one for good. */
function scripted(looks: readonly Readonly<Record<string, ScriptedPod>>[]) {
  const requests: ApiRequest[] = [];
  let look = -1;
  const answerOf = (path: string): object => {
    const isNextPage = path.includes("continue=");
    if (!isNextPage) look = Math.min(look + 1, looks.length - 1);
    const pods = Object.entries(looks[look] ?? {}).map(
      ([name, { node, ready, since, reason, restarts = 0, crashed }]) => ({
        metadata: { name, uid: `uid-${name}` },
        spec: node === null ? {} : { nodeName: node },
        status: {
          conditions: [{ type: "Ready", status: ready ? "True" : "False", lastTransitionTime: since, reason }],
          containerStatuses: [
            { name: "agent", restartCount: restarts, state: crashed === true ? { waiting: {} } : { running: {} } },
          ],
        },
      }),
    );
    // Two pages, to be read both.
    return isNextPage
      ? { metadata: {}, items: pods.slice(1) }
      : { metadata: { continue: "more" }, items: pods.slice(0, 1) };
  };
  const client: ApiClient = {
    server: "https://scripted",
    namespace: "kube-system",
    request: async (request): Promise<ApiResponse> => {
      requests.push(request);
      const text = JSON.stringify(request.method === "GET" ? answerOf(request.path) : account);
      return {
        status: 200,
        headers: {},
        body: (async function* () {
          yield Buffer.from(text);
        })(),
        discard: () => {},
      };
    },
    close: () => {},
  };
  return { client, requests };
}

async function outcome(looks: Parameters<typeof scripted>[0], timeout = 60_000) {
  const { client, requests } = scripted(looks);
  const clock = { now: () => 0, sleep: () => Promise.resolve() };
  const serviceAccount = { namespace: "kube-system", name: "portcullis" };
  const result = await uninstallAgents(
    { client, serviceAccount, selector: "app=x", timeout, clock },
    new AbortController().signal,
  );
  const names = (pods: readonly { readonly name: string }[]) => pods.map(({ name }) => name);
  return {
    requests,
    removed: names(result.removed),
    enforcing: names(result.enforcing),
    doubtful: names(result.doubtful),
  };
}

const on = (node: string, ready: boolean): ScriptedPod => ({ node, ready });

describe("uninstall of the agents", () => {
  it("does not take a crash, or a node that is not heard of any more, for the agent's word", async () => {
    const all = { a: on("n1", true), b: on("n2", true), c: on("n3", true), d: on("n4", true) };
    const { requests: _, ...rest } = await outcome([
      all,
      all,
      {
        a: on("n1", false),
        b: { ...on("n2", false), crashed: true },
        c: { ...on("n3", false), restarts: 1 },
        d: { ...on("n4", false), reason: "NodeNotReady" },
      },
    ]);
    assert.deepEqual(rest, { removed: ["a"], enforcing: [], doubtful: ["b", "c", "d"] });
  });

  it("gives the sign once and waits until none is ready", async () => {
    const { requests, ...rest } = await outcome([
      { a: on("n1", true), b: on("n2", true) },
      { a: on("n1", true), b: on("n2", true) },
      { a: on("n1", false), b: on("n2", true) },
      { a: on("n1", false), b: on("n2", false) },
    ]);
    assert.deepEqual(rest, { removed: ["a", "b"], enforcing: [], doubtful: [] });
    const patches = requests.filter(({ method }) => method === "PATCH");
    assert.equal(patches.length, 1);
    assert.match(patches[0]?.path ?? "", /^\/api\/v1\/namespaces\/kube-system\/serviceaccounts\/portcullis\?/);
    assert.match(patches[0]?.body ?? "", /"portcullis.dev\/uninstall":"remove-rules"/);
  });

  it("names those that are still ready when the time is over", async () => {
    const { enforcing, removed } = await outcome([{ a: on("n1", true), b: on("n2", false) }], 0);
    assert.deepEqual([enforcing, removed], [["a"], []]);
  });

  it("takes an agent that was not ready before for no witness", async () => {
    const { doubtful, removed } = await outcome([
      { a: on("n1", true), b: on("n2", false) },
      { a: on("n1", false), b: on("n2", false) },
    ]);
    assert.deepEqual([doubtful, removed], [["b"], ["a"]]);
  });

  it("nor one that went away while it was ready; one that never ran anywhere has no rules", async () => {
    const { doubtful, removed } = await outcome([
      { a: on("n1", true), b: on("n2", true), c: { node: null, ready: false } },
      { a: on("n1", true), b: on("n2", true), c: { node: null, ready: false } },
      { a: on("n1", false), c: { node: null, ready: false } },
    ]);
    assert.deepEqual([doubtful, removed], [["b"], ["a"]]);
  });

  it("knows by the time what happened after a sign that somebody gave before", async () => {
    const at = (since: string): ScriptedPod => ({ node: "n1", ready: false, since });
    const { doubtful, removed } = await outcome([
      { a: at("2026-01-01T12:00:05Z"), b: at("2026-01-01T11:59:59Z"), c: at("2026-01-01T12:00:00Z") },
    ]);
    assert.deepEqual([removed, doubtful], [["a"], ["b", "c"]]);
  });
});
