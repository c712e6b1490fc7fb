import type { Command } from "commander";
import { Option } from "commander";
import type { ExplainedEnd, ExplainedPart, Explanation, Selecting } from "../evaluate/explain.ts";
import { explain } from "../evaluate/explain.ts";
import { formatTarget } from "../evaluate/mismatch.ts";
import { readQuery } from "../evaluate/query.ts";
import type { Passed } from "../evaluate/walk.ts";
import { createResolver } from "../evaluate/resolve.ts";
import { asciiJson } from "../kube/ascii-json.ts";
import { printable } from "../observe/printable.ts";
import { exitCodes, InputError, UsageError } from "./exit.ts";
import type { ObjectOptions, VerdictOptions } from "./input.ts";
import { addObjectOptions, addVerdictOptions, readObjects } from "./input.ts";
import { writeOut } from "./output.ts";

interface ExplainOptions extends ObjectOptions, VerdictOptions {
  readonly from: string;
  readonly to: string;
  readonly protocol: string;
  readonly port?: string;
  readonly family?: string;
  readonly output: "text" | "json";
}

function endText({ address, pod, node, domain }: ExplainedEnd): string {
  if (domain !== null) return `dns/${domain}`;
  if (pod !== null) return `${pod} (${address})`;
  return node === null ? `${address}` : `node/${node} (${address})`;
}

function selectingText({ policy, tier, mode, priority, asked }: Selecting): string {
  const order = priority === null ? [] : [`priority ${priority}`];
  const tierWords = tier === "networkpolicy" ? [] : [`${tier} tier`, ...order];
  const notAsked = asked ? [] : ["not asked: it is decided before"];
  const notes = [...tierWords, ...(mode === "audit" ? ["audit: does not count"] : notAsked)];
  return notes.length === 0 ? policy : `${policy} (${notes.join(", ")})`;
}

const whereTo: Readonly<Record<Passed["to"], string>> = {
  networkpolicy: "the NetworkPolicies",
  baseline: "the Baseline tier",
  default: "the default verdict",
};

const ruleText = ({ policy, rule, ruleName }: { policy: string; rule: number; ruleName?: string }): string =>
  `${policy} rule ${rule}${ruleName === undefined ? "" : ` (${ruleName})`}`;

function partLines(title: string, part: ExplainedPart, isStanding: boolean): readonly string[] {
  const { subject, verdict, reason, selectedBy, passed, nearest, notes } = part;
  const lines = ["", `${title}${subject === null ? "" : ` of ${subject}`}: ${verdict}`, `  ${reason}`];
  lines.push(...notes.map((note) => `  note: ${note}`));
  if (selectedBy.length > 0)
    lines.push(selectedBy.length === 1 ? "  selected by:" : "  selected by, as they are asked:");
  lines.push(...selectedBy.map((one) => `    ${selectingText(isStanding ? { ...one, asked: true } : one)}`));
  lines.push(...passed.map((one) => `  passed on by ${ruleText(one)}, to ${whereTo[one.to]}`));
  if (nearest.length > 0) lines.push("  rules that came nearest:");
  for (const rule of nearest) {
    lines.push(
      `    ${ruleText(rule)}${rule.action === "pass" ? ", which would pass it on" : ""}`,
      ...rule.mismatches.map(({ text }) => `      - ${text}`),
    );
  }
  return lines;
}

/** The report of `-o json`. */
export function explanationReport(explanation: Explanation) {
  return { apiVersion: "portcullis.dev/v1", kind: "Explanation", ...explanation } as const;
}

/** The same for a person. Safe to print. */
export function explanationText(explanation: Explanation): string {
  const { verdict, from, to, protocol, port, egress, ingress } = explanation;
  const target = formatTarget({ protocol: protocol as "TCP", port: port ?? 0 });
  const lines = [
    `${verdict}: ${endText(from)} to ${endText(to)}, ${target}`,
    ...partLines("egress", egress, egress.tier === "none"),
    ...partLines("ingress", ingress, ingress.tier === "none"),
  ];
  return `${lines.map((line) => printable(line, 2000)).join("\n")}\n`;
}

/** A flag's text as the number that a query would hold; what is no number is left for the query's reader to refuse. */
const numeral = (text: string | undefined): unknown =>
  text !== undefined && /^[0-9]{1,5}$/.test(text) ? Number(text) : text;

async function run(options: ExplainOptions): Promise<void> {
  const { from, to, protocol } = options;
  const query = readQuery({ from, to, protocol, port: numeral(options.port), family: numeral(options.family) });
  if ("error" in query) throw new UsageError(query.error);
  const read = await readObjects(options);
  const connection = createResolver(read.cluster, read.workloads).resolve(query);
  if ("error" in connection) throw new InputError(connection.error);
  const explanation = explain(read.cluster, connection, options);
  if (options.output === "text") await writeOut(explanationText(explanation));
  else await writeOut(`${asciiJson(explanationReport(explanation), 2)}\n`);
  const byVerdict = explanation.verdict === "allow" ? exitCodes.yes : exitCodes.no;
  process.exitCode = read.findings.length > 0 ? exitCodes.unreadable : byVerdict;
}

/** `portcullis explain`: one connection, for a person. */
export function registerExplain(program: Command): void {
  const command = program
    .command("explain")
    .description("tell why policy allows or denies one connection")
    .requiredOption("--from <end>", "NAMESPACE/POD, NAMESPACE/KIND/NAME, node/NAME or an address")
    .requiredOption("--to <end>", "the same, NAMESPACE/svc/NAME or dns/NAME")
    .option("--protocol <protocol>", "TCP, UDP, SCTP, ICMP or a number", "TCP")
    .option("--port <number>", "of the destination, or of the Service")
    .option("--family <number>", "4 or 6, where both ends have both")
    .addOption(new Option("-o, --output <format>", "how to print it").choices(["text", "json"]).default("text"));
  addVerdictOptions(addObjectOptions(command)).action(run);
}
