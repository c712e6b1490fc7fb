import type { Log } from "../../observe/log.ts";
import { type PolicyReading, readEverything } from "../../policy/kinds.ts";
import type { Snapshot } from "../source.ts";
import { apiServerSource } from "./apiserver.ts";
import type { ApiClient } from "./client.ts";
import type { SourceClock } from "./pace.ts";

export interface ReadClusterOptions {
  readonly clock: SourceClock;
  readonly random: () => number;
  /** Which policies are read; absent: all. */
  readonly reading?: PolicyReading;
  /** Aborts when the reader has lost patience. */
  readonly signal?: AbortSignal;
}

/** Attempts at each resource: a restart of the server is waited for, one that is down is not. */
const attempts = 3;

const silent: Log = { error: () => {}, warn: () => {}, info: () => {}, debug: () => {} };

/**
 * Reads a live cluster once, as it is now: what was written before the call is in it. `complete` is false where
 * something that counts may not be read; a finding says what. Rejects with `ApiUnreachable` where the server does not
 * answer.
 */
export async function readCluster(client: ApiClient, options: ReadClusterOptions): Promise<Snapshot> {
  const { clock, random, reading = readEverything, signal } = options;
  const done = new AbortController();
  const stop = signal === undefined ? done.signal : AbortSignal.any([signal, done.signal]);
  try {
    const source = apiServerSource(client, {
      services: true,
      reading,
      clock,
      random,
      log: silent,
      freshness: "newest",
      attempts,
    });
    return await source.snapshot(stop);
  } finally {
    done.abort();
  }
}
