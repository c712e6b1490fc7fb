import type { ListMeta, Seen, WatchEvent } from "../seen.ts";

/** Takes the bytes of a list as they come, and gives each object as soon as it is whole. */
export interface ListReading {
  /** Throws `MalformedAnswer`. */
  feed(chunk: Uint8Array): void;
  /** What the list said of itself; throws `MalformedAnswer` where it was cut short. */
  end(): ListMeta;
}

/** Takes the bytes of a watch as they come, and gives each event as soon as it is whole. */
export interface WatchReading {
  /** Throws `MalformedAnswer`. */
  feed(chunk: Uint8Array): void;
}

/** How the answers about one resource are read. The server chooses among the forms that are accepted. */
export interface Reader {
  readonly acceptList: string;
  readonly acceptWatch: string;
  list(contentType: string, item: (seen: Seen) => void): ListReading;
  watch(contentType: string, event: (event: WatchEvent) => void): WatchReading;
}
