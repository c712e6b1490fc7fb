import { setTimeout as pause } from "node:timers/promises";
import { askKernel, type Outcome } from "../../src/lab/ask.ts";
import type { Lab } from "../../src/lab/lab.ts";

/** An answer that is late on a busy machine comes when it is asked for at rest; what a rule drops stays dropped. */
const restsMs = [1000, 4000];

/** Asks what nobody answered, though the evaluator allows it, again and alone after a rest. */
export async function askAtRest(lab: Lab, outcomes: readonly Outcome[]): Promise<readonly Outcome[]> {
  const settled: Outcome[] = [];
  for (const outcome of outcomes) {
    let latest = outcome;
    for (const rest of outcome.reason === "timeout" && outcome.evaluator === "allow" ? restsMs : []) {
      if (latest.verdict === "allow") break;
      await pause(rest);
      [latest = latest] = await askKernel([outcome], lab.prober);
    }
    settled.push(latest);
  }
  return settled;
}
