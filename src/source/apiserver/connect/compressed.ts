import { pipeline, Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import type { ApiResponse } from "../client.ts";
import type { Describe } from "./transport.ts";

/** Whether to ask for compression: of what is answered at once and may be large. In a watch it would hold events back. */
export const paysToCompress = (method: string, path: string): boolean =>
  method === "GET" && !/[?&]watch=/.test(path) && !path.includes("/watch/");

async function* inflated(compressed: AsyncIterable<Uint8Array>, describe: Describe): AsyncGenerator<Uint8Array> {
  let broken: { readonly error: unknown } | null = null;
  const source = async function* (): AsyncGenerator<Uint8Array> {
    try {
      yield* compressed;
    } catch (error) {
      broken = { error };
      throw error;
    }
  };
  const gunzip = createGunzip();
  // Each failure ends the reading below; this one only has to be heard.
  pipeline(Readable.from(source()), gunzip, () => {});
  try {
    for await (const chunk of gunzip) yield chunk as Uint8Array;
  } catch (error) {
    const { error: first } = (broken as { readonly error: unknown } | null) ?? { error: describe(error) };
    throw first;
  }
}

/** The answer as if it had never been compressed. */
export function decompressed(response: ApiResponse, describe: Describe): ApiResponse {
  if (response.headers["content-encoding"] !== "gzip") return response;
  const { "content-encoding": _, "content-length": __, ...headers } = response.headers;
  const discard = (): void => response.discard();
  return { status: response.status, headers, body: inflated(response.body, describe), discard };
}
