import type { PortProtocol } from "../../../net/protocol.ts";
import type { ChainClause, PortRange } from "../../../ir/ruleset.ts";

/** Ports that the same clauses accept. */
export interface PortClass {
  /** Ascending, disjoint. */
  readonly ranges: readonly { readonly from: number; readonly to: number }[];
  /** In the order given. Never empty. */
  readonly clauses: readonly ChainClause[];
}

/** The clauses of one protocol, sorted by what they say about ports. */
export interface ProtocolClauses {
  /** For some ports only, in disjoint classes. */
  readonly classes: readonly PortClass[];
  /** For every port of the protocol. */
  readonly everyPort: readonly ChainClause[];
  /** (address, port) pairs. */
  readonly pairs: readonly ChainClause[];
}

const isEveryPort = (range: PortRange): boolean => range.from === 0 && range.to === 65535;

function rangesOf(clause: ChainClause, protocol: PortProtocol): readonly PortRange[] {
  const ports = clause.match.kind === "peers" ? clause.match.ports : null;
  return ports === null ? [] : ports.filter((range) => range.protocol === protocol);
}

/** Clauses without a port restriction belong to no protocol: they are not in the answer. */
export function clausesOfProtocol(clauses: readonly ChainClause[], protocol: PortProtocol): ProtocolClauses {
  const everyPort = clauses.filter((clause) => rangesOf(clause, protocol).some(isEveryPort));
  const some = clauses.filter((clause) => {
    const ranges = rangesOf(clause, protocol);
    return ranges.length > 0 && !ranges.some(isEveryPort);
  });
  const pairs = clauses.filter(({ match }) => match.kind === "pairs" && match.protocol === protocol);
  return { classes: portClasses(some, protocol), everyPort, pairs };
}

/** The ports of one protocol, where the order of clauses counts. */
export interface OrderedPorts {
  /** With all clauses that can match these ports, those for every port and every protocol too, in the order given. */
  readonly classes: readonly PortClass[];
  /** What can match the ports in no class. */
  readonly otherPorts: readonly ChainClause[];
}

/** Classes of ports as lists of their own, each of which holds all that counts for its ports. */
export function orderedByPort(clauses: readonly ChainClause[], protocol: PortProtocol): OrderedPorts {
  const { classes, everyPort, pairs } = clausesOfProtocol(clauses, protocol);
  const always = new Set([...everyPort, ...pairs]);
  const otherPorts = clauses.filter(
    (clause) => always.has(clause) || (clause.match.kind === "peers" && clause.match.ports === null),
  );
  const rank = new Map(clauses.map((clause, index) => [clause, index]));
  const inOrder = (list: readonly ChainClause[]): ChainClause[] =>
    [...list].sort((a, b) => (rank.get(a) ?? 0) - (rank.get(b) ?? 0));
  return {
    classes: classes.map((one) => ({ ranges: one.ranges, clauses: inOrder([...one.clauses, ...otherPorts]) })),
    otherPorts,
  };
}

interface Piece {
  readonly from: number;
  readonly to: number;
  readonly clauses: readonly ChainClause[];
}

/** Cuts the ports where any range begins or ends, and puts pieces with the same clauses together. */
function portClasses(clauses: readonly ChainClause[], protocol: PortProtocol): readonly PortClass[] {
  const edges = clauses.flatMap((clause, rank) =>
    rangesOf(clause, protocol).flatMap(({ from, to }) => [
      { at: from, rank, by: 1 },
      { at: to + 1, rank, by: -1 },
    ]),
  );
  edges.sort((a, b) => a.at - b.at);
  const pieces: Piece[] = [];
  const active = new Map<number, number>();
  let from = 0;
  for (const { at, rank, by } of edges) {
    if (at > from && active.size > 0) {
      const covering = [...active.keys()].sort((a, b) => a - b).flatMap((index) => clauses[index] ?? []);
      pieces.push({ from, to: at - 1, clauses: covering });
    }
    from = at;
    const depth = (active.get(rank) ?? 0) + by;
    if (depth === 0) active.delete(rank);
    else active.set(rank, depth);
  }
  return classesOf(pieces, clauses);
}

function classesOf(pieces: readonly Piece[], clauses: readonly ChainClause[]): readonly PortClass[] {
  const rank = new Map(clauses.map((clause, index) => [clause, index]));
  const classes = new Map<string, { ranges: { from: number; to: number }[]; clauses: readonly ChainClause[] }>();
  for (const piece of pieces) {
    const key = piece.clauses.map((clause) => rank.get(clause)).join(",");
    const entry = classes.get(key) ?? { ranges: [], clauses: piece.clauses };
    const last = entry.ranges.at(-1);
    if (last !== undefined && last.to + 1 === piece.from) last.to = piece.to;
    else entry.ranges.push({ from: piece.from, to: piece.to });
    classes.set(key, entry);
  }
  return [...classes.values()];
}
