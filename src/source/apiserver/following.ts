import { createHash } from "node:crypto";
import type { Log } from "../../observe/log.ts";
import type { PolicyReading } from "../../policy/kinds.ts";
import type { Policy } from "../../policy/policy.ts";
import type { Finding, SourceHealth } from "../source.ts";
import type { ApiClient } from "./client.ts";
import { type Generations, generationsOf } from "./definitions.ts";
import { Demand, namesNodes } from "./demand.ts";
import { InstalledKinds } from "./installed-kinds.ts";
import type { SourceClock } from "./pace.ts";
import type { Freshness } from "./request-path.ts";
import { Reflector } from "./reflector.ts";
import type { Resource } from "./resource.ts";
import { healthOf, refusalFinding } from "./resource-health.ts";
import { ResourceStore } from "./resource-store.ts";
import type { OptionalKind } from "./resources.ts";
import {
  builtInPolicies,
  coreResources,
  definitions,
  nodesResource,
  optionalKinds,
  serviceResource,
} from "./resources.ts";

export interface FollowingParts {
  readonly client: ApiClient;
  readonly clock: SourceClock;
  readonly random: () => number;
  readonly log: Log;
  /** Only this Node is of interest, unless a policy names nodes; undefined: all. */
  readonly nodeName: string | undefined;
  readonly services: boolean;
  /** Followed while a policy names domains; undefined: it is not. */
  readonly dnsService: { readonly namespace: string; readonly name: string } | undefined;
  readonly reading: PolicyReading;
  readonly freshness: Freshness;
  /** There may be news. */
  readonly changed: () => void;
  /** A defect: nothing more will come. */
  readonly broken: (error: unknown) => void;
}

/** A resource that is followed, or whose end is still to be told. */
interface Followed {
  readonly store: ResourceStore;
  readonly reflector: Reflector;
  readonly stop: AbortController;
}

/** After so many failures in a row to ask which kinds there are, one that is installed now would not be noticed. */
const manyFailures = 3;

/** All resources of one server that matter, and how each fares. */
export class Following {
  private readonly parts: FollowingParts;
  private readonly followed = new Map<string, Followed>();
  /** Stores of kinds that are gone, until that has been told. */
  private readonly leaving = new Map<string, ResourceStore>();
  private readonly kinds: InstalledKinds;
  /** What may come and go while it runs. */
  private readonly optional: readonly OptionalKind[];
  private readonly demand = new Demand();
  private readonly stop = new AbortController();
  private given = false;
  /** Null: which kinds are installed was asked and answered, at least once. */
  private kindsUnknown: string | null = "not asked yet";
  private failedAsking = 0;
  private kindsTrouble = "";
  private seenDefinitions: Generations = null;

  constructor(parts: FollowingParts) {
    this.parts = parts;
    const { client, clock, random } = parts;
    this.optional = optionalKinds(parts.reading);
    this.kinds = new InstalledKinds({
      kinds: this.optional,
      client,
      clock,
      random,
      defined: () => this.definedKinds(),
      definitionsPend: () => {
        const one = this.followed.get(definitions.name)?.reflector;
        return one !== undefined && !one.settled && one.failures === 0;
      },
      follow: (resources) => this.followOptional(resources),
      failed: (message) => {
        this.failedAsking += 1;
        this.kindsTrouble = message;
        if (this.kindsUnknown !== null) this.kindsUnknown = message;
        parts.changed();
      },
    });
  }

  start(): void {
    const { nodeName, services, reading } = this.parts;
    for (const resource of [...coreResources(nodeName, services), ...builtInPolicies(reading)]) this.add(resource);
    if (this.optional.length === 0) {
      this.kindsUnknown = null;
      return;
    }
    this.add(definitions);
    this.kinds.run(this.stop.signal).catch(this.parts.broken);
  }

  end(): void {
    this.stop.abort();
    for (const one of this.followed.values()) one.stop.abort();
  }

  /** Everything that counts was listed, or is known not to be to be had. */
  get settled(): boolean {
    return this.kindsUnknown === null && this.counting().every(({ reflector }) => reflector.settled);
  }

  /** Nothing may be enforced before every resource was listed that has to be (semantics.md, 9). */
  get complete(): boolean {
    return (
      this.settled &&
      !this.lacksNodes &&
      this.counting().every(({ store }) => store.resource.need !== "required" || store.resourceVersion !== "")
    );
  }

  /**
   * Whether the policy is not to be given out yet: what it says of nodes would be read as if there were none, and what
   * it denies to them be open.
   */
  holds(): (policy: Policy) => boolean {
    const { lacksNodes } = this;
    return (policy) => lacksNodes && namesNodes(policy);
  }

  /** Why it is not settled after so many attempts; null: it is, or it may still come to it. */
  hopeless(attempts: number): string | null {
    if (this.kindsUnknown !== null && this.failedAsking >= attempts) return this.kindsUnknown;
    const stuck = this.counting().find(({ reflector }) => !reflector.settled && reflector.failures >= attempts);
    return stuck === undefined
      ? null
      : `${stuck.store.resource.name}: ${stuck.reflector.refusal?.message ?? "no list"}`;
  }

  /** Those whose state counts. While a list is under way, it does not: half a list is a state that never was. */
  stores(): readonly ResourceStore[] {
    return [...[...this.followed.values()].map((one) => one.store), ...this.leaving.values()];
  }

  /** From now on changes are noted. */
  begin(): void {
    this.given = true;
    for (const store of this.stores()) store.begin();
  }

  /** Those that have gone were told of. */
  forgetGone(): void {
    this.leaving.clear();
  }

  /** Hex SHA-256 over `resource=resourceVersion` of every resource. */
  digest(): string {
    const lines = [...this.followed.values()].map(({ store }) => `${store.resource.name}=${store.givenVersion}\n`);
    return createHash("sha256").update(lines.sort().join("")).digest("hex");
  }

  /** One for each resource that may not be read. */
  refused(): readonly Finding[] {
    const { lacksNodes } = this;
    return [...this.followed.values()].flatMap(({ store, reflector }) => refusalFinding(store, reflector, lacksNodes));
  }

  health(): SourceHealth {
    const all = [...this.followed.values()];
    const troubled = this.counting().find(({ reflector }) => reflector.refusal !== null || !reflector.settled);
    const heard = all.map(({ reflector }) => reflector.exchange.lastHeard).filter((time) => time !== null);
    const reason =
      troubled === undefined
        ? (this.kindsUnknown ?? (this.failedAsking >= manyFailures ? this.kindsTrouble : null))
        : `${troubled.store.resource.name}: ${troubled.reflector.refusal?.message ?? "not listed yet"}`;
    return {
      connected: reason === null,
      reason,
      lastHeard: heard.length === 0 ? null : Math.max(...heard),
      resources: all.map(({ store, reflector }) => healthOf(store, reflector)),
    };
  }

  private counting(): readonly Followed[] {
    return [...this.followed.values()].filter(({ store }) => store.resource.need !== "extra");
  }

  /** Policies speak of nodes, and not all are known. */
  private get lacksNodes(): boolean {
    const nodes = this.followed.get("nodes");
    if (!this.demand.nodes || nodes === undefined) return false;
    const { store, reflector } = nodes;
    return store.resource.fieldSelector !== "" || reflector.counts.lists === 0 || store.listing;
  }

  /** Follows what policies ask for, and no longer what none does. */
  private meetDemand(): void {
    const { nodeName, dnsService, log } = this.parts;
    const nodes = this.followed.get("nodes");
    if (nodeName !== undefined && nodes !== undefined) {
      const wanted = nodesResource(this.demand.nodes ? null : nodeName);
      if (wanted.fieldSelector !== nodes.store.resource.fieldSelector) {
        log.info(this.demand.nodes ? "a policy names nodes: all are followed" : "no policy names nodes any more");
        this.renew(wanted);
      }
    }
    if (dnsService === undefined || this.demand.names === this.followed.has("services")) return;
    if (this.demand.names) this.add(serviceResource(dnsService));
    else this.remove("services");
  }

  /** The same resource, followed in another way; what is known of it stays until that is listed. */
  private renew(resource: Resource): void {
    const { name } = resource;
    const one = this.followed.get(name);
    if (one === undefined) return;
    one.stop.abort();
    this.followed.delete(name);
    this.leaving.set(name, one.store);
    this.add(resource);
  }

  private add(resource: Resource): void {
    const store =
      this.leaving.get(resource.name) ?? new ResourceStore(resource, (key, policy) => this.demand.note(key, policy));
    this.leaving.delete(resource.name);
    store.resource = resource;
    if (this.given) store.begin();
    const { client, clock, random, freshness } = this.parts;
    const changed = (): void => this.notice(resource);
    const reflector = new Reflector(store, { client, clock, random, freshness, changed });
    const stop = new AbortController();
    this.followed.set(resource.name, { store, reflector, stop });
    reflector.run(stop.signal).catch(this.parts.broken);
  }

  private notice(resource: Resource): void {
    const state = this.followed.get(resource.name)?.reflector.state;
    if (state === "absent" && resource.need !== "required") this.kinds.look();
    if (resource === definitions) this.noticeDefinitions();
    this.meetDemand();
    this.parts.changed();
  }

  /** The server is asked only where those that matter are others than before: bookmarks come every minute. */
  private noticeDefinitions(): void {
    const [before, seen] = [this.seenDefinitions, this.definedGenerations()];
    this.seenDefinitions = seen;
    const names = (of: Generations): string => (of === null ? "unknown" : [...of.keys()].join(" "));
    if (names(before) !== names(seen)) this.kinds.look();
    else if ([...(seen ?? [])].some(([name, generation]) => before?.get(name) !== generation)) this.kinds.lookAgain();
  }

  private definedGenerations(): Generations {
    const one = this.followed.get(definitions.name);
    return one?.reflector.state === "watching" ? generationsOf(one.store, this.optional) : null;
  }

  private remove(name: string): void {
    const one = this.followed.get(name);
    if (one === undefined) return;
    one.stop.abort();
    one.store.clear();
    this.followed.delete(name);
    this.leaving.set(name, one.store);
  }

  private followOptional(resources: readonly Resource[]): void {
    this.kindsUnknown = null;
    this.failedAsking = 0;
    const { log, reading } = this.parts;
    const fixed = new Set(
      [...coreResources(undefined, true), ...builtInPolicies(reading), definitions].map((one) => one.name),
    );
    const wanted = new Map(resources.map((resource) => [resource.name, resource]));
    for (const [name, { store }] of this.followed) {
      const resource = wanted.get(name);
      if (fixed.has(name) || resource?.path === store.resource.path) continue;
      if (resource === undefined) {
        log.info("a kind of policy is gone, and with it its policies", { resource: name });
        this.remove(name);
      } else {
        log.info("a kind of policy is served in another version", { resource: name, version: resource.apiVersion });
        this.renew(resource);
      }
    }
    for (const [name, resource] of wanted) if (!this.followed.has(name)) this.add(resource);
    this.meetDemand();
    this.parts.changed();
  }

  private definedKinds(): ((name: string) => boolean) | null {
    const defined = this.definedGenerations();
    return defined === null ? null : (name) => defined.has(name);
  }
}
