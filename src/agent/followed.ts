import type { ApiClient } from "../source/apiserver/client.ts";
import type { Source } from "../source/source.ts";
import type { AgentSettings } from "./settings.ts";

/** What the agent follows: a folder, or a cluster. */
export interface Followed {
  /** For the log. */
  readonly from: string;
  /** What the operator should look at when it cannot be read. */
  readonly remedy: string;
  /** A fresh source, each time. */
  readonly openSource: () => Source;
  /** Of the cluster that is followed; null: a folder is. */
  readonly client: ApiClient | null;
  close(): void;
}

async function followFolder(folder: string): Promise<Followed> {
  const { manifestFolder } = await import("../source/manifests/watch.ts");
  return {
    from: folder,
    remedy: "check that the folder given by -f is there and can be read",
    openSource: () => manifestFolder(folder),
    client: null,
    close: () => {},
  };
}

/** Prepares what the settings name, without asking it for anything yet. Only what is followed is loaded. */
export function openFollowed(settings: AgentSettings): Promise<Followed> {
  if (settings.folder !== null) return followFolder(settings.folder);
  return Promise.reject(new Error("-f DIR is missing: the source that follows an API server is not built in yet"));
}
