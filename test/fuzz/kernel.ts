/**
 * Random clusters, real packets: whatever the evaluator says, the kernel does. `npm run fuzz:kernel -- --minutes 30`,
 * or `--clusters N`; `--seed S` repeats, `--one` asks about the cluster of that seed alone (in `--topology`, with
 * `--default-verdict`). Each cluster is changed twice while connections are open. Prints each disagreement, where its
 * cluster and queries are kept, and last `N clusters, N probes, N disagreements`.
 */
import { parseArgs } from "node:util";
import { isContained, runContained, settleInside, whatIsMissing } from "../../src/lab/contain.ts";
import { compareCluster, compareClusters, newLab, type Comparison, type LabPlace } from "../differential/compare.ts";

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "1" },
    clusters: { type: "string" },
    seed: { type: "string", default: String(Date.now() % 1_000_000_000) },
    one: { type: "boolean", default: false },
    topology: { type: "string", default: "routed" },
    "default-verdict": { type: "string", default: "accept" },
    verbose: { type: "boolean", default: false },
  },
});

function tell({ seed, place, probes, allowed, streams, cut, disagreements, kept }: Comparison): void {
  const where = `seed ${seed}, ${place.topology}, default verdict ${place.defaultVerdict}`;
  if (values.verbose) console.log(`${where}: ${probes} probes, ${allowed} allowed; ${streams} streams, ${cut} cut`);
  for (const { state, query, what } of disagreements) {
    console.log(`${where}, state ${state}, probe ${query.id}: ${what}`);
  }
  if (kept !== null) console.log(`seed ${seed}: kept in ${kept}`);
}

async function compareAll(): Promise<boolean> {
  const seed = Number(values.seed);
  console.log(`seed ${seed}`);
  const started = performance.now();
  const enough = values.clusters === undefined ? Infinity : Number(values.clusters);
  const deadline = values.clusters === undefined ? started + Number(values.minutes) * 60_000 : Infinity;
  const totals = { clusters: 0, probes: 0, allowed: 0, streams: 0, cut: 0, disagreements: 0 };
  const count = (comparison: Comparison): void => {
    tell(comparison);
    totals.clusters += 1;
    totals.probes += comparison.probes;
    totals.allowed += comparison.allowed;
    totals.streams += comparison.streams;
    totals.cut += comparison.cut;
    totals.disagreements += comparison.disagreements.length;
  };
  const place: LabPlace = {
    topology: values.topology === "bridged" ? "bridged" : "routed",
    defaultVerdict: values["default-verdict"] === "deny" ? "deny" : "accept",
  };
  if (values.one) count(await compareCluster(newLab(place), seed));
  else for await (const one of compareClusters(seed, (n) => n >= enough || performance.now() > deadline)) count(one);
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`${totals.allowed} probes allowed; ${totals.streams} connections open at a change, ${totals.cut} cut`);
  console.log(`${seconds} s`);
  console.log(`${totals.clusters} clusters, ${totals.probes} probes, ${totals.disagreements} disagreements`);
  return totals.disagreements === 0 && totals.probes > 0;
}

if (isContained()) {
  settleInside();
  process.exit((await compareAll()) ? 0 : 1);
}
const missing = whatIsMissing();
if (missing !== null) {
  console.error(missing);
  process.exit(3);
}
process.exit(await runContained([...process.execArgv, ...process.argv.slice(1)]));
