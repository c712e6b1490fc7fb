import { type IncomingMessage, request } from "node:http";
import { type FlowFilter, filterQuery } from "../observe/flow-filter.ts";
import type { Flow, FlowEnd, FlowsLost } from "../observe/flow.ts";
import { printable } from "../observe/printable.ts";
import { InputError } from "./exit.ts";
import { lineBatches } from "./lines.ts";

const objectIn = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};

const isTextOrNull = (value: unknown): value is string | null => value === null || typeof value === "string";
const isPortOrNull = (value: unknown): value is number | null => value === null || typeof value === "number";

function endIn(value: unknown): FlowEnd | null {
  const { address, namespace, pod, port } = objectIn(value);
  if (typeof address !== "string" || !isTextOrNull(namespace) || !isTextOrNull(pod) || !isPortOrNull(port)) return null;
  return { address, namespace, pod, port };
}

const apiVersion = "portcullis.dev/v1";

/**
 * A line of `/v1/flows` or of `portcullis observe -o json`; null: it is neither of the two. What else is in it is left
 * out: whoever speaks as an agent decides neither what is printed nor how deep it is nested.
 */
export function readFlowLine(line: string): Flow | FlowsLost | null {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return null;
  }
  const { kind, time, node, verdict, direction, reason, protocol, from, to, policies, count } = objectIn(value);
  if (typeof time !== "string" || typeof node !== "string") return null;
  if (kind === "FlowsLost") return typeof count === "number" ? { apiVersion, kind, time, node, count } : null;
  const ends = { from: endIn(from), to: endIn(to) };
  if (kind !== "Flow" || ends.from === null || ends.to === null) return null;
  if (typeof verdict !== "string" || typeof reason !== "string" || typeof protocol !== "string") return null;
  if (!isTextOrNull(direction) || !Array.isArray(policies)) return null;
  if (!policies.every((policy) => typeof policy === "string")) return null;
  const { suppressed: held, rule: told } = objectIn(value);
  const suppressed = typeof held === "number" ? held : 0;
  // Agents of before tell no rule.
  const rule = typeof told === "number" ? told : null;
  // An agent of another version may know more verdicts and reasons.
  const words = { verdict, direction, reason } as Pick<Flow, "verdict" | "direction" | "reason">;
  return { apiVersion, kind, time, node, ...words, protocol, from: ends.from, to: ends.to, policies, rule, suppressed };
}

/** Why the socket of an agent cannot be used, for the operator. */
export function reasonFor(error: NodeJS.ErrnoException, socket: string): string {
  const path = printable(socket, 200);
  switch (error.code) {
    case "ENOENT":
    case "ECONNREFUSED":
      return `no agent listens on ${path}: it does not run on this machine, or has another --socket`;
    case "EACCES":
    case "EPERM":
      return `${path} may be used by root and the socket's group only: ${error.code}`;
    default:
      return `${path}: ${error.message}`;
  }
}

/** Asks the agent of this node for flows. Throws InputError where it cannot be had or refuses. */
async function openFlows(socketPath: string, filter: FlowFilter, stop: AbortSignal): Promise<IncomingMessage> {
  const path = `/v1/flows?${filterQuery(filter)}`;
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const asking = request({ socketPath, path, signal: stop });
    asking.once("response", resolve);
    asking.once("error", (error) => reject(new InputError(reasonFor(error, socketPath))));
    asking.end();
  });
  if (response.statusCode === 200) return response;
  let text = "";
  for await (const lines of lineBatches(response)) text ||= lines.find((line) => line !== null) ?? "";
  throw new InputError(`the agent says: ${printable(text)}`);
}

/**
 * The flows of this node's agent, until it ends or the signal aborts. Calls `opened` when the agent has begun to tell.
 * Throws InputError where it cannot be asked.
 */
export async function* flowsOfSocket(
  socketPath: string,
  filter: FlowFilter,
  opened: () => void,
  stop: AbortSignal,
): AsyncGenerator<Flow | FlowsLost> {
  const response = await openFlows(socketPath, filter, stop);
  opened();
  try {
    for await (const lines of lineBatches(response)) {
      for (const line of lines) {
        const read = line === null || line === "" ? null : readFlowLine(line);
        if (read !== null) yield read;
      }
    }
  } catch (error) {
    // The agent ended in the middle of it, or we did.
    if ((error as NodeJS.ErrnoException).code !== "ECONNRESET" && !stop.aborted) throw error;
  } finally {
    response.destroy();
  }
}
