import type { Sample } from "../observe/metrics.ts";
import { type ApiClient, ApiUnreachable } from "../source/apiserver/client.ts";

/** Counts what is asked of the API server, by method and by the code of the answer. */
export interface CountedClient {
  readonly client: ApiClient;
  samples(): readonly Sample[];
}

/** Codes below 600 and nine methods at most: nobody's answer makes a series of its own. */
const codeOf = (status: number): string => (status >= 100 && status < 600 ? String(status) : "other");

/** The same client; requests that got no answer count as `unreachable`. */
export function countRequests(client: ApiClient): CountedClient {
  const counts = new Map<string, { readonly labels: Readonly<Record<string, string>>; value: number }>();
  const count = (method: string, code: string) => {
    const key = `${method} ${code}`;
    const entry = counts.get(key) ?? { labels: { method, code }, value: 0 };
    entry.value += 1;
    counts.set(key, entry);
  };
  return {
    client: {
      server: client.server,
      namespace: client.namespace,
      request: async (request, signal) => {
        try {
          const response = await client.request(request, signal);
          count(request.method, codeOf(response.status));
          return response;
        } catch (error) {
          if (error instanceof ApiUnreachable) count(request.method, "unreachable");
          throw error;
        }
      },
      close: () => client.close(),
    },
    samples: () => [...counts.values()],
  };
}
