import type { ApiServerOptions } from "../../src/source/apiserver/apiserver.ts";
import { apiServerSource } from "../../src/source/apiserver/apiserver.ts";
import type { Asked, ScriptedApi } from "./api.ts";
import { scriptedClient } from "./client.ts";
import { ScriptedClock } from "./clock.ts";
import { FollowedState } from "./followed-state.ts";
import { newServer } from "./scripted-cluster.ts";

export const silent = { error: () => {}, warn: () => {}, info: () => {}, debug: () => {} };

/** A source that follows a scripted server, with a clock that only moves when told. */
export class Scene {
  readonly api: ScriptedApi = newServer();
  readonly clock = new ScriptedClock();
  readonly state = new FollowedState();
  readonly #stop = new AbortController();
  readonly source;
  #following: Promise<void> | null = null;

  /** `random`: of the jitter; half of what is possible unless told otherwise. */
  constructor(options: Partial<ApiServerOptions> = {}) {
    const random = (): number => 0.5;
    const client = scriptedClient(this.api);
    this.source = apiServerSource(client, { services: false, clock: this.clock, random, log: silent, ...options });
  }

  async start(): Promise<void> {
    this.#following = this.state.follow(this.source, this.#stop.signal);
    await this.clock.pass(0);
  }

  /** What was asked about a resource since the last call of it. */
  asked(path: string): readonly string[] {
    const mine = this.api.asked.filter((one) => one.path === path);
    this.api.asked.splice(0, this.api.asked.length, ...this.api.asked.filter((one) => one.path !== path));
    return mine.map(describe);
  }

  async end(): Promise<void> {
    this.#stop.abort();
    await this.#following;
    if (this.state.failure !== null) throw this.state.failure as Error;
  }
}

/** `watch from 5`, `list from cache`: a request in a few words. */
function describe({ verb, query }: Asked): string {
  const version = query.get("resourceVersion");
  const from = version === null ? "now" : version === "0" ? "cache" : version;
  if (verb === "page") return `page ${query.get("continue") ?? ""}`;
  return `${verb} from ${from}${query.get("limit") === null ? "" : " in pages"}`;
}

/** Follows, and ends whatever happens. */
export async function playing(scene: Scene, play: () => Promise<void>): Promise<void> {
  try {
    await scene.start();
    await play();
  } finally {
    await scene.end();
  }
}
