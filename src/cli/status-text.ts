import type { AgentStatus } from "../agent/status/agent-status.ts";
import type { Denied } from "../agent/kernel-counters.ts";
import { printable } from "../observe/printable.ts";
import type { ClusterStatus } from "./status-of-cluster.ts";

/** Rows as columns of one width each; the last one is as long as it is. Texts may come from anywhere. */
function table(rows: readonly (readonly string[])[]): string {
  const shown = rows.map((row) => row.map((cell) => printable(cell, 300)));
  const widths = (shown[0] ?? []).map((_, column) => Math.max(...shown.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd();
  return shown.map((row) => `${line(row)}\n`).join("");
}

const sum = ({ ingress, egress, none }: Denied): number => ingress + egress + none;

const deniedText = (one: Denied, five: Denied): string =>
  `${sum(one)} packets in the last minute, ${sum(five)} in the last five ` +
  `(ingress ${five.ingress}, egress ${five.egress}, neither ${five.none})`;

const versionText = (generation: number | null, resourceVersion: string | null): string =>
  resourceVersion === null ? "-" : `${generation ?? 0} (${resourceVersion})`;

/** Seconds, as a person reads them. */
const secondsText = (seconds: number): string => (seconds === 0 ? "none" : `${seconds.toFixed(1)} s`);

function sourceText({ source }: AgentStatus): string {
  if (source === null) return "a folder";
  const heard = source.lastHeard === null ? "never heard" : `last heard ${source.lastHeard}`;
  return source.connected ? `the API server, connected, ${heard}` : `NOT connected: ${source.reason ?? "?"}, ${heard}`;
}

/** What is known of domain names; an agent of an earlier version does not tell. */
function namesText({ names }: AgentStatus): string | null {
  if (names === null || (names?.patterns ?? 0) === 0) return null;
  const known = `${names.patterns} names and wildcards in policies, ${names.addresses} addresses learned`;
  return names.listening ? known : `NOT learned from DNS answers now (the log says why): ${known}`;
}

export function nodeStatusText(status: AgentStatus): string {
  const { enforced, policies, errors } = status;
  const names = namesText(status);
  const digest = enforced === null ? "nothing yet" : `${enforced.digest.slice(0, 12)} since ${enforced.at}`;
  const facts = [
    ["node", status.node],
    ["agent", `${status.version}, ${status.dataplane}${status.layout === null ? "" : `, layout ${status.layout}`}`],
    ["ready", status.ready ? "yes" : `NO: ${status.reason ?? "?"}`],
    ...(status.degraded === null ? [] : [["degraded", status.degraded]]),
    ["source", sourceText(status)],
    ["in force", digest],
    ["lag", secondsText(status.lagSeconds)],
    ["denied", deniedText(status.denied.lastMinute, status.denied.lastFiveMinutes)],
    ["repairs", String(status.repairs)],
    ...(names === null ? [] : [["names", names]]),
    ...(status.exemptNamespaces.length === 0 ? [] : [["exempt", `namespaces ${status.exemptNamespaces.join(", ")}`]]),
  ];
  const rows = policies.map((policy) => [
    policy.id,
    policy.state,
    versionText(policy.generation, policy.resourceVersion),
    versionText(policy.inForce?.generation ?? null, policy.inForce?.resourceVersion ?? null),
    String(policy.pods),
    policy.message ?? "",
  ]);
  const more = status.policiesOmitted > 0 ? `… ${status.policiesOmitted} more policies\n` : "";
  const others = errors.filter(({ object }) => !policies.some(({ id }) => id === object));
  const problems = others.map(({ object, message }) => `${printable(object, 300)}: ${printable(message, 500)}\n`);
  const header = ["POLICY", "STATE", "READ", "IN FORCE", "PODS", "MESSAGE"];
  const list = rows.length === 0 ? "no policies\n" : table([header, ...rows]);
  return `${table(facts)}\n${list}${more}${problems.length === 0 ? "" : `\nnot valid:\n${problems.join("")}`}`;
}

export function clusterStatusText(status: ClusterStatus): string {
  const { nodes } = status;
  const without = (nodes.total ?? 0) - nodes.agents;
  const facts = [
    ["agents", `${nodes.answered} of ${nodes.agents} answer, ${nodes.ready} ready, ${nodes.degraded} degraded`],
    ...(without > 0 ? [["no agent", `runs on ${without} nodes of the cluster`]] : []),
    ["lag", secondsText(status.lagSeconds)],
    ["denied", deniedText(status.denied.lastMinute, status.denied.lastFiveMinutes)],
    ["repairs", String(status.repairs)],
  ];
  const rows = status.policies.map((policy) => [
    policy.id,
    policy.state,
    versionText(policy.generation, policy.resourceVersion),
    `${policy.nodesInForce}/${policy.nodes}`,
    String(policy.pods),
    policy.message ?? (policy.behind.length === 0 ? "" : `not yet on ${policy.behind.join(", ")}`),
  ]);
  const troubled = status.agents.filter(({ error, ready, degraded }) => error !== null || !ready || degraded !== null);
  const lines = troubled.map(
    ({ node, error, reason, degraded }) =>
      `${printable(node, 253)}: ${printable(error ?? reason ?? degraded ?? "?", 500)}\n`,
  );
  const header = ["POLICY", "STATE", "VERSION", "NODES", "PODS", "MESSAGE"];
  const list = rows.length === 0 ? "no policies\n" : table([header, ...rows]);
  const more = status.policiesOmitted > 0 ? `… ${status.policiesOmitted} more policies\n` : "";
  return `${table(facts)}\n${list}${more}${lines.length === 0 ? "" : `\nnodes:\n${lines.join("")}`}`;
}
