/**
 * Removal by one sign in the cluster: the annotation `portcullis.dev/uninstall: remove-rules` on the agents'
 * ServiceAccount. Not on the DaemonSet: that one changes with every pod that becomes ready, and each of thousands of
 * agents would be told of each (docs/decisions/0021).
 */
import { type Dataplane, DataplaneError } from "../dataplane/dataplane.ts";
import type { Log } from "../observe/log.ts";
import { type ApiClient, ApiUnreachable } from "../source/apiserver/client.ts";
import type { Clock } from "../system/clock.ts";
import { readAnnotations, readObject, watchObject } from "./api-object.ts";
import type { Enforcer } from "./enforcer.ts";
import { describeFailure } from "./failures.ts";
import { retryDelay } from "./retry.ts";
import type { NamespacedName } from "./setting-values.ts";

export const uninstallAnnotation = "portcullis.dev/uninstall";
/** The only value that does something; any other keeps the rules. */
export const removeRules = "remove-rules";

/** What `/readyz` answers then. */
export const uninstalledReason = "uninstalled: no rules";

export interface UninstallParts {
  readonly client: ApiClient;
  readonly serviceAccount: NamespacedName;
  readonly enforcer: Pick<Enforcer, "pause" | "resume" | "exclusive">;
  readonly dataplane: Pick<Dataplane, "remove">;
  /** Has the next boot close nothing. */
  readonly forget: () => void;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
}

/** An agent that starts waits so long for the answer whether it is to be uninstalled; then it enforces. */
const firstPatience = 5000;
/** Milliseconds that one watch lasts at least; as long again, at random, on top. */
const watchTime = 300_000;

const goodWhile = 10_000;
/** Nobody waits for this as for a policy: agents come back slower after an outage, a minute apart at most. */
const patience = 6;

/** What is done, of the two things that can be wanted. */
function createSwitch({ enforcer, dataplane, forget, log }: UninstallParts) {
  let isOff = false;
  let isRemoving = false;
  const remove = async (): Promise<void> => {
    isRemoving = true;
    enforcer.pause(null);
    let removed: readonly string[];
    try {
      removed = await enforcer.exclusive(() => dataplane.remove());
    } catch (error) {
      // Rules that stay are to be the right ones, also if the sign is taken back, or cannot be read, before the next try.
      enforcer.resume();
      throw error;
    } finally {
      isRemoving = false;
    }
    forget();
    isOff = true;
    enforcer.pause(uninstalledReason);
    log.warn("uninstalled: all rules of Portcullis are removed from this node, its pods are open", {
      removed,
      do: `to enforce again, remove the annotation ${uninstallAnnotation} from the agents' ServiceAccount`,
    });
  };
  return {
    /** Rejects if the kernel refuses; the rules stay in force then. */
    turn: async (annotations: Readonly<Record<string, string>>): Promise<void> => {
      const wantsOff = annotations[uninstallAnnotation] === removeRules;
      if (wantsOff && !isOff) await remove();
      if (wantsOff || !isOff) return;
      isOff = false;
      log.info(`the annotation ${uninstallAnnotation} is gone: policies are enforced again`);
      enforcer.resume();
    },
    /** There are no rules, or will be none in a moment. */
    isOff: () => isOff || isRemoving,
  };
}

/**
 * Removes the rules, and keeps them removed, for as long as the annotation says so; returns when the signal aborts.
 * What cannot be read says nothing: the agent goes on with what it did. Nothing is enforced until the first answer.
 */
export async function followUninstall(parts: UninstallParts, stop: AbortSignal): Promise<void> {
  const { client, serviceAccount, enforcer, clock, random, log } = parts;
  const rules = createSwitch(parts);
  let begun = false;
  const begin = () => {
    if (!begun && !rules.isOff()) enforcer.resume();
    begun = true;
  };
  enforcer.pause(
    "whether Portcullis is to be uninstalled has not been read yet; the rules in the kernel stay in force",
  );
  const hold = clock.sleep(firstPatience, stop).then(begin);
  /** Rounds in a row that failed or were over at once. */
  let failures = 0;
  while (!stop.aborted) {
    try {
      const object = await readObject(client, serviceAccount, stop);
      if (object === null) begin();
      else await rules.turn(readAnnotations(object));
      begin();
      const time = watchTime * (1 + random());
      const since = performance.now();
      for await (const changed of watchObject(client, serviceAccount, object, time, stop))
        await rules.turn(readAnnotations(changed));
      failures = performance.now() - since > goodWhile ? 0 : failures + 1;
    } catch (error) {
      if (stop.aborted) break;
      begin();
      failures += 1;
      tell(log, failures, error);
    }
    if (failures > 0 && !stop.aborted) await clock.sleep(patience * retryDelay(failures, random), stop);
  }
  await hold;
}

function tell(log: Log, failures: number, error: unknown): void {
  const isKernel = error instanceof DataplaneError;
  const { error: what, remedy } = describeFailure(error);
  const level = isKernel ? "error" : failures === 3 ? "warn" : "debug";
  log[level](isKernel ? "uninstall: the kernel refused to remove the rules" : "the sign to uninstall cannot be read", {
    error: what,
    effect: "the rules stay in force",
    do: isKernel
      ? remedy
      : error instanceof ApiUnreachable
        ? "nothing, if the API server is away: it is asked again by itself"
        : "let the agents' ServiceAccount get, list and watch itself, as the chart does",
  });
}
