/** A limit of our own has passed. */
export class TimeUp extends Error {
  constructor(message: string) {
    super(message);
    this.name = "TimeUp";
  }
}

/** Does something that a guard beside it may break off; the guard ends with it. */
export async function guarded<T>(
  stop: AbortSignal,
  guard: (signal: AbortSignal, breakOff: (reason: string) => void) => Promise<void>,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const timer = new AbortController();
  const signal = AbortSignal.any([stop, timer.signal]);
  const guarding = guard(signal, (reason) => timer.abort(new TimeUp(reason)));
  try {
    return await work(signal);
  } finally {
    timer.abort(new TimeUp("done"));
    await guarding;
  }
}
