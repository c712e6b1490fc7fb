import type { ElementData, Program, ProgramSet } from "../../src/dataplane/nftables/program.ts";
import type { ConntrackState, KeyField, Statement, Verdict } from "../../src/dataplane/nftables/statement.ts";
import { addressValue, familyOf, type Address } from "../../src/net/address.ts";

/** A packet with its conntrack entry, as far as our rules can see it. */
export interface Packet {
  readonly hook: "forward" | "input" | "output";
  readonly client: Address;
  readonly backend: Address;
  /** IP protocol number. */
  readonly protocol: number;
  readonly port: number;
  readonly state: ConntrackState;
  readonly direction: "original" | "reply";
  readonly isTranslated: boolean;
  readonly tcpFlags: number;
  readonly mark: number;
}

export interface Outcome {
  readonly verdict: "accept" | "drop" | "reset";
  readonly mark: number;
  /** Counters that counted it, in order. */
  readonly counters: readonly string[];
  /** What was logged about it, as if nothing had been lately. */
  readonly logs: readonly string[];
}

/** What the program does with the packet: the kernel's rule walk, in the plainest way. */
export function walk(program: Program, packet: Packet): Outcome {
  const walker = new Walker(program, packet);
  for (const chain of program.chains.values()) {
    if (chain.hook !== packet.hook) continue;
    const verdict = walker.chain(chain.name);
    if (verdict !== null) return { verdict, ...walker.seen() };
  }
  return { verdict: "accept", ...walker.seen() };
}

class Walker {
  mark: number;
  readonly #counters: string[] = [];
  readonly #logs: string[] = [];
  readonly #program: Program;
  readonly #packet: Packet;

  constructor(program: Program, packet: Packet) {
    this.#program = program;
    this.#packet = packet;
    this.mark = packet.mark;
  }

  seen(): Omit<Outcome, "verdict"> {
    return { mark: this.mark, counters: this.#counters, logs: this.#logs };
  }

  /** Null: fell off its end or returned. */
  chain(name: string): Outcome["verdict"] | null {
    const chain = this.#program.chains.get(name);
    if (chain === undefined) throw new Error(`a jump to ${name}, which does not exist`);
    for (const { statements } of chain.rules) {
      const outcome = this.#rule(statements);
      if (outcome === "next") continue;
      if (typeof outcome === "string") return outcome;
      switch (outcome.kind) {
        case "accept":
        case "drop":
          return outcome.kind;
        case "return":
          return null;
        case "goto":
          return this.chain(outcome.chain);
        case "jump": {
          const inner = this.chain(outcome.chain);
          if (inner !== null) return inner;
        }
      }
    }
    return null;
  }

  #rule(statements: readonly Statement[]): "next" | "reset" | Verdict {
    for (const statement of statements) {
      if (statement.kind === "verdict") return statement.verdict;
      if (statement.kind === "reject-tcp-reset") return "reset";
      if (statement.kind === "verdict-map") {
        const verdict = this.#find(statement.map, statement.key);
        if (verdict !== undefined && verdict !== null && typeof verdict === "object") return verdict;
        return "next";
      }
      if (!this.#matches(statement)) return "next";
    }
    return "next";
  }

  #matches(statement: Exclude<Statement, { kind: "verdict" | "reject-tcp-reset" | "verdict-map" }>): boolean {
    const packet = this.#packet;
    const tracked = packet.state !== "invalid" && packet.state !== "untracked";
    switch (statement.kind) {
      case "ct-mark":
        return tracked && ((this.mark & statement.mask) >>> 0 === statement.value) === (statement.operator === "==");
      case "ct-mark-lookup":
        return tracked && this.#set(statement.set).elements.has(hex((this.mark & statement.mask) >>> 0));
      case "set-ct-mark":
        this.mark = ((this.mark & statement.keep) | statement.value) >>> 0;
        return true;
      case "ct-state":
        return statement.states.includes(packet.state);
      case "ct-direction":
        return tracked && packet.direction === statement.direction;
      case "ct-status-dnat":
        return packet.isTranslated;
      case "nfproto":
        return familyOf(packet.client) === statement.family;
      case "l4proto":
        return packet.protocol === statement.protocol;
      case "tcp-flags":
        return ((packet.tcpFlags & statement.mask) === statement.value) === (statement.operator === "==");
      case "lookup":
        return this.#find(statement.set, statement.key) !== undefined;
      case "counter-map": {
        const counter = this.#find(statement.map, statement.key);
        if (typeof counter !== "string") return false;
        this.#counters.push(counter);
        return true;
      }
      case "backend-port":
        return tracked && statement.from <= packet.port && packet.port <= statement.to;
      case "header-port":
      case "queue":
        return false;
      case "counter":
        this.#counters.push(statement.name);
        return true;
      case "limit":
        return true;
      case "limit-each":
        this.#set(statement.set);
        return statement.key.every((field) => this.#value(field) !== null);
      case "log":
        this.#logs.push(statement.prefix);
        return true;
      case "loopback":
      case "source-is-local":
      case "foreign":
        return false;
    }
  }

  #set(name: string): ProgramSet {
    const set = this.#program.sets.get(name);
    if (set === undefined) throw new Error(`a lookup in ${name}, which does not exist`);
    return set;
  }

  #find(name: string, key: readonly KeyField[]): ElementData | undefined {
    const values = key.map((field) => this.#value(field));
    if (values.includes(null)) return undefined;
    const set = this.#set(name);
    const text = values.join(" . ");
    return set.interval ? inInterval(set, text) : set.elements.get(text);
  }

  /** Null: the packet has no such field, which ends the rule. */
  #value(field: KeyField): string | null {
    const { client, backend, port, direction, state, protocol } = this.#packet;
    const family = familyOf(client);
    const tracked = state !== "invalid" && state !== "untracked";
    const ofFamily = (address: Address, wanted: string, need = true): string | null =>
      need && String(family) === wanted ? address : null;
    const wanted = field.slice(-1);
    const [source, destination] = direction === "original" ? [client, backend] : [backend, client];
    if (field.startsWith("client")) return ofFamily(client, wanted, tracked);
    if (field === "backend-port") return tracked ? String(port) : null;
    if (field.startsWith("backend")) return ofFamily(backend, wanted, tracked);
    if (field.startsWith("source")) return ofFamily(source, wanted);
    if (field.startsWith("destination")) return ofFamily(destination, wanted);
    return protocol === 58 ? String(port) : null;
  }
}

const hex = (value: number): string => `0x${value.toString(16).padStart(8, "0")}`;

function inInterval(set: ProgramSet, text: string): ElementData | undefined {
  const number = (value: string): bigint =>
    set.key[0] === "inet_service" ? BigInt(value) : addressValue(value as Address);
  const value = number(text);
  for (const [key, data] of set.elements) {
    const [low = "", high = low] = key.split("-");
    if (number(low) <= value && value <= number(high)) return data;
  }
  return undefined;
}
