import type { Log } from "../../observe/log.ts";
import type { Clock } from "../../system/clock.ts";
import { SystemCallError } from "../../system/libc.ts";
import { type PacketLogListener, listenToPacketLog } from "../../system/netlink/packet-log.ts";

/** Listens to the drop log, and tries again where it cannot. Says why it cannot, once for each reason. */
export interface Ear {
  /** Listens when this returns, if it can. */
  start(): void;
  stop(): void;
  isListening(): boolean;
}

export interface EarParts {
  readonly log: Log;
  readonly clock: Clock;
  readonly netns: string | null;
  readonly group: number;
}

const retryAfter = 10_000;

const noModule = "load the kernel module nfnetlink_log, or turn the drop log off with --drop-log-group 0";
const remedies: Readonly<Record<string, string>> = {
  EPERM:
    "if another program (another agent, ulogd) listens to this group, end it or choose another group with --drop-log-group; else give the agent CAP_NET_ADMIN",
  ENOENT: noModule,
  EINVAL: noModule,
};

export function createEar(parts: EarParts, listener: Omit<PacketLogListener, "ended">): Ear {
  const { log, clock, netns, group } = parts;
  const over = new AbortController();
  let listening = false;
  let told: string | null = null;

  /** Listens until that fails, or until the end. */
  const listen = (): Promise<unknown> =>
    new Promise((resolve) => {
      try {
        const stop = listenToPacketLog(netns, group, {
          ...listener,
          ended: (code) => resolve(new SystemCallError("reading the drop log", code)),
        });
        over.signal.addEventListener("abort", () => resolve(null), { once: true });
        over.signal.addEventListener("abort", stop, { once: true });
        listening = true;
        told = null;
        log.info("listening to the drop log", { group });
      } catch (error) {
        resolve(error);
      }
    });

  const tell = (error: unknown): void => {
    const reason = error instanceof Error ? error.message : String(error);
    if (reason === told) return;
    told = reason;
    log.warn("denied connections cannot be told of; policies are enforced all the same", {
      error: reason,
      group,
      do: error instanceof SystemCallError ? remedies[error.code] : undefined,
      next_try: `every ${retryAfter / 1000} s`,
    });
  };

  const run = async (): Promise<void> => {
    while (!over.signal.aborted) {
      const failure = await listen();
      listening = false;
      if (over.signal.aborted) return;
      tell(failure);
      await clock.sleep(retryAfter, over.signal);
    }
  };

  return { start: () => void run(), stop: () => over.abort(), isListening: () => listening };
}
