import { setImmediate as nextTurn } from "node:timers/promises";
import type { Address } from "../../net/address.ts";
import type { LabPlan } from "../plan/plan.ts";
import { startExchange, type Exchange, type Reception } from "./exchange.ts";
import { forgetConversation } from "./forget.ts";
import { Listeners } from "./listeners.ts";
import { Poller } from "./poller.ts";
import type { Probe, ProbeResult } from "./probe.ts";

/** A probe is denied when nothing comes back for so long (cli.md). */
const patience = 500;
/** Packets of protocols that do not send again by themselves are repeated, since any one may get lost. */
const repeatAfter = [120, 260];
const most = 200;
/** Each may need a listener of its own; with so many, a process stays within what it may open. */
const sliceSize = 1500;

interface Flight {
  readonly index: number;
  readonly probe: Probe;
  readonly exchange: Exchange;
  readonly started: number;
  repeats: number;
}

/** Sends probes between the hosts of a lab and tells which were answered. */
export class Prober {
  readonly #poller = new Poller();
  readonly #listeners = new Listeners(this.#poller);
  readonly #holders: ReadonlyMap<Address, string>;
  readonly #nodes: readonly string[];
  readonly #flights = new Set<Flight>();

  constructor(plan: LabPlan) {
    this.#holders = plan.holders;
    this.#nodes = plan.namespaces.filter(({ role }) => role === "node").map(({ name }) => name);
  }

  #namespaceOf(address: Address): string {
    const name = this.#holders.get(address);
    if (name === undefined) throw new Error(`nobody in the lab has the address ${address}`);
    return name;
  }

  #listen(probes: readonly Probe[]): void {
    if (this.#listeners.count + probes.length > 2 * sliceSize) this.#listeners.closeAll();
    for (const { answeredBy, protocol } of probes) {
      this.#listeners.open(this.#namespaceOf(answeredBy.address), answeredBy.address, protocol, answeredBy.port);
    }
  }

  /**
   * Sends all probes, many at a time; gives their results in their order. Throws where an address or port cannot be
   * sent from or listened on.
   */
  async run(probes: readonly Probe[]): Promise<readonly ProbeResult[]> {
    const results: ProbeResult[] = [];
    for (let from = 0; from < probes.length; from += sliceSize) {
      results.push(...(await this.#runSlice(probes.slice(from, from + sliceSize))));
    }
    return results;
  }

  async #runSlice(probes: readonly Probe[]): Promise<readonly ProbeResult[]> {
    this.#listen(probes);
    const results: ProbeResult[] = [];
    const waiting = probes.map((probe, index) => ({ probe, index }));
    while (waiting.length > 0 || this.#flights.size > 0) {
      for (let room = most - this.#flights.size; room > 0; room -= 1) {
        const next = waiting.findIndex(({ probe }) => this.#mayStart(probe));
        const [entry] = next < 0 ? [] : waiting.splice(next, 1);
        if (entry === undefined) break;
        this.#start(entry.probe, entry.index, results);
      }
      this.#poller.serve(this.#nextDeadline());
      this.#advance(results);
      await nextTurn();
    }
    return results;
  }

  close(): void {
    this.#poller.closeAll();
  }

  /** Two probes of one portless protocol between the same hosts would be one conversation: one at a time. */
  #mayStart({ protocol, source, destination }: Probe): boolean {
    if (typeof protocol !== "number") return true;
    return ![...this.#flights].some(
      ({ probe }) =>
        probe.protocol === protocol &&
        ((probe.source === source && probe.destination === destination) ||
          (probe.source === destination && probe.destination === source)),
    );
  }

  /**
   * An answer that was still under way when a conversation was forgotten tracks it anew, from the wrong end: what
   * follows would be its replies. So it is forgotten before a probe, too. One direction finds either.
   */
  #forget({ protocol, source, destination, answeredBy }: Probe): void {
    if (typeof protocol !== "number") return;
    for (const node of this.#nodes) {
      for (const other of new Set([destination, answeredBy.address])) forgetConversation(node, source, other, protocol);
    }
  }

  #start(probe: Probe, index: number, results: ProbeResult[]): void {
    this.#forget(probe);
    const exchange = startExchange(probe, this.#namespaceOf(probe.source));
    const flight: Flight = { index, probe, exchange, started: performance.now(), repeats: 0 };
    this.#flights.add(flight);
    this.#poller.add(exchange.fd, () => this.#settle(flight, exchange.receive(), results));
    this.#settle(flight, exchange.send(), results);
  }

  #settle(flight: Flight, reception: Reception, results: ProbeResult[]): void {
    if (reception === "nothing" || !this.#flights.has(flight)) return;
    this.#flights.delete(flight);
    this.#poller.close(flight.exchange.fd);
    const milliseconds = performance.now() - flight.started;
    const answered = reception === "answered";
    results[flight.index] = { answered, milliseconds, reason: answered ? "" : reception.error };
    this.#forget(flight.probe);
  }

  #nextDeadline(): number {
    const now = performance.now();
    let wait = 50;
    for (const { started, repeats } of this.#flights) {
      wait = Math.min(wait, started + (repeatAfter[repeats] ?? patience) - now);
    }
    return wait;
  }

  #advance(results: ProbeResult[]): void {
    const now = performance.now();
    for (const flight of this.#flights) {
      const age = now - flight.started;
      const repeat = repeatAfter[flight.repeats];
      if (age >= patience) {
        // An answer may have come while this thread had no turn.
        this.#settle(flight, flight.exchange.receive(), results);
        this.#settle(flight, { error: "timeout" }, results);
      } else if (repeat !== undefined && age >= repeat) {
        flight.repeats += 1;
        this.#settle(flight, flight.exchange.send(), results);
      }
    }
  }
}
