/** What may happen to a source and its server, one thing after another, and how it is brought about. */
import fc from "fast-check";
import { Broken, tooLarge } from "./api.ts";
import type { Asked, Fault, ScriptedApi } from "./api.ts";
import type { Collection } from "./collection.ts";
import type { ScriptedClock } from "./clock.ts";
import type { FollowedResource } from "./scripted-cluster.ts";
import { followedResources, paths, put, remove, setUnreadKind } from "./scripted-cluster.ts";

export type Step =
  | {
      readonly kind: "put";
      readonly resource: FollowedResource;
      readonly index: number;
      readonly state: number;
      readonly fresh: boolean;
    }
  | { readonly kind: "remove"; readonly resource: FollowedResource; readonly index: number }
  | {
      readonly kind: "watches";
      readonly resource: FollowedResource;
      readonly how: "end" | "break" | "cut" | "expire" | "fail";
    }
  | { readonly kind: "repeat"; readonly resource: FollowedResource; readonly count: number }
  | { readonly kind: "stall" | "unstall" | "bookmark" | "forget" | "strange"; readonly resource: FollowedResource }
  | {
      readonly kind: "faults";
      readonly resource: FollowedResource | "any";
      readonly count: number;
      readonly fault: Fault;
    }
  | { readonly kind: "admin"; readonly there: boolean }
  /** The watches break, something changes unseen, and the history is forgotten. */
  | { readonly kind: "lapse"; readonly resource: FollowedResource; readonly index: number; readonly state: number }
  | { readonly kind: "pages" }
  | { readonly kind: "pass"; readonly milliseconds: number };

const resource = fc.constantFrom(...followedResources);
const small = fc.nat(5);

const anyFault: fc.Arbitrary<Fault> = fc.oneof(
  fc.constant({ kind: "unreachable" as const }),
  fc.constantFrom(429, 503).map((code) => ({ kind: "status" as const, code, retryAfter: 3 })),
  fc.constantFrom(401, 403, 429, 500, 502, 503, 410).map((code) => ({ kind: "status" as const, code })),
  fc.constant({ kind: "status" as const, code: 504, fields: tooLarge }),
  fc.constantFrom(500, 410, 504).map((code) => ({ kind: "error-event" as const, code })),
  fc.record({ kind: fc.constant("cut" as const), after: fc.nat(3000), broken: fc.boolean() }),
);

export const anyStep: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant("put" as const),
      resource,
      index: small,
      state: fc.nat(20),
      fresh: fc.nat(4).map((one) => one === 0),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("remove" as const), resource, index: small }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("watches" as const),
      resource,
      how: fc.constantFrom("end", "break", "cut", "expire", "fail"),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("repeat" as const), resource, count: fc.integer({ min: 1, max: 4 }) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constantFrom("stall", "unstall", "bookmark", "forget", "strange"), resource }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("faults" as const),
      resource: fc.oneof(resource, fc.constant("any" as const)),
      count: fc.integer({ min: 1, max: 4 }),
      fault: anyFault,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant("lapse" as const), resource, index: small, state: fc.nat(20) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("admin" as const), there: fc.boolean() }) },
  { weight: 1, arbitrary: fc.constant({ kind: "pages" as const }) },
  {
    weight: 5,
    arbitrary: fc.record({ kind: fc.constant("pass" as const), milliseconds: fc.constantFrom(0, 10, 1000, 40_000) }),
  },
);

/** Faults that wait for their requests, and how many lists each resource may have needed. */
export class Misfortune {
  readonly api: ScriptedApi;
  readonly #clock: ScriptedClock;
  readonly #waiting: { readonly resource: FollowedResource | "any"; count: number; readonly fault: Fault }[] = [];
  readonly #lists = new Map<string, { seen: number; excused: number }>();
  /** Which objects were asked for last, by resource. */
  readonly #selectors = new Map<string, string>();

  constructor(api: ScriptedApi, clock: ScriptedClock) {
    this.api = api;
    this.#clock = clock;
    api.script = (asked) => this.#meet(asked);
  }

  /** Lists that nothing excuses, by resource: none where a version would have done. */
  needless(): readonly string[] {
    return followedResources.flatMap((name) => {
      const { seen, excused } = this.#countsOf(paths[name]);
      return seen > 1 + excused ? [`${name}: ${seen} lists, 1 + ${excused} excused`] : [];
    });
  }

  async suffer(step: Step): Promise<void> {
    const { api } = this;
    switch (step.kind) {
      case "put":
        return put(api, step.resource, step.index, step.state, step.fresh);
      case "remove":
        return remove(api, step.resource, step.index);
      case "watches":
        return this.#endWatches(step.resource, step.how);
      case "faults":
        this.#waiting.push({ resource: step.resource, count: step.count, fault: step.fault });
        return;
      case "admin":
        return setUnreadKind(api, step.there);
      case "lapse":
        this.#endWatches(step.resource, "break");
        remove(api, step.resource, (step.index + 1) % 6);
        put(api, step.resource, step.index, step.state, false);
        return this.#collection(step.resource).forget(api.version);
      case "pages":
        return api.expirePages();
      case "pass":
        return this.#clock.pass(step.milliseconds);
      case "bookmark":
        return api.bookmark(paths[step.resource]);
      case "forget":
        return this.#collection(step.resource).forget(api.version);
      case "repeat":
      case "stall":
      case "unstall":
      case "strange":
        return this.#disturb(step);
    }
  }

  /** From here on everything goes well. */
  heal(): void {
    this.#waiting.length = 0;
    for (const name of followedResources) {
      this.#disturb({ kind: "unstall", resource: name });
      this.api.bookmark(paths[name]);
    }
  }

  #meet(asked: Asked): Fault | null {
    const counts = this.#countsOf(asked.path);
    const { verb, query, path } = asked;
    if (verb === "list" || verb === "stream") {
      counts.seen += 1;
      const selector = query.get("fieldSelector") ?? "";
      // Others than before: those have to be listed.
      if ((this.#selectors.get(path) ?? selector) !== selector) counts.excused += 1;
      this.#selectors.set(path, selector);
    }
    const fault = this.#nextFault(asked);
    if (verb !== "watch" && verb !== "check") {
      // A list that fails in any way, or a way of listing that is refused, excuses the next one.
      const refused = verb === "stream" && this.api.watchList !== "yes";
      if (fault !== null || refused || verb === "page") counts.excused += 1;
    } else if (verb === "watch" && (fault === null || fault.kind === "cut")) {
      const since = this.api.collections.get(path)?.since(Number(query.get("resourceVersion")));
      if (since === null) counts.excused += 1;
    } else if (fault !== null && "code" in fault && (fault.code === 410 || fault.code === 504)) counts.excused += 1;
    return fault;
  }

  #nextFault({ path }: Asked): Fault | null {
    const next = this.#waiting.find((one) => one.resource === "any" || paths[one.resource] === path);
    if (next === undefined) return null;
    next.count -= 1;
    if (next.count === 0) this.#waiting.splice(this.#waiting.indexOf(next), 1);
    return next.fault;
  }

  #endWatches(name: FollowedResource, how: (Step & { kind: "watches" })["how"]): void {
    const gone = { kind: "Status", apiVersion: "v1", metadata: {}, code: 410, reason: "Expired", message: "too old" };
    for (const { stream, form } of this.#collection(name).watchers) {
      if (how === "cut") stream.push(form.error(gone).subarray(0, 20));
      if (how === "expire") stream.push(form.error(gone));
      if (how === "fail") stream.push(form.error({ ...gone, code: 500, reason: "InternalError", message: "oops" }));
      stream.end(how === "break" || how === "cut" ? new Broken("connection reset") : null);
      if (how === "expire") this.#countsOf(paths[name]).excused += 1;
    }
  }

  #disturb(step: Extract<Step, { kind: "repeat" | "stall" | "unstall" | "strange" | "bookmark" | "forget" }>): void {
    const collection = this.#collection(step.resource);
    for (const watcher of collection.watchers) {
      // One that is older than what came after it: taken again, it would stand.
      if (step.kind === "repeat")
        for (const event of collection.latest(step.count).slice(0, 1)) collection.send(watcher, event);
      if (step.kind === "stall") watcher.stalled ??= [];
      if (step.kind === "strange") {
        const [object] = collection.objects();
        if (object !== undefined) watcher.stream.push(watcher.form.event("RELABELLED", object));
      }
      if (step.kind !== "unstall") continue;
      const held = watcher.stalled ?? [];
      watcher.stalled = null;
      for (const event of held) collection.send(watcher, event);
    }
  }

  #collection(name: FollowedResource): Collection {
    const collection = this.api.collections.get(paths[name]);
    if (collection === undefined) throw new Error(`${name} is gone`);
    return collection;
  }

  #countsOf(path: string): { seen: number; excused: number } {
    const counts = this.#lists.get(path) ?? { seen: 0, excused: 0 };
    this.#lists.set(path, counts);
    return counts;
  }
}
