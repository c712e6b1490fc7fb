import assert from "node:assert/strict";
import type { ClusterObject } from "../../src/kube/objects.ts";
import { keyOf } from "../../src/kube/objects.ts";
import type { Policy } from "../../src/policy/policy.ts";
import type { Finding, Snapshot, Source, Update } from "../../src/source/source.ts";

/** What somebody knows who takes a source's snapshot, and then its changes one by one. */
export class FollowedState {
  readonly objects = new Map<string, ClusterObject | Policy>();
  findings: readonly Finding[] = [];
  complete = false;
  digest = "";
  updates = 0;
  failure: unknown = null;
  #begun = false;

  get begun(): boolean {
    return this.#begun;
  }

  async follow(source: Source, stop: AbortSignal): Promise<void> {
    try {
      this.#begin(await source.snapshot(stop));
      for await (const update of source.changes(stop)) this.#take(update);
    } catch (error) {
      if (!stop.aborted) this.failure = error;
    }
  }

  #begin(snapshot: Snapshot): void {
    for (const object of snapshot.cluster.objects) this.objects.set(keyOf(object), object);
    for (const policy of snapshot.cluster.policies) this.objects.set(policy.id, policy);
    this.#report(snapshot);
    this.#begun = true;
  }

  #take(update: Update): void {
    this.updates += 1;
    for (const change of update.changes) {
      if (change.kind === "object") this.objects.set(keyOf(change.object), change.object);
      else if (change.kind === "policy") this.objects.set(change.policy.id, change.policy);
      else assert.ok(this.objects.delete(change.key), `${change.key} is gone, and was never there`);
    }
    this.#report(update);
  }

  #report({ findings, complete, digest }: Pick<Update, "findings" | "complete" | "digest">): void {
    assert.ok(complete || !this.complete, "what was complete is not any more");
    Object.assign(this, { findings, complete, digest });
  }
}
