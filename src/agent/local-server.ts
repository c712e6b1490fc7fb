import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import type { Log } from "../observe/log.ts";
import type { Clock } from "../system/clock.ts";
import type { UnixAddress } from "./bind-address.ts";
import { type Routes, type RunningServer, startServer } from "./server.ts";

export interface LocalServerParts {
  readonly socket: UnixAddress;
  readonly routes: Routes;
  readonly clock: Clock;
  readonly log: Log;
}

const retryAfter = 30_000;

/** The folder is for root alone, and for the group that it may be given to: names of pods are nobody else's business. */
function open({ socket, routes }: LocalServerParts): Promise<RunningServer> {
  mkdirSync(dirname(socket.path), { recursive: true, mode: 0o750 });
  return startServer(socket, routes);
}

/**
 * Serves the commands on this node until the signal aborts. That nobody can ask is no reason not to enforce: where the
 * socket cannot be had it is told once and tried again.
 */
export async function serveLocally(parts: LocalServerParts, stop: AbortSignal): Promise<void> {
  const { socket, clock, log } = parts;
  let told = false;
  while (!stop.aborted) {
    try {
      const server = await open(parts);
      log.info("listening for commands on this node", { address: server.address });
      await new Promise((resolve) => {
        if (stop.aborted) resolve(null);
        stop.addEventListener("abort", resolve, { once: true });
      });
      await server.close();
    } catch (error) {
      if (!told) {
        log.warn("commands on this node cannot ask the agent (status, observe): enforcement is not affected", {
          socket: socket.path,
          error: error instanceof Error ? error.message : String(error),
          do: "see whether another agent has the socket, or give another one by --socket",
        });
      }
      told = true;
      await clock.sleep(retryAfter, stop);
    }
  }
}
