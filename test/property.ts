/**
 * How often a property is tried, and from which seed. `FC_RUNS=10000` tries it more often, `FC_SEED=42` repeats a run
 * that failed (the seed is printed with the counterexample).
 */
export interface PropertyOptions {
  numRuns: number;
  seed?: number;
}

/** Options for `fc.assert`: `usual` runs unless the environment says otherwise. */
export function tries(usual: number): PropertyOptions {
  const runs = Number(process.env["FC_RUNS"]);
  const seed = process.env["FC_SEED"];
  return {
    numRuns: Number.isInteger(runs) && runs > 0 ? runs : usual,
    ...(seed === undefined ? {} : { seed: Number(seed) }),
  };
}
