import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Problem, eventFor, keyOfProblem } from "../../src/agent/events/event.ts";
import { problemsOf } from "../../src/agent/events/problems.ts";
import { reportProblems } from "../../src/agent/events/reporter.ts";
import { type ApiClient, type ApiRequest, ApiUnreachable } from "../../src/source/apiserver/client.ts";
import type { Finding, ObjectReference } from "../../src/source/source.ts";
import { collectedLog, manualClock, policyNamed, settled } from "./scripted.ts";

const referenceTo = (name: string, more: Partial<ObjectReference> = {}): ObjectReference => ({
  apiVersion: "networking.k8s.io/v1",
  kind: "NetworkPolicy",
  namespace: "shop",
  name,
  uid: `uid-of-${name}`,
  resourceVersion: "17",
  ...more,
});
const problemOf = (name: string, message = "spec.ingress[0]: Invalid value"): Problem => ({
  reference: referenceTo(name),
  reason: "InvalidPolicy",
  message,
});
const findingOf = (reference: ObjectReference | null, message: string): Finding => ({
  position: null,
  object: "x",
  message,
  reference,
});
const nothingRefused = { unsupported: new Map<string, string>(), entry: () => null };

interface SentEvent {
  readonly metadata: { readonly name: string; readonly namespace: string };
  readonly eventTime: string;
  readonly reason: string;
  readonly note: string;
  readonly regarding: Readonly<Record<string, string>>;
  readonly reportingInstance: string;
}
const bodyOf = (text: string | undefined) => JSON.parse(text ?? "") as SentEvent;

describe("an Event about a policy", () => {
  it("is what events.k8s.io/v1 takes", () => {
    const { path, body } = eventFor(problemOf("web"), "node-1", Date.UTC(2026, 1, 3, 4, 5, 6, 7));
    assert.equal(path, "/apis/events.k8s.io/v1/namespaces/shop/events");
    const event = bodyOf(body);
    assert.match(event.metadata.name, /^web\.[0-9a-f]{16}$/);
    assert.equal(event.eventTime, "2026-02-03T04:05:06.007000Z");
    assert.deepEqual(event.regarding, {
      apiVersion: "networking.k8s.io/v1",
      kind: "NetworkPolicy",
      namespace: "shop",
      name: "web",
      uid: "uid-of-web",
      resourceVersion: "17",
    });
  });

  it("has the same name on every node, for every version of the object, and another for another problem", () => {
    const name = (problem: Problem, node: string) => eventFor(problem, node, Math.random() * 1e12).name;
    const later: Problem = { ...problemOf("web"), reference: referenceTo("web", { resourceVersion: "18" }) };
    assert.equal(name(problemOf("web"), "node-1"), name(later, "node-2"));
    assert.notEqual(name(problemOf("web"), "node-1"), name(problemOf("web", "something else"), "node-1"));
    const recreated: Problem = { ...problemOf("web"), reference: referenceTo("web", { uid: "another" }) };
    assert.notEqual(keyOfProblem(problemOf("web")), keyOfProblem(recreated));
  });

  it("keeps the limits of the API and says nothing that moves a terminal", () => {
    const long = { ...problemOf("a".repeat(253), `\u001b[2J\u202e${"ü€".repeat(3000)}`) };
    const { name, body } = eventFor(long, "n".repeat(253), 0);
    const { note, reportingInstance } = bodyOf(body);
    assert.ok(name.length <= 253 && reportingInstance.length <= 128);
    assert.ok(Buffer.byteLength(note) <= 1024 && Buffer.byteLength(note) > 900);
    assert.ok(!note.includes("\u001b") && !note.includes("\u202e") && !note.includes("\ufffd"));
  });

  it("about an object without a namespace is in the namespace default", () => {
    const problem: Problem = { ...problemOf("all"), reference: referenceTo("all", { namespace: null }) };
    const { path, body } = eventFor(problem, "n", 0);
    assert.match(path, /namespaces\/default\/events$/);
    assert.equal(bodyOf(body).regarding["namespace"], undefined);
  });
});

describe("problems", () => {
  it("are one for each policy; what is no policy, or no object of the API server, is none", () => {
    const findings = [
      findingOf(referenceTo("web"), "b"),
      findingOf(referenceTo("web"), "a"),
      findingOf(referenceTo("web"), "a"),
      findingOf(referenceTo("p", { kind: "Pod" }), "c"),
      findingOf(null, "d"),
      findingOf(referenceTo("multi", { kind: "MultiNetworkPolicy" }), "not read"),
    ];
    const problems = problemsOf({ findings, ...nothingRefused });
    assert.deepEqual(
      problems.map(({ reference, reason, message }) => [reference.name, reason, message]),
      [
        ["web", "InvalidPolicy", "a; b"],
        ["multi", "UnsupportedPolicy", "not read"],
      ],
    );
  });

  it("are what the dataplane refuses, by the version that was read", () => {
    const { id } = policyNamed("p");
    const version = { uid: "u1", generation: 2, resourceVersion: "33" };
    const problems = problemsOf({
      findings: [],
      unsupported: new Map([
        [id, "too many ports"],
        ["NetworkPolicy/a/unknown", "x"],
      ]),
      entry: (asked) => (asked === id ? { id, mode: "enforce", version, inForce: null, standing: "pending" } : null),
    });
    assert.equal(problems.length, 1);
    const [{ reference, reason } = problemOf("")] = problems;
    assert.equal(reason, "UnsupportedPolicy");
    assert.deepEqual(reference, {
      apiVersion: "networking.k8s.io/v1",
      kind: "NetworkPolicy",
      namespace: "a",
      name: "p",
      uid: "u1",
      resourceVersion: "33",
    });
  });
});

/** An API server of which the test says what it answers. */
function scriptedServer(answer: (path: string) => number | Error) {
  const requests: ApiRequest[] = [];
  const client: ApiClient = {
    server: "https://test",
    namespace: "default",
    request: (request) => {
      requests.push(request);
      const status = answer(request.path);
      if (status instanceof Error) return Promise.reject(status);
      return Promise.resolve({ status, headers: {}, body: (async function* () {})(), discard: () => {} });
    },
    close: () => {},
  };
  return { client, requests, names: () => requests.map(({ body }) => bodyOf(body).regarding["name"]) };
}

function reporting(answer: (path: string) => number | Error, more: { nodes?: number; random?: () => number } = {}) {
  const server = scriptedServer(answer);
  const time = manualClock();
  const output = collectedLog();
  const stop = new AbortController();
  let problems: readonly Problem[] = [];
  const ended = reportProblems(
    {
      client: server.client,
      node: "node-1",
      problems: () => problems,
      nodes: () => more.nodes ?? 1,
      clock: time.clock,
      random: more.random ?? (() => 0),
      log: output.log,
    },
    stop.signal,
  );
  const pass = async (seconds: number) => {
    for (let second = 0; second < seconds; second += 1) await time.advance(1000);
  };
  const end = async () => {
    stop.abort();
    await ended;
  };
  return { ...server, ...output, pass, end, now: (next: readonly Problem[]) => void (problems = next) };
}

describe("the reporter", () => {
  it("tells each problem once, however long it lasts", async () => {
    const { names, pass, now, end, lines } = reporting(() => 201);
    now([problemOf("a"), problemOf("b")]);
    await pass(3600);
    assert.deepEqual(names(), ["a", "b"]);
    assert.deepEqual(lines, []);
    await end();
  });

  it("is content that another agent has told it", async () => {
    const { names, pass, now, end, lines } = reporting(() => 409);
    now([problemOf("a")]);
    await pass(600);
    assert.deepEqual([names(), lines], [["a"], []]);
    await end();
  });

  it("tells a problem that comes back, and not one that is gone before its turn", async () => {
    const { names, pass, now, end } = reporting(() => 201, { random: () => 0.9 });
    now([problemOf("short")]);
    await settled();
    now([]);
    await pass(60);
    assert.deepEqual(names(), []);
    now([problemOf("a")]);
    await pass(60);
    now([]);
    await pass(60);
    now([problemOf("a")]);
    await pass(60);
    assert.deepEqual(names(), ["a", "a"]);
    await end();
  });

  it("tells a thousand problems one a second", async () => {
    const { requests, pass, now, end } = reporting(() => 201);
    now(Array.from({ length: 1000 }, (_, index) => problemOf(`p${index}`)));
    await pass(60);
    assert.ok(requests.length > 30 && requests.length <= 62, String(requests.length));
    await end();
  });

  it("in a big cluster waits for up to some minutes, each agent for another time", async () => {
    const { requests, pass, now, end } = reporting(() => 201, { nodes: 5000, random: () => 0.5 });
    now([problemOf("a")]);
    await pass(45);
    assert.equal(requests.length, 0);
    await pass(20);
    assert.equal(requests.length, 1);
    await end();
  });

  it("that may not write logs it once, and tries less and less often", async () => {
    const { requests, pass, now, end, lines } = reporting(() => 403);
    now([problemOf("a"), problemOf("b")]);
    await pass(3600);
    assert.equal(lines.length, 1);
    assert.match(lines[0] ?? "", /WARN .*enforcement is not affected.*answers 403/);
    assert.ok(requests.length >= 5 && requests.length < 15, String(requests.length));
    await end();
  });

  it("goes on when the API server is back", async () => {
    let back = false;
    const { names, pass, now, end } = reporting(() => (back ? 201 : new ApiUnreachable("refused")));
    now([problemOf("a")]);
    await pass(120);
    back = true;
    await pass(400);
    assert.equal(names().at(-1), "a");
    const count = names().length;
    await pass(3600);
    assert.equal(names().length, count);
    await end();
  });

  it("lets go of what the API server will never take", async () => {
    const { requests, pass, now, end, lines } = reporting(() => 404);
    now([problemOf("a")]);
    await pass(600);
    assert.deepEqual([requests.length, lines], [1, []]);
    await end();
  });

  const inNamespace = (namespace: string, name: string): Problem => {
    const problem = problemOf(name);
    return { ...problem, reference: { ...problem.reference, namespace } };
  };

  it("a namespace that takes no Events keeps nobody else from being told", async () => {
    const { requests, pass, now, end } = reporting((path) => (path.includes("/namespaces/full/") ? 403 : 201));
    now([...Array.from({ length: 50 }, (_, index) => inNamespace("full", `p${index}`)), inNamespace("b", "q")]);
    await pass(10);
    assert.equal(requests.filter(({ path }) => path.includes("/namespaces/b/")).length, 1);
    await pass(3590);
    assert.ok(requests.length < 12, String(requests.length));
    now([inNamespace("full", "p"), inNamespace("b", "q"), inNamespace("c", "r")]);
    await pass(10);
    assert.equal(requests.filter(({ path }) => path.includes("/namespaces/c/")).length, 1, "at once");
    await end();
  });

  it("ten thousand problems of one namespace leave room for one of another", async () => {
    const { names, pass, now, end } = reporting(() => 201);
    const many = Array.from({ length: 10_000 }, (_, index) => inNamespace("a", `p${index}`));
    now(many);
    await pass(5);
    now([...many, inNamespace("b", "q")]);
    await pass(10);
    assert.ok(names().includes("q"), names().join());
    await end();
  });
});
