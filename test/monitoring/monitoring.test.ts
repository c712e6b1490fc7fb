/** The agent's metrics, the dashboard, the alerts and their pages, held against each other. */
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { after, before, describe, it } from "node:test";
import { parse } from "yaml";
import { runAgent } from "../../src/agent/run.ts";
import type { Dataplane } from "../../src/dataplane/dataplane.ts";
import type { PolicyId } from "../../src/policy/policy.ts";
import type { Source } from "../../src/source/source.ts";
import { systemClock } from "../../src/system/clock.ts";
import { runAtOnce } from "../../src/system/program.ts";
import {
  collectedLog,
  plainCompiler,
  policyChange,
  recordingDataplane,
  scriptedSource,
  snapshotOf,
  until,
  updateOf,
} from "../agent/scripted.ts";
import { alertCases } from "./alert-cases.ts";

const docs = join(import.meta.dirname, "..", "..", "docs");
const rulesFile = join(docs, "prometheus", "rules.yaml");

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly annotations: Readonly<Record<string, string>>;
}
const rules = (
  parse(readFileSync(rulesFile, "utf8")) as { groups: readonly { rules: readonly Rule[] }[] }
).groups.flatMap((group) => group.rules);

interface Panel {
  readonly id: number;
  readonly title: string;
  readonly type: string;
  readonly targets?: readonly { readonly expr: string; readonly datasource: { readonly uid: string } }[];
}
const dashboard = JSON.parse(readFileSync(join(docs, "dashboards", "portcullis.json"), "utf8")) as {
  readonly title: string;
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly { readonly name: string; readonly type: string }[] };
};
const panelExpressions = dashboard.panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));

const absent = runAtOnce("promtool", ["--version"]).absent;
const whyNot = absent ? "promtool is not installed (apt-get install prometheus)" : false;

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

/** A source with health, so that every family that an agent of a cluster has is there. */
function clusterLike(source: Source): Source {
  const resource = { resource: "pods", state: "watching", resourceVersion: "5", objects: 1 } as const;
  const counts = { lists: 1, watches: 2, failures: 3, events: 4, bytes: 5 };
  const health = { connected: true, reason: null, lastHeard: 1000, resources: [{ ...resource, ...counts }] };
  return { ...source, health: () => health };
}

/** What an agent of a cluster answers to `/metrics`, with a policy counter whose name is as hostile as can be. */
async function metricsOfAgent(folder: string): Promise<string> {
  const path = join(folder, "agent.sock");
  const source = scriptedSource(() => snapshotOf("d0"));
  const counter = {
    name: 'Net"Pol\\icy/\n{}/ü',
    verdict: "deny",
    direction: "ingress",
    packets: 3n,
    bytes: 9n,
  } as const;
  const audit = {
    ...counter,
    name: "audit-deny in-x",
    verdict: "audit-deny",
    policies: [counter.name as PolicyId],
  } as const;
  const counters = () => Promise.resolve([counter, audit]);
  const nothing = () => Promise.resolve();
  const names = { learn: nothing, held: () => Promise.resolve([]), decideAnew: nothing };
  const dataplane: Dataplane = { ...recordingDataplane().dataplane, counters, names };
  const { log, text } = collectedLog();
  const stop = new AbortController();
  const client = {
    server: "https://x",
    namespace: "n",
    request: () => Promise.reject(new Error("no")),
    close: () => {},
  };
  const requests = () => [{ labels: { method: "GET", code: "200" }, value: 7 }];
  const ended = runAgent(
    {
      openSource: () => clusterLike(source.open()),
      createCompiler: plainCompiler().create,
      dataplane,
      cluster: { client, requests },
      dropLog: { netns: `pct-no-such-${process.pid}`, group: 1 },
      nameSettings: { netns: null, queue: 1, minTtl: 5, maxTtl: 60, grace: 60 },
      clock: systemClock,
      random: () => 0,
      log,
      bind: { kind: "unix", path },
      syncPeriod: 60_000,
      audit: false,
      build: { version: "0", dataplane: "recording", node: "node-1" },
    },
    stop.signal,
  );
  try {
    await until(() => text().includes("are what the source says"));
    source.push(updateOf("d1", [policyChange("p")], { stampedAt: Date.now() - 500 }));
    await new Promise((resolve) => setTimeout(resolve, 700));
    return await get(path, "/metrics");
  } finally {
    stop.abort();
    await ended;
  }
}

const wordsOf = (expression: string): readonly string[] =>
  expression.replaceAll(/"[^"]*"/g, "").match(/\b(?:portcullis|process|nodejs)_[a-z0-9_]+/g) ?? [];

describe("monitoring", () => {
  let folder = "";
  let metrics = "";
  const families = new Map<string, string>();
  const familyOf = (name: string): string => (families.has(name) ? name : name.replace(/_(bucket|sum|count)$/, ""));
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "pct-monitoring-"));
    metrics = await metricsOfAgent(folder);
    for (const [, name = "", type = ""] of metrics.matchAll(/^# TYPE (\S+) (\S+)$/gm)) families.set(name, type);
  });
  after(() => rmSync(folder, { recursive: true }));

  it("promtool finds nothing wrong with the metrics of a running agent", { skip: whyNot }, () => {
    const { code, stdout, stderr } = runAtOnce("promtool", ["check", "metrics"], metrics);
    assert.equal(code, 0, stdout + stderr);
    assert.equal(stdout + stderr, "");
  });

  it("the time stamp of the API server gets into the latency from it", () => {
    assert.match(metrics, /^portcullis_api_enforcement_latency_seconds_count 1$/m);
    const sum = Number(/^portcullis_api_enforcement_latency_seconds_sum (.*)$/m.exec(metrics)?.[1]);
    assert.ok(sum >= 0.5 && sum < 5, String(sum));
    assert.match(metrics, /^portcullis_step_duration_seconds_count\{step="apply"\} 1$/m);
  });

  it("every metric has its line in docs/metrics.md, and no other has one", () => {
    const page = readFileSync(join(docs, "metrics.md"), "utf8");
    const listed = [...page.matchAll(/^\| `([a-z0-9_]+)`/gm)].map(([, name = ""]) => name);
    assert.deepEqual(listed.toSorted(), [...families.keys()].sort());
  });

  it("dashboard and alerts use only metrics that there are", () => {
    const used = [...panelExpressions, ...rules.map(({ expr }) => expr)].flatMap(wordsOf);
    assert.ok(used.length > 40);
    assert.deepEqual(
      [...new Set(used)].filter((name) => !families.has(familyOf(name))),
      [],
    );
    // A counter is looked at by its growth, a histogram by its buckets.
    const wrong = used.filter((name) => familyOf(name) === name && families.get(name) === "histogram");
    assert.deepEqual(wrong, []);
  });

  it("the dashboard can be imported: its panels ask the data source that is chosen", () => {
    const variables = dashboard.templating.list.map(({ name, type }) => `${name} ${type}`);
    assert.ok(variables.includes("datasource datasource"));
    const ids = dashboard.panels.map(({ id }) => id);
    assert.equal(new Set(ids).size, ids.length);
    for (const { title, type, targets = [] } of dashboard.panels) {
      if (type !== "row") assert.ok(targets.length > 0, title);
      for (const { datasource } of targets) assert.equal(datasource.uid, "${datasource}", title);
    }
  });

  it("promtool takes the rules, and every query of the dashboard", { skip: whyNot }, () => {
    const record = panelExpressions.map((expr, index) => ({
      record: `panel:${index}`,
      expr: expr.replaceAll("$instance", ".*"),
    }));
    const panels = join(folder, "panels.yaml");
    writeFileSync(panels, JSON.stringify({ groups: [{ name: "panels", rules: record }] }));
    for (const file of [rulesFile, panels]) {
      const { code, stdout, stderr } = runAtOnce("promtool", ["check", "rules", file]);
      assert.equal(code, 0, stdout + stderr);
    }
  });

  it("every alert has a runbook page, and every page an alert", () => {
    const pages = rules.map(({ alert, annotations }) => {
      const url = annotations["runbook_url"] ?? "";
      assert.match(url, /^https:\/\/portcullis\.dev\/docs\/runbooks\/[a-z-]+\.md$/, alert);
      const file = join(docs, "runbooks", basename(url));
      assert.ok(existsSync(file), `${alert}: ${file}`);
      const text = readFileSync(file, "utf8");
      for (const part of [alert, "## What it means for traffic", "## What to look at", "## What to do"])
        assert.ok(text.includes(part), `${file} has no "${part}"`);
      return basename(url);
    });
    assert.deepEqual(
      readdirSync(join(docs, "runbooks"))
        .filter((name) => name !== "README.md")
        .sort(),
      pages.toSorted(),
    );
  });

  it("every alert fires when it should, and not when it should not", { skip: whyNot, timeout: 60_000 }, () => {
    assert.deepEqual(alertCases.map(({ alert }) => alert).sort(), rules.map(({ alert }) => alert).sort());
    const tests = alertCases.flatMap(({ alert, minutes, fires, quiet }) =>
      [fires, quiet].map((series, index) => ({
        interval: "1m",
        input_series: Object.entries(series).map(([name, values]) => ({ series: name, values })),
        promql_expr_test: [
          {
            expr: `count by (alertname) (ALERTS{alertname="${alert}",alertstate="firing"})`,
            eval_time: `${minutes}m`,
            exp_samples: index === 0 ? [{ labels: `{alertname="${alert}"}`, value: 1 }] : [],
          },
        ],
      })),
    );
    const file = join(folder, "alerts.yaml");
    writeFileSync(file, JSON.stringify({ rule_files: [rulesFile], evaluation_interval: "1m", tests }));
    const { code, stdout, stderr } = runAtOnce("promtool", ["test", "rules", file]);
    assert.equal(code, 0, stdout + stderr);
  });
});
