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
/** What one namespace refuses says nothing of others; what so many refuse does. */
const enoughRefusals = 3;
const refusedPause = 30_000;
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

/** Taken from each namespace in turn: nobody's thousands of problems leave out the one of somebody else. */
function inTurn(problems: readonly Problem[], most: number): readonly Problem[] {
  if (problems.length <= most) return problems;
  const groups = [...Map.groupBy(problems, ({ reference }) => reference.namespace).values()];
  const longest = Math.max(...groups.map(({ length }) => length));
  const taken: Problem[] = [];
  for (let turn = 0; turn < longest && taken.length < most; turn += 1)
    taken.push(...groups.map((group) => group[turn]).filter((problem) => problem !== undefined));
  return taken.slice(0, most);
}

interface Due {
  readonly problem: Problem;
  at: number;
}

/** When which problem is to be told, and which were. */
function createAgenda({ problems, nodes, clock, random }: ReporterParts) {
  const due = new Map<string, Due>();
  /** By key, with the namespace. */
  let told = new Map<string, string | null>();
  return {
    /** Those that are gone are forgotten, so that one that comes back is told again (the API server may know it still). */
    look: () => {
      const now = clock.now();
      const current = new Map(inTurn(problems(), mostKnown).map((problem) => [keyOfProblem(problem), problem]));
      for (const key of due.keys()) if (!current.has(key)) due.delete(key);
      told = new Map([...told].filter(([key]) => current.has(key)));
      const spread = Math.min(mostSpread, Math.max(leastSpread, nodes() * spreadPerNode));
      for (const [key, problem] of current) {
        if (!told.has(key) && !due.has(key)) due.set(key, { problem, at: now + random() * spread });
      }
    },
    /** Of the namespace that was told least. */
    next: (): Problem | null => {
      const now = clock.now();
      const counts = new Map<string | null, number>();
      for (const namespace of told.values()) counts.set(namespace, (counts.get(namespace) ?? 0) + 1);
      const countOf = ({ problem }: Due): number => counts.get(problem.reference.namespace) ?? 0;
      const ready = [...due.values()].filter(({ at }) => at <= now);
      return (
        ready.reduce<Due | null>((best, one) => (best === null || countOf(one) < countOf(best) ? one : best), null)
          ?.problem ?? null
      );
    },
    done: (problem: Problem) => {
      const key = keyOfProblem(problem);
      due.delete(key);
      told.set(key, problem.reference.namespace);
    },
    /** Nothing of this namespace for so many milliseconds: it may be going away, or have its share of Events. */
    putOff: ({ reference }: Problem, milliseconds: number) => {
      const at = clock.now() + milliseconds;
      for (const one of due.values()) {
        if (one.problem.reference.namespace === reference.namespace) one.at = Math.max(one.at, at);
      }
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
  /** Namespaces that refused since one took an Event, and for how long each is left alone next time. */
  const refused = new Map<string | null, number>();
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
      refused.clear();
      complained = false;
      await clock.sleep(pace, stop);
      continue;
    }
    const { namespace } = problem.reference;
    const alone = refused.get(namespace) ?? refusedPause;
    refused.set(namespace, Math.min(longestPause, alone * 2));
    agenda.putOff(problem, alone * (1 + random()));
    if (!complained) {
      log.warn("Events about policies that are not valid cannot be written: enforcement is not affected", {
        error: why,
        do: "allow the agent's service account to create events in the group events.k8s.io; the findings are in this log",
      });
    }
    complained = true;
    if (refused.size < enoughRefusals) {
      await clock.sleep(pace, stop);
      continue;
    }
    await clock.sleep(pause * (1 + random()), stop);
    pause = Math.min(longestPause, pause * 2);
  }
}
