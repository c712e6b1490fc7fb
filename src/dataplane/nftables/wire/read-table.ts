import { isDeepStrictEqual } from "node:util";
import { type Span, attributesOf, textOf, u32Of } from "../../../system/netlink/attributes.ts";
import type { ElementKey, Program, ProgramChain, ProgramCounter, ProgramSet, Rule } from "../program.ts";
import { type CounterValue, isAnonymousSet, readChain, readCounter, readSet } from "./decode.ts";
import { eachTimeLeft, elementReader } from "./decode-elements.ts";
import { readRule } from "./decode-rule.ts";
import type { DumpOutcome, Dumper } from "./dump.ts";
import * as nf from "./numbers.ts";
import { failedRequest } from "./refusal.ts";

const TABLE = 1;
const FLAGS = 2;
const ELEMENT_SET = 2;
const rounds = 20;

/** What the kernel holds of our table. */
export interface TableContent extends Program {
  /** Somebody put it to sleep (`flags dormant`): nothing in it has any effect. The operation `add-table` wakes it. */
  readonly dormant: boolean;
  /** The generation of all nf_tables of the network namespace at the time. */
  readonly generation: number;
}

type Reading = (buffer: Buffer, attributes: ReadonlyMap<number, Span>) => void;

/** All its functions give false where a dump ended early; `disturbed` tells whether any was. */
function createReading(dumper: Dumper, table: string) {
  let disturbed = false;
  const noted = (outcome: DumpOutcome): boolean => {
    disturbed ||= outcome === "disturbed";
    return outcome !== "broken";
  };

  const all = (what: string, type: number, visit: Reading): boolean =>
    noted(
      dumper.dump(what, type, [[TABLE, table]], (buffer, start, end) => {
        const attributes = attributesOf(buffer, { start, end });
        // Kernels filter dumps of chains by nothing, of the rest by table.
        if (textOf(buffer, attributes.get(TABLE)) === table) visit(buffer, attributes);
      }),
    );

  const chains = (into: Map<string, ProgramChain>): boolean => {
    const rules = new Map<string, Rule[]>();
    return (
      all("list chains", nf.GETCHAIN, (buffer, attributes) => {
        const { chain, foreign } = readChain(buffer, attributes);
        const list: Rule[] =
          foreign === null ? [] : [{ statements: [{ kind: "foreign", expressions: foreign }], comment: null }];
        rules.set(chain.name, list);
        into.set(chain.name, { ...chain, rules: list });
      }) &&
      all("list rules", nf.GETRULE, (buffer, attributes) => {
        rules.get(textOf(buffer, attributes.get(2)) ?? "")?.push(readRule(buffer, attributes));
      })
    );
  };

  const sets = (into: Map<string, ProgramSet>): boolean => {
    const shapes: Omit<ProgramSet, "elements">[] = [];
    const listed = all("list sets", nf.GETSET, (buffer, attributes) => {
      if (!isAnonymousSet(buffer, attributes)) shapes.push(readSet(buffer, attributes));
    });
    if (!listed) return false;
    return shapes.every((shape) => {
      if (shape.lifetime !== undefined || shape.learned === true) {
        into.set(shape.name, { ...shape, elements: new Map() });
        return true;
      }
      const reader = elementReader(shape);
      const names = [
        [TABLE, table],
        [ELEMENT_SET, shape.name],
      ] as const;
      const what = `list elements of ${shape.name}`;
      if (!noted(dumper.dump(what, nf.GETSETELEM, names, (...element) => reader.take(...element)))) return false;
      into.set(shape.name, { ...shape, elements: reader.finish() });
      return true;
    });
  };

  const counters = (visit: (counter: ProgramCounter, value: CounterValue) => void): boolean =>
    all("list counters", nf.GETOBJ, (buffer, attributes) => {
      const found = readCounter(buffer, attributes);
      if (found !== null) visit(found.counter, found.value);
    });

  return { chains, sets, counters, isDisturbed: () => disturbed };
}

interface Attempt {
  readonly content: TableContent;
  /** Somebody's transaction came between, so it may not be what the table ever held. */
  readonly disturbed: boolean;
}

/** One attempt; null: it ended early. */
function readOnce(dumper: Dumper, table: string): Attempt | "gone" | null {
  const generation = dumper.generation();
  let dormant = false;
  const exists = dumper.get("look up", nf.GETTABLE, [[TABLE, table]], (buffer, start, end) => {
    dormant = ((u32Of(buffer, attributesOf(buffer, { start, end }).get(FLAGS)) ?? 0) & 1) !== 0;
  });
  if (!exists) return "gone";
  const chains = new Map<string, ProgramChain>();
  const sets = new Map<string, ProgramSet>();
  const counters = new Map<string, ProgramCounter>();
  const reading = createReading(dumper, table);
  const whole =
    reading.chains(chains) && reading.sets(sets) && reading.counters((counter) => counters.set(counter.name, counter));
  if (!whole) return null;
  const disturbed = reading.isDisturbed() || dumper.generation() !== generation;
  return { content: { table, chains, sets, counters, dormant, generation }, disturbed };
}

/** Whether two readings found the same, whatever the generation. */
function agree(a: TableContent, b: TableContent): boolean {
  return isDeepStrictEqual({ ...a, generation: 0 }, { ...b, generation: 0 });
}

/**
 * Everything in the table as of one moment; null: there is no such table. The kernel cannot tell our table's changes
 * from those of others in the namespace, and a busy neighbour makes some before a large table is read: where every
 * reading is disturbed, two in a row that agree are believed.
 */
export function readTable(dumper: Dumper, table: string): TableContent | null {
  let last: TableContent | null = null;
  for (let round = 0; round < rounds; round += 1) {
    const attempt = readOnce(dumper, table);
    if (attempt === "gone") return null;
    if (attempt === null) continue;
    const { content, disturbed } = attempt;
    if (!disturbed || (last !== null && agree(last, content))) return content;
    last = content;
  }
  throw failedRequest(
    table,
    `read: nf_tables of this network namespace changed during each of ${rounds} readings`,
    "EINTR",
  );
}

/** Values of all counters by name; empty where there is no table. */
export function readCounters(dumper: Dumper, table: string): ReadonlyMap<string, CounterValue> {
  const values = new Map<string, CounterValue>();
  // Values move all the time anyway: what a changing table may leave out is asked again, but not for ever.
  for (let round = 0; round < 3; round += 1) {
    values.clear();
    const reading = createReading(dumper, table);
    if (reading.counters((counter, value) => values.set(counter.name, value)) && !reading.isDisturbed()) break;
  }
  return values;
}

/** The milliseconds that elements of a set will last; empty where there is no such set. */
export function readTimesLeft(dumper: Dumper, table: string, set: ProgramSet): ReadonlyMap<ElementKey, number> {
  const names = [
    [TABLE, table],
    [ELEMENT_SET, set.name],
  ] as const;
  const found = new Map<ElementKey, number>();
  for (let round = 0; round < rounds; round += 1) {
    found.clear();
    const outcome = dumper.dump(`list elements of ${set.name}`, nf.GETSETELEM, names, (...span) =>
      eachTimeLeft(set, ...span, (key, left) => found.set(key, left)),
    );
    if (outcome === "whole") break;
  }
  return found;
}

/** The handles of a chain's rules, in order. */
export function readRuleHandles(dumper: Dumper, table: string, chain: string): readonly bigint[] {
  const names = [
    [TABLE, table],
    [2, chain],
  ] as const;
  for (let round = 0; round < rounds; round += 1) {
    const handles: bigint[] = [];
    const outcome = dumper.dump(`list rules of ${chain}`, nf.GETRULE, names, (buffer, start, end) => {
      const attributes = attributesOf(buffer, { start, end });
      const handle = attributes.get(3);
      if (handle !== undefined && textOf(buffer, attributes.get(2)) === chain)
        handles.push(buffer.readBigUInt64BE(handle.start));
    });
    if (outcome === "whole") return handles;
  }
  return [];
}
