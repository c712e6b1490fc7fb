import { hexMark } from "./generation.ts";
import { commentText } from "./names.ts";
import type { ElementData, Program, ProgramChain, ProgramCounter, ProgramSet, Rule } from "./program.ts";
import type { KeyField, Statement, Verdict } from "./statement.ts";

/** What people know an element by (a pod's name), by element key: printed beside it. */
export type ElementNotes = ReadonlyMap<string, string>;

const keyText: Readonly<Record<KeyField, string>> = {
  client4: "ct original ip saddr",
  client6: "ct original ip6 saddr",
  backend4: "ct reply ip saddr",
  backend6: "ct reply ip6 saddr",
  "backend-port": "ct reply proto-src",
  source4: "ip saddr",
  source6: "ip6 saddr",
  destination4: "ip daddr",
  destination6: "ip6 daddr",
  "icmpv6-type": "icmpv6 type",
};

const protocolText = new Map([
  [1, "icmp"],
  [6, "tcp"],
  [17, "udp"],
  [58, "ipv6-icmp"],
  [132, "sctp"],
]);

const tcpFlagText = ["fin", "syn", "rst", "psh", "ack", "urg"];

function tcpFlags(bits: number): string {
  return tcpFlagText.filter((_, bit) => (bits >> bit) & 1).join(" | ");
}

const key = (fields: readonly KeyField[]): string => fields.map((field) => keyText[field]).join(" . ");

export function verdictText(verdict: Verdict): string {
  return verdict.kind === "jump" || verdict.kind === "goto" ? `${verdict.kind} ${verdict.chain}` : verdict.kind;
}

const limitText = ({ perSecond, burst }: { readonly perSecond: number; readonly burst: number }): string =>
  `limit rate ${perSecond}/second burst ${burst} packets`;

/** One statement as nft 1.0.6 reads it. */
export function statementText(statement: Statement): string {
  switch (statement.kind) {
    case "ct-mark":
      return `ct mark & ${hexMark(statement.mask)} ${statement.operator} ${hexMark(statement.value)}`;
    case "ct-mark-lookup":
      return `ct mark & ${hexMark(statement.mask)} @${statement.set}`;
    case "set-ct-mark":
      return statement.value === 0
        ? `ct mark set ct mark & ${hexMark(statement.keep)}`
        : `ct mark set ct mark & ${hexMark(statement.keep)} | ${hexMark(statement.value)}`;
    case "ct-state":
      return `ct state ${statement.states.join(",")}`;
    case "ct-direction":
      return `ct direction ${statement.direction}`;
    case "ct-status-dnat":
      return "ct status dnat";
    case "nfproto":
      return `meta nfproto ipv${statement.family}`;
    case "l4proto":
      return `meta l4proto ${protocolText.get(statement.protocol) ?? String(statement.protocol)}`;
    case "tcp-flags":
      return `tcp flags & (${tcpFlags(statement.mask)}) ${statement.operator} ${tcpFlags(statement.value)}`;
    case "loopback":
      return `${statement.interface} lo`;
    case "source-is-local":
      return "fib saddr type local";
    case "lookup":
      return `${key(statement.key)} @${statement.set}`;
    case "verdict-map":
      return `${key(statement.key)} vmap @${statement.map}`;
    case "counter-map":
      return `counter name ${key(statement.key)} map @${statement.map}`;
    case "backend-port":
      return statement.from === statement.to
        ? `ct reply proto-src ${statement.from}`
        : `ct reply proto-src ${statement.from}-${statement.to}`;
    case "header-port":
      return `th ${statement.end === "source" ? "sport" : "dport"} ${statement.port}`;
    case "queue":
      return `queue flags bypass to ${statement.queue}`;
    case "counter":
      return `counter name "${statement.name}"`;
    case "reject-tcp-reset":
      return "reject with tcp reset";
    case "limit-each":
      return `update @${statement.set} { ${key(statement.key)} ${limitText(statement)} }`;
    case "limit":
      return limitText(statement);
    case "log":
      return `log prefix "${statement.prefix}" group ${statement.group} snaplen ${statement.snaplen}`;
    case "foreign":
      return `<not ours: ${commentText(statement.expressions)}>`;
    case "verdict":
      return verdictText(statement.verdict);
  }
}

const quotedComment = (comment: string | null): string => (comment === null ? "" : ` comment "${comment}"`);

/** A rule on one line. Two rules are the same exactly if their texts are. */
export function ruleText(rule: Rule): string {
  return rule.statements.map(statementText).join(" ") + quotedComment(rule.comment);
}

function dataText(data: ElementData): string {
  if (data === null) return "";
  return ` : ${typeof data === "string" ? `"${data}"` : verdictText(data)}`;
}

/** Two elements of one set are the same exactly if their texts are. */
export function elementText(elementKey: string, data: ElementData): string {
  return `${elementKey}${dataText(data)}`;
}

/** How it is declared, without elements: two sets can hold the same exactly if these texts are the same. */
export function setHead(set: ProgramSet): string {
  const type = `type ${set.key.join(" . ")}${set.data === "none" ? "" : ` : ${set.data}`};`;
  const size = set.size === null ? "" : ` size ${set.size};`;
  const lifetime = set.lifetime === undefined ? "" : ` flags dynamic,timeout; timeout ${set.lifetime}s;`;
  const learned = set.learned === true ? " flags timeout;" : "";
  return `${type}${set.interval ? " flags interval;" : ""}${size}${lifetime}${learned}`;
}

export function isMap(set: ProgramSet): boolean {
  return set.data !== "none";
}

function elementLines(set: ProgramSet, notes: ElementNotes): string[] {
  if (set.elements.size === 0) return [];
  const lines = [...set.elements].map(([elementKey, data], index) => {
    const note = notes.get(elementKey);
    const comma = index + 1 < set.elements.size ? "," : "";
    return `\t\t\t${elementText(elementKey, data)}${comma}${note === undefined ? "" : ` # ${note}`}`;
  });
  return ["\t\telements = {", ...lines, "\t\t}"];
}

function setLines(set: ProgramSet, notes: ElementNotes): string[] {
  const comment = set.comment === null ? [] : [`\t\tcomment "${set.comment}"`];
  const head = `\t${isMap(set) ? "map" : "set"} ${set.name} {`;
  return [head, `\t\t${setHead(set)}`, ...comment, ...elementLines(set, notes), "\t}"];
}

function counterLine(counter: ProgramCounter): string {
  return `\tcounter ${counter.name} {${quotedComment(counter.comment)} }`;
}

function chainLines(chain: ProgramChain): string[] {
  const priority = chain.priority ?? "filter";
  const hook = chain.hook === null ? [] : [`\t\ttype filter hook ${chain.hook} priority ${priority}; policy accept;`];
  return [`\tchain ${chain.name} {`, ...hook, ...chain.rules.map((rule) => `\t\t${ruleText(rule)}`), "\t}"];
}

/**
 * The program as a script that `nft -f` loads into an empty kernel. For people and tests: the kernel itself is
 * programmed by netlink (docs/decisions/0004-netlink-for-everything.md); a test holds the two against each other.
 */
export function programText(program: Program, notes: ElementNotes = new Map()): string {
  const lines = [
    `table inet ${program.table} {`,
    ...[...program.counters.values()].map(counterLine),
    ...[...program.sets.values()].flatMap((set) => setLines(set, notes)),
    ...[...program.chains.values()].flatMap(chainLines),
    "}",
  ];
  return `${lines.join("\n")}\n`;
}
