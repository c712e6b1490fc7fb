import type { ApiClient, ApiResponse } from "../../src/source/apiserver/client.ts";
import { ApiUnreachable } from "../../src/source/apiserver/client.ts";
import type { ClusterConfig, RunCommand } from "../../src/source/apiserver/connect/config.ts";

export const never = new AbortController().signal;

/** No test starts a program unless it says so. */
export const runNothing: RunCommand = () => Promise.reject(new Error("a program was started"));

/** A configuration with nothing special in it. */
export function configFor(server: string, authority: string | null, more: Partial<ClusterConfig> = {}): ClusterConfig {
  return {
    from: "the test",
    server,
    namespace: "default",
    authority: authority === null ? null : { kind: "inline", text: authority },
    serverName: null,
    proxy: null,
    certificate: null,
    token: { kind: "none" },
    impersonate: [],
    ...more,
  };
}

export const get = (client: ApiClient, path: string, signal = never): Promise<ApiResponse> =>
  client.request({ method: "GET", path }, signal);

export async function textOf(response: ApiResponse): Promise<string> {
  const parts: Uint8Array[] = [];
  for await (const part of response.body) parts.push(part);
  return Buffer.concat(parts).toString();
}

/** The message that the operator gets. */
export async function failure(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    if (error instanceof ApiUnreachable) return error.message;
    throw error;
  }
  throw new Error("it was no failure");
}
