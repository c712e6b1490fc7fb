/** Clears our bits of the marks of all connections, in the background, before a generation comes around again. */
export interface MarkSweep {
  /**
   * Called before each bump. Starts a sweep half way round; waits for it only where a generation would meet its past.
   * Rejects if that one fails, but not again before another half round: a kernel that cannot be swept (no
   * nf_conntrack_netlink) shall be told of, not left without changes for ever.
   */
  beforeBump(): Promise<void>;
  /** Starts one, after the one that runs: that has seen some connections already. A failure is left to the next one. */
  start(): void;
}

/**
 * `clear` zeroes our bits on every connection; a connection that loses its stamp is decided again and loses nothing.
 * `generations`: how many there are.
 */
export function createMarkSweep(clear: () => Promise<unknown>, generations: number): MarkSweep {
  let bumps = 0;
  let running: Promise<void> | null = null;
  const run = (): Promise<void> => {
    running ??= sweep().finally(() => {
      running = null;
    });
    return running;
  };
  const sweep = async (): Promise<void> => {
    const before = bumps;
    await clear();
    // Marks that were set while it ran are of generations since `before`.
    bumps -= before;
  };
  const ignored = (): void => {
    // A sweep that fails is tried again at the next bump, and awaited (and then reported) where it must not be late.
  };
  const sweptInTime = async (): Promise<void> => {
    try {
      await run();
    } catch (error) {
      bumps = Math.floor(generations / 2);
      throw error;
    }
  };
  return {
    start: () => void (running === null ? run() : running.catch(ignored).then(run)).catch(ignored),
    beforeBump: async () => {
      bumps++;
      if (bumps >= generations - 1) await sweptInTime();
      else if (bumps >= generations / 2) run().catch(ignored);
    },
  };
}
