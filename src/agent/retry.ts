const first = 100;
const most = 10_000;

/**
 * Milliseconds to wait after the n-th failure in a row (from 1): doubling from 100 ms to 10 s, of which a random
 * half is taken off, so that the agents of a cluster do not come back together. `random` gives [0, 1).
 */
export function retryDelay(failures: number, random: () => number): number {
  const full = Math.min(most, first * 2 ** Math.min(failures - 1, 20));
  return full * (1 - random() / 2);
}
