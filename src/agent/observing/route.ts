import { readFilterQuery } from "../../observe/flow-filter.ts";
import { type Route, beginStream, plainText, send } from "../server.ts";
import type { Observer } from "./observe.ts";

/** An empty line so often tells us whether the reader is still there. Milliseconds. */
const heartbeat = 15_000;

/**
 * `/v1/flows?namespace=&pod=&verdict=&direction=`: flows from now on, one JSON object a line, until the reader goes.
 * Null: this agent does not listen to a drop log.
 */
export function flowsRoute(observer: Pick<Observer, "subscribe"> | null): Route {
  return (query, response) => {
    const refuse = (status: number, text: string): void => send(response, status, plainText, `${text}\n`);
    if (observer === null) return refuse(503, "this agent has no drop log: --drop-log-group is 0, or it is a dry run");
    const filter = readFilterQuery(query);
    if ("error" in filter) return refuse(400, filter.error);
    if (response.req.method === "HEAD") return refuse(200, "");
    const subscription = observer.subscribe(filter, { write: (line) => response.write(line) });
    if (subscription === null) return refuse(503, "too many observe this agent already");
    beginStream(response, "application/x-ndjson");
    const beat = setInterval(() => {
      if (!response.writableNeedDrain) response.write("\n");
    }, heartbeat).unref();
    response.on("drain", () => subscription.drained());
    const end = (): void => {
      clearInterval(beat);
      subscription.end();
    };
    response.once("close", end);
    response.on("error", end);
  };
}
