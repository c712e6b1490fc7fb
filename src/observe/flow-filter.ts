import type { Flow, FlowVerdict } from "./flow.ts";

/** Which flows somebody wants to see. Null: whatever it is. */
export interface FlowFilter {
  /** Of either end. */
  readonly namespace: string | null;
  /** Name of either end; its namespace is `namespace`. */
  readonly pod: string | null;
  readonly verdict: FlowVerdict | null;
  readonly direction: "ingress" | "egress" | null;
}

export const flowVerdicts: readonly FlowVerdict[] = ["denied", "audit-denied", "audit-allowed"];
const directions = ["ingress", "egress"] as const;

export function matchesFilter(filter: FlowFilter, flow: Flow): boolean {
  const { namespace, pod } = filter;
  if (filter.verdict !== null && filter.verdict !== flow.verdict) return false;
  if (filter.direction !== null && filter.direction !== flow.direction) return false;
  return [flow.from, flow.to].some(
    (end) => (namespace === null || namespace === end.namespace) && (pod === null || pod === end.pod),
  );
}

const parameters = ["namespace", "pod", "verdict", "direction"] as const;

/** As the agent's socket takes it. */
export function filterQuery(filter: FlowFilter): string {
  const query = new URLSearchParams();
  for (const name of parameters) {
    const value = filter[name];
    if (value !== null) query.set(name, value);
  }
  return query.toString();
}

/** The filter in a query, or what is wrong with it. */
export function readFilterQuery(query: URLSearchParams): FlowFilter | { readonly error: string } {
  for (const name of query.keys()) {
    if (!parameters.some((known) => known === name))
      return { error: `unknown parameter; there are ${parameters.join(", ")}` };
    if (query.getAll(name).length > 1) return { error: `${name} is given more than once` };
  }
  const verdict = flowVerdicts.find((one) => one === query.get("verdict")) ?? null;
  if (query.has("verdict") && verdict === null) return { error: `verdict is none of ${flowVerdicts.join(", ")}` };
  const direction = directions.find((one) => one === query.get("direction")) ?? null;
  if (query.has("direction") && direction === null) return { error: `direction is none of ${directions.join(", ")}` };
  return { namespace: query.get("namespace"), pod: query.get("pod"), verdict, direction };
}
