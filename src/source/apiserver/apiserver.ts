import { setImmediate as nextTurn } from "node:timers/promises";
import type { ClusterObject, ObjectKey } from "../../kube/objects.ts";
import { keyOf } from "../../kube/objects.ts";
import type { Log } from "../../observe/log.ts";
import type { Change, PolicyVersion } from "../../policy/cluster.ts";
import { type PolicyReading, readEverything } from "../../policy/kinds.ts";
import type { Policy, PolicyId } from "../../policy/policy.ts";
import type { Finding, Snapshot, Source, Update } from "../source.ts";
import type { ApiClient } from "./client.ts";
import { ApiUnreachable } from "./client.ts";
import { Following } from "./following.ts";
import type { SourceClock } from "./pace.ts";
import type { Freshness } from "./request-path.ts";
import { UnknownNamespaces } from "./unknown-namespaces.ts";

export interface ApiServerOptions {
  /** Only this Node is of interest, unless a policy names nodes; absent: all are. */
  readonly nodeName?: string;
  /** Services too: only questions need them, what is enforced does not. */
  readonly services: boolean;
  /** The Service of the cluster's DNS: followed while a policy names domains. Absent: it is not. */
  readonly dnsService?: { readonly namespace: string; readonly name: string };
  /** Pods whose Namespace was not told yet are closed until it is; absent: they are as if it had no labels. */
  readonly closedUntilKnown?: boolean;
  /** Which policies are followed; the others are not even asked for. Absent: all. */
  readonly reading?: PolicyReading;
  readonly clock: SourceClock;
  /** [0, 1), for jitter. */
  readonly random: () => number;
  readonly log: Log;
  /** `cached` unless told otherwise: see `request-path.ts`. */
  readonly freshness?: Freshness;
  /** So many failures of one resource in a row make `snapshot` reject; absent: it waits for the server. */
  readonly attempts?: number;
}

type Report = Omit<Update, "changes" | "stampedAt">;

/** One following of a server, from its snapshot on. */
class ApiServerFollower {
  readonly following: Following;
  private readonly options: ApiServerOptions;
  private readonly server: string;
  private readonly wakers = new Set<() => void>();
  private dirty = false;
  private defect: { readonly error: unknown } | null = null;
  private lists: readonly (readonly Finding[])[] = [];
  private report: Report | null = null;
  private readonly unknown: UnknownNamespaces | null;

  constructor(client: ApiClient, options: ApiServerOptions) {
    this.options = options;
    this.server = client.server;
    this.unknown = options.closedUntilKnown === true ? new UnknownNamespaces() : null;
    const {
      clock,
      random,
      log,
      nodeName,
      services,
      dnsService,
      reading = readEverything,
      freshness = "cached",
    } = options;
    this.following = new Following({
      client,
      clock,
      random,
      log,
      nodeName,
      services,
      dnsService,
      reading,
      freshness,
      changed: () => this.wake(),
      broken: (error) => {
        this.defect = { error };
        this.wake();
      },
    });
  }

  async snapshot(signal: AbortSignal): Promise<Snapshot> {
    signal.throwIfAborted();
    const { following } = this;
    const end = (): void => following.end();
    signal.addEventListener("abort", end, { once: true });
    following.start();
    try {
      while (
        !following.settled ||
        following.stores().some((store) => store.listing && store.resource.need !== "extra")
      ) {
        await this.news(signal);
        signal.throwIfAborted();
        const { attempts } = this.options;
        const hopeless = attempts === undefined ? null : following.hopeless(attempts);
        // What the client says of a server begins with it already.
        const reason = hopeless?.replace(`${this.server}: `, "") ?? null;
        if (reason !== null) throw new ApiUnreachable(`${this.server}: ${reason}`);
      }
    } catch (error) {
      end();
      throw error;
    }
    return this.whole();
  }

  async *changes(signal: AbortSignal): AsyncGenerator<Update, void> {
    if (this.report === null) throw new Error("changes() follows snapshot()");
    try {
      while (!signal.aborted) {
        await this.news(signal);
        // What arrives at once is one update.
        await nextTurn();
        const update = signal.aborted ? null : this.next();
        if (update !== null) yield update;
      }
    } finally {
      this.following.end();
    }
  }

  private wake(): void {
    this.dirty = true;
    for (const one of this.wakers) one();
  }

  /** Waits until there may be something new; throws what a defect threw. */
  private async news(signal: AbortSignal): Promise<void> {
    if (!this.dirty && this.defect === null && !signal.aborted) {
      await new Promise<void>((resolve) => {
        const go = (): void => {
          this.wakers.delete(go);
          signal.removeEventListener("abort", go);
          resolve();
        };
        this.wakers.add(go);
        signal.addEventListener("abort", go);
      });
    }
    this.dirty = false;
    if (this.defect !== null) throw this.defect.error;
  }

  private whole(): Snapshot {
    const objects: ClusterObject[] = [];
    const policies: Policy[] = [];
    const versions = new Map<PolicyId, PolicyVersion>();
    const { following } = this;
    for (const store of following.stores()) {
      for (const value of store.values()) {
        if (value === null) continue;
        if ("tier" in value) policies.push(value);
        else objects.push(value);
      }
      for (const [id, version] of store.policyVersions()) versions.set(id, version);
    }
    objects.push(...(this.unknown?.begin(objects) ?? []));
    following.begin();
    this.report = this.reportNow();
    return { cluster: { objects, policies, versions }, ...this.report };
  }

  private reportNow(): Report {
    const { following } = this;
    const lists = [...following.stores().map((store) => store.findings()), following.refused()];
    const same =
      this.report !== null &&
      lists.length === this.lists.length &&
      lists.every(
        (list, index) => list === this.lists[index] || (list.length === 0 && this.lists[index]?.length === 0),
      );
    const findings = same && this.report !== null ? this.report.findings : lists.flat();
    this.lists = lists;
    return { findings, complete: this.report?.complete === true || following.complete, digest: following.digest() };
  }

  private *podsOf(namespace: string): Iterable<ObjectKey> {
    for (const store of this.following.stores()) {
      if (store.resource.kind !== "Pod") continue;
      for (const value of store.values())
        if (value !== null && "kind" in value && value.kind === "Pod" && value.namespace === namespace)
          yield keyOf(value);
    }
  }

  /** What differs from what was given out last; null: nothing. */
  private next(): Update | null {
    const there: Change[] = [];
    const gone: Change[] = [];
    let stampedAt = 0;
    const holds = this.following.holds();
    for (const store of this.following.stores()) {
      // Half a list is a state that never was: it is given out when it is whole.
      if (store.listing) continue;
      const changes = store.take(holds);
      there.push(...changes.there);
      gone.push(...changes.gone);
      stampedAt = Math.max(stampedAt, changes.stampedAt);
    }
    this.following.forgetGone();
    const before = this.report;
    const report = this.reportNow();
    const changes = this.unknown?.complete(there, gone, (namespace) => this.podsOf(namespace)) ?? [...there, ...gone];
    const same =
      before?.digest === report.digest && before.complete === report.complete && before.findings === report.findings;
    if (changes.length === 0 && same) return null;
    this.report = report;
    return { changes, ...report, ...(stampedAt === 0 ? {} : { stampedAt }) };
  }
}

/**
 * The state of a cluster as its API server tells it, and what changes. `snapshot` waits until everything was listed
 * once (unless `attempts` says how long to try); `changes` follows it. One use: from `snapshot` until its signal
 * aborts, or `changes` ends.
 */
export function apiServerSource(client: ApiClient, options: ApiServerOptions): Source {
  const follower = new ApiServerFollower(client, options);
  return {
    snapshot: (signal) => follower.snapshot(signal),
    changes: (signal) => follower.changes(signal),
    health: () => follower.following.health(),
  };
}
