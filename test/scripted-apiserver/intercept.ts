/** Somebody else in the place of the scripted server: a proxy, another server behind the same address. */
import type { ApiRequest } from "../../src/source/apiserver/client.ts";
import { Broken } from "./api.ts";
import type { Answer } from "./api.ts";
import type { Scene } from "./scene.ts";

export function answer(status: number, text: string, type = "application/json"): Answer {
  async function* body() {
    yield Buffer.from(text);
  }
  return { status, headers: { "content-type": type }, body: body(), leave: () => {} };
}

/** Answers 200 and nothing more, ever. */
export function silence(): Answer {
  async function* body(): AsyncGenerator<Uint8Array> {
    await new Promise(() => {});
    yield Buffer.alloc(0);
  }
  return { status: 200, headers: { "content-type": "application/json" }, body: body(), leave: () => {} };
}

/** Somebody else answers some requests; gives what they were. */
export function intercept(
  scene: Scene,
  meet: (request: Pick<ApiRequest, "path" | "accept">) => Answer | null,
): string[] {
  const handle = scene.api.handle.bind(scene.api);
  const met: string[] = [];
  scene.api.handle = (request) => {
    const own = meet(request);
    if (own !== null) met.push(request.path);
    return own ?? handle(request);
  };
  return met;
}

export function end(scene: Scene, path: string): void {
  for (const { stream } of scene.api.collections.get(path)?.watchers ?? []) stream.end(new Broken("reset"));
}

export const isStream = ({ path }: Pick<ApiRequest, "path">): boolean => path.includes("sendInitialEvents");
