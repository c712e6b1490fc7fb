import type { Log } from "../../observe/log.ts";
import type { ApiClient } from "../../source/apiserver/client.ts";
import type { Clock } from "../../system/clock.ts";
import { type Problem, eventFor, keyOfProblem } from "./event.ts";

export interface ReporterParts {
  readonly client: ApiClient;
  readonly node: string;
  /** What is wrong now. */
  readonly problems: () => readonly Problem[];
  /** About how many nodes the cluster has: each has an agent that sees the same problems. */
  readonly nodes: () => number;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
}

/** How often what is wrong is looked at. */
const look = 2000;
/** So many milliseconds a node: an API server sees 50 requests a second about a new problem, whatever the size. */
const spreadPerNode = 20;
const [leastSpread, mostSpread] = [2000, 300_000];
/** One agent tells of at most so many problems in so much time; what is left comes later. */
const pace = 1000;
const mostKnown = 5000;
/** After a refusal that concerns all Events, the next try. */
const [firstPause, longestPause] = [5000, 3_600_000];
const timeLimit = 10_000;

type Outcome = "told" | "later" | "never";

/** Forbidden, throttled, broken: another time. A namespace that is going away, an Event that is not valid: never. */
function outcomeOf(status: number): Outcome {
  if (status < 300 || status === 409) return "told";
  return status === 404 || status === 422 || status === 400 ? "never" : "later";
}

async function post(parts: ReporterParts, problem: Problem, stop: AbortSignal): Promise<readonly [Outcome, string]> {
  const { path, body } = eventFor(problem, parts.node, parts.clock.now());
  const signal = AbortSignal.any([stop, AbortSignal.timeout(timeLimit)]);
  try {
    const response = await parts.client.request({ method: "POST", path, body }, signal);
    response.discard();
    return [outcomeOf(response.status), `the API server answers ${response.status}`];
  } catch (error) {
    return ["later", error instanceof Error ? error.message : String(error)];
  }
}

/** When which problem is to be told, and which were. */
function createAgenda({ problems, nodes, clock, random }: ReporterParts) {
  const due = new Map<string, { readonly problem: Problem; readonly at: number }>();
  let told = new Set<string>();
  return {
    /** Those that are gone are forgotten, so that one that comes back is told again (the API server may know it still). */
    look: () => {
      const now = clock.now();
      const current = new Map(
        problems()
          .slice(0, mostKnown)
          .map((problem) => [keyOfProblem(problem), problem]),
      );
      for (const key of due.keys()) if (!current.has(key)) due.delete(key);
      told = new Set([...told].filter((key) => current.has(key)));
      const spread = Math.min(mostSpread, Math.max(leastSpread, nodes() * spreadPerNode));
      for (const [key, problem] of current) {
        if (!told.has(key) && !due.has(key)) due.set(key, { problem, at: now + random() * spread });
      }
    },
    next: (): Problem | null => {
      const now = clock.now();
      return [...due.values()].find(({ at }) => at <= now)?.problem ?? null;
    },
    done: (problem: Problem) => {
      const key = keyOfProblem(problem);
      due.delete(key);
      told.add(key);
    },
  };
}

/**
 * Tells the owners of policies by Events what is wrong with them, one for each problem, until the signal aborts. Waits
 * for nobody and keeps nobody waiting; what cannot be told is logged once and tried again, less and less often.
 */
export async function reportProblems(parts: ReporterParts, stop: AbortSignal): Promise<void> {
  const { clock, log, random } = parts;
  const agenda = createAgenda(parts);
  let pause = firstPause;
  let complained = false;
  while (!stop.aborted) {
    agenda.look();
    const problem = agenda.next();
    if (problem === null) {
      await clock.sleep(look, stop);
      continue;
    }
    const [outcome, why] = await post(parts, problem, stop);
    if (stop.aborted) return;
    if (outcome !== "later") {
      if (outcome === "never") log.debug("an Event was refused", { error: why, object: problem.reference.name });
      agenda.done(problem);
      pause = firstPause;
      complained = false;
      await clock.sleep(pace, stop);
      continue;
    }
    if (!complained) {
      log.warn("Events about policies that are not valid cannot be written: enforcement is not affected", {
        error: why,
        do: "allow the agent's service account to create events in the group events.k8s.io; the findings are in this log",
      });
    }
    complained = true;
    await clock.sleep(pause * (1 + random()), stop);
    pause = Math.min(longestPause, pause * 2);
  }
}
