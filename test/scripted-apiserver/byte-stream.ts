/** Bytes that one side puts in and the other takes out, until it ends or breaks. */
export class ByteStream {
  #waiting: Uint8Array[] = [];
  #end: { readonly error: Error | null } | null = null;
  #wake: (() => void) | null = null;
  /** Bytes that were put in and not taken: a slow reader. */
  #backlog = 0;

  get backlog(): number {
    return this.#backlog;
  }

  get ended(): boolean {
    return this.#end !== null;
  }

  push(bytes: Uint8Array): void {
    if (this.#end !== null) return;
    this.#waiting.push(bytes);
    this.#backlog += bytes.length;
    this.#ring();
  }

  /** With an error: the connection breaks, after what was put in. */
  end(error: Error | null = null): void {
    this.#end ??= { error };
    this.#ring();
  }

  async *take(): AsyncGenerator<Uint8Array, void> {
    for (;;) {
      const batch = this.#waiting;
      this.#waiting = [];
      for (const bytes of batch) {
        this.#backlog -= bytes.length;
        yield bytes;
      }
      if (this.#waiting.length > 0) continue;
      if (this.#end !== null) {
        if (this.#end.error !== null) throw this.#end.error;
        return;
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  #ring(): void {
    this.#wake?.();
    this.#wake = null;
  }
}
