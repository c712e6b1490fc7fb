import type { Flow, FlowEnd, FlowReason } from "../observe/flow.ts";
import { printable } from "../observe/printable.ts";

const reasonTexts: Readonly<Record<FlowReason, string>> & Readonly<Record<string, string>> = {
  isolated: "isolated by",
  admin: "denied by",
  baseline: "denied by",
  default: "the default verdict is deny",
  unknown: "an address of the pod range that is no known pod's",
  untracked: "connection tracking does not know it",
};

function endText({ address, namespace, pod, port }: FlowEnd, withPort: boolean): string {
  const name = pod === null ? address : `${namespace}/${pod}`;
  if (!withPort || port === null) return name;
  return pod === null && address.includes(":") ? `[${name}]:${port}` : `${name}:${port}`;
}

function whyText({ reason, policies, rule, verdict }: Flow): string {
  // An agent of another version may know more reasons.
  const why = verdict === "audit-allowed" ? "would be allowed by" : (reasonTexts[reason] ?? reason);
  if (policies.length === 0) return why.replace(/ by$/, " by a policy");
  const names = policies.slice(0, 3).join(", ") + (policies.length > 3 ? ` and ${policies.length - 3} more` : "");
  return `${why} ${names}${rule === null ? "" : ` rule ${rule}`}`;
}

/** Columns grow with what they have shown, up to here: a long name moves one line, not all that follow. */
const widest = 48;

/** Gives each flow as one line for a person, in columns that settle as they go. Safe to print. */
export function createFlowTable(showNode: boolean): (flow: Flow) => string {
  const widths: number[] = [];
  const pad = (text: string, column: number): string => {
    const width = Math.max(widths[column] ?? 0, Math.min(text.length, widest));
    widths[column] = width;
    return text.padEnd(width);
  };
  return (flow) => {
    const cells = [
      flow.time.slice(11),
      ...(showNode ? [flow.node] : []),
      flow.verdict,
      flow.direction ?? "-",
      flow.protocol,
      endText(flow.from, false),
      "->",
      endText(flow.to, true),
    ].map((cell, column) => pad(printable(cell, 200), column));
    return `${cells.join("  ")}  ${printable(whyText(flow), 600)}\n`;
  };
}

/** What can stand in a command line as it is, whoever chose the name. */
const isPlain = (text: string): boolean => /^[a-z0-9][a-z0-9.:/-]*$/i.test(text);

/** The command that explains a denial at length; null where it cannot be asked for. */
export function explainCommand(program: string, flow: Flow): string | null {
  const from = endText(flow.from, false);
  const to = endText(flow.to, false);
  const protocol = /^[0-9]+$/.test(flow.protocol) ? flow.protocol : flow.protocol.replace("ICMPv6", "ICMP");
  if (flow.direction === null || ![from, to, protocol].every(isPlain)) return null;
  const port = flow.to.port === null ? "" : ` --port ${flow.to.port}`;
  return `${program} explain --from ${from} --to ${to} --protocol ${protocol}${port}`;
}
