import type { ResourceStore } from "./resource-store.ts";

/**
 * Which state a first list may give. `cached`: any that the watch cache has, which costs etcd nothing, and may be some
 * moments old. `newest`: nothing older than the request.
 */
export type Freshness = "cached" | "newest";

const pageSize = "1000";

type Followed = Pick<ResourceStore, "resource" | "resourceVersion">;

function pathOf({ resource }: Followed, query: Readonly<Record<string, string>>): string {
  const { fieldSelector } = resource;
  const all = fieldSelector === "" ? query : { ...query, fieldSelector };
  return `${resource.path}?${new URLSearchParams(all).toString()}`;
}

/** Where nothing was listed yet any state will do; after that, none that is older than what is known. */
function atLeast({ resourceVersion }: Followed, freshness: Freshness): string {
  if (freshness === "newest") return "";
  return resourceVersion === "" ? "0" : resourceVersion;
}

/** A watch that begins with the whole state (WatchList). */
export function initialWatchPath(followed: Followed, seconds: number, freshness: Freshness): string {
  const resourceVersion = atLeast(followed, freshness);
  return pathOf(followed, {
    watch: "1",
    sendInitialEvents: "true",
    resourceVersionMatch: "NotOlderThan",
    allowWatchBookmarks: "true",
    timeoutSeconds: `${seconds}`,
    ...(resourceVersion === "" ? {} : { resourceVersion }),
  });
}

export function watchPath(followed: Followed, seconds: number): string {
  const { resourceVersion } = followed;
  return pathOf(followed, { watch: "1", allowWatchBookmarks: "true", timeoutSeconds: `${seconds}`, resourceVersion });
}

/**
 * The first page of a list. One that is not older than a version that is known comes from the watch cache only as a
 * whole: in pages, servers before 1.34 would read it from etcd.
 */
export function initialListPath(followed: Followed, freshness: Freshness, pages: boolean): string {
  const resourceVersion = atLeast(followed, freshness);
  const known = resourceVersion !== "" && resourceVersion !== "0";
  return pathOf(followed, {
    ...(pages && !known ? { limit: pageSize } : {}),
    ...(resourceVersion === "" ? {} : { resourceVersion }),
    ...(known ? { resourceVersionMatch: "NotOlderThan" } : {}),
  });
}

/** A further page. */
export function listPath(followed: Followed, next: string): string {
  return pathOf(followed, { limit: pageSize, continue: next });
}

/** The least of a list. A server that has not come to our version refuses it; a watch from there it would take. */
export function checkPath(followed: Followed): string {
  const { resourceVersion } = followed;
  return pathOf(followed, { limit: "1", resourceVersion, resourceVersionMatch: "NotOlderThan" });
}
