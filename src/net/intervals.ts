/**
 * The algebra of sets of whole numbers, held as intervals in canonical form: ascending, disjoint, and never
 * adjacent. Equal sets have equal lists. It is written once, for ports (number) and for addresses (bigint).
 */
export interface Line<N extends number | bigint, I> {
  low(interval: I): N;
  high(interval: I): N;
  interval(low: N, high: N): I;
  /** The number after this one. Never asked for more than one past the largest. */
  after(value: N): N;
  before(value: N): N;
}

/** The canonical form of any intervals, in any order, overlapping or not; those with low > high are empty. n log n. */
export function canonical<N extends number | bigint, I>(line: Line<N, I>, intervals: readonly I[]): readonly I[] {
  const sorted = intervals
    .filter((interval) => line.low(interval) <= line.high(interval))
    .sort((a, b) => (line.low(a) < line.low(b) ? -1 : line.low(a) > line.low(b) ? 1 : 0));
  const result: I[] = [];
  let open: I | null = null;
  for (const next of sorted) {
    if (open !== null && line.low(next) <= line.after(line.high(open))) {
      if (line.high(next) > line.high(open)) open = line.interval(line.low(open), line.high(next));
    } else {
      if (open !== null) result.push(open);
      open = next;
    }
  }
  if (open !== null) result.push(open);
  return result;
}

/** All numbers of a or b. Both canonical, as everywhere below. */
export function union<N extends number | bigint, I>(line: Line<N, I>, a: readonly I[], b: readonly I[]): readonly I[] {
  if (a.length === 0) return b;
  if (b.length === 0) return a;
  return canonical(line, [...a, ...b]);
}

/** All numbers of both a and b. Linear. */
export function intersection<N extends number | bigint, I>(
  line: Line<N, I>,
  a: readonly I[],
  b: readonly I[],
): readonly I[] {
  const result: I[] = [];
  let left = 0;
  let right = 0;
  for (;;) {
    const one = a[left];
    const other = b[right];
    if (one === undefined || other === undefined) return result;
    const low = line.low(one) > line.low(other) ? line.low(one) : line.low(other);
    const high = line.high(one) < line.high(other) ? line.high(one) : line.high(other);
    if (low <= high) result.push(line.interval(low, high));
    if (line.high(one) < line.high(other)) left++;
    else right++;
  }
}

/** All numbers of a that are not in b. Linear. */
export function difference<N extends number | bigint, I>(
  line: Line<N, I>,
  a: readonly I[],
  b: readonly I[],
): readonly I[] {
  const result: I[] = [];
  let cut = 0;
  for (const whole of a) {
    let low = line.low(whole);
    const high = line.high(whole);
    let next = b[cut];
    while (next !== undefined && line.high(next) < low) next = b[++cut];
    let ended = false;
    // `cut` stays on a hole that reaches past this interval: it can reach into the following one.
    while (next !== undefined && line.low(next) <= high) {
      if (line.low(next) > low) result.push(line.interval(low, line.before(line.low(next))));
      if (line.high(next) >= high) {
        ended = true;
        break;
      }
      low = line.after(line.high(next));
      next = b[++cut];
    }
    if (!ended) result.push(line.interval(low, high));
  }
  return result;
}

export function equal<N extends number | bigint, I>(line: Line<N, I>, a: readonly I[], b: readonly I[]): boolean {
  return (
    a.length === b.length &&
    a.every((one, index) => {
      const other = b[index];
      return other !== undefined && line.low(one) === line.low(other) && line.high(one) === line.high(other);
    })
  );
}

/** Whether the set holds the number. log n. */
export function contains<N extends number | bigint, I>(line: Line<N, I>, set: readonly I[], value: N): boolean {
  let first = 0;
  let last = set.length - 1;
  while (first <= last) {
    const middle = (first + last) >> 1;
    const interval = set[middle] as I;
    if (value < line.low(interval)) last = middle - 1;
    else if (value > line.high(interval)) first = middle + 1;
    else return true;
  }
  return false;
}
