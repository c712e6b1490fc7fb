import { printable } from "./printable.ts";

export type LabelValues = Readonly<Record<string, string>>;

export interface Sample {
  readonly labels: LabelValues;
  readonly value: number | bigint;
}

export interface Counter {
  /** Adds `amount` (at least 0, by default 1). */
  add(labels?: LabelValues, amount?: number): void;
}

export interface Gauge {
  set(value: number, labels?: LabelValues): void;
}

export interface Histogram {
  observe(value: number, labels?: LabelValues): void;
}

/** Metric families by name, printed in the order they were made. */
export interface Registry {
  counter(name: string, help: string): Counter;
  gauge(name: string, help: string): Gauge;
  /**
   * `bounds`: upper bounds of the buckets, ascending, without +Inf. `series`: labels that it has from the start; other
   * ones that are observed join them.
   */
  histogram(name: string, help: string, bounds: readonly number[], series?: readonly LabelValues[]): Histogram;
  /** A family whose samples are read when the metrics are asked for. */
  observed(name: string, help: string, type: "counter" | "gauge", read: () => readonly Sample[]): void;
  /** All of it in Prometheus' text exposition format 0.0.4. */
  text(): string;
}

/** The media type of `Registry.text`. */
export const metricsContentType = "text/plain; version=0.0.4; charset=utf-8";

/** More than the name of a rule of a policy can have: what is cut could be the same text twice. */
const longestLabel = 600;

function escapeLabel(value: string): string {
  return printable(value, longestLabel)
    .replaceAll("\\", String.raw`\\`)
    .replaceAll('"', String.raw`\"`);
}

function labelText(labels: LabelValues): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escapeLabel(value)}"`);
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}

function sampleLines(name: string, samples: readonly Sample[]): string[] {
  return samples.map(({ labels, value }) => `${name}${labelText(labels)} ${value}`);
}

/** Values by the text of their labels, which is what they are printed with. */
function createSeries() {
  const values = new Map<string, number>();
  return {
    add: (labels: LabelValues, amount: number) => {
      const key = labelText(labels);
      values.set(key, (values.get(key) ?? 0) + amount);
    },
    set: (labels: LabelValues, value: number) => values.set(labelText(labels), value),
    lines: (name: string) => [...values].map(([key, value]) => `${name}${key} ${value}`),
  };
}

function createBuckets(bounds: readonly number[]) {
  const counts = bounds.map(() => 0);
  let sum = 0;
  let count = 0;
  return {
    observe: (value: number) => {
      const index = bounds.findIndex((bound) => value <= bound);
      if (index >= 0) counts[index] = (counts[index] ?? 0) + 1;
      sum += value;
      count += 1;
    },
    lines: (name: string, labels: LabelValues) => {
      let below = 0;
      const bucket = (le: number | string, value: number) =>
        `${name}_bucket${labelText({ ...labels, le: `${le}` })} ${value}`;
      const buckets = bounds.map((bound, index) => {
        below += counts[index] ?? 0;
        return bucket(bound, below);
      });
      const own = labelText(labels);
      return [...buckets, bucket("+Inf", count), `${name}_sum${own} ${sum}`, `${name}_count${own} ${count}`];
    },
  };
}

function createHistogram(bounds: readonly number[], series: readonly LabelValues[]) {
  const all = new Map<string, { readonly labels: LabelValues; readonly buckets: ReturnType<typeof createBuckets> }>();
  const bucketsOf = (labels: LabelValues) => {
    const key = labelText(labels);
    const found = all.get(key) ?? { labels, buckets: createBuckets(bounds) };
    all.set(key, found);
    return found.buckets;
  };
  for (const labels of series) bucketsOf(labels);
  return {
    observe: (value: number, labels: LabelValues = {}) => bucketsOf(labels).observe(value),
    lines: (name: string) => [...all.values()].flatMap(({ labels, buckets }) => buckets.lines(name, labels)),
  };
}

/** An empty registry. A name that is registered twice is a bug and throws. */
export function createRegistry(): Registry {
  const families = new Map<string, () => string[]>();
  const register = (name: string, help: string, type: string, lines: () => string[]) => {
    if (families.has(name)) throw new Error(`metric ${name} is registered twice`);
    families.set(name, () => [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...lines()]);
  };
  return {
    counter: (name, help) => {
      const series = createSeries();
      register(name, help, "counter", () => series.lines(name));
      return { add: (labels = {}, amount = 1) => series.add(labels, amount) };
    },
    gauge: (name, help) => {
      const series = createSeries();
      register(name, help, "gauge", () => series.lines(name));
      return { set: (value, labels = {}) => void series.set(labels, value) };
    },
    histogram: (name, help, bounds, series = [{}]) => {
      const histogram = createHistogram(bounds, series);
      register(name, help, "histogram", () => histogram.lines(name));
      return { observe: histogram.observe };
    },
    observed: (name, help, type, read) => register(name, help, type, () => sampleLines(name, read())),
    text: () => [...families.values()].flatMap((lines) => lines()).join("\n") + "\n",
  };
}
