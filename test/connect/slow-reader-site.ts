/**
 * A watch whose server never stops sending, and a reader that takes one piece and then sleeps. Prints how much memory
 * the process has grown by, in MiB, and whether a list beside it was still answered at once. In a process of its own,
 * with the server in another, so that only the client's memory counts.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { openCluster } from "../../src/source/apiserver/connect/open.ts";
import { configFor, get, runNothing, textOf } from "./asking.ts";

const [url = "", ca = ""] = process.argv.slice(2);
const client = openCluster(configFor(url, ca), { run: runNothing, now: Date.now });
const watch = await get(client, "/watch");
const reader = watch.body[Symbol.asyncIterator]();
await reader.next();
const before = process.memoryUsage().rss;
await sleep(1500);
const started = performance.now();
const list = await textOf(await get(client, "/list"));
const milliseconds = Math.round(performance.now() - started);
let read = 0;
// It has lost nothing, and goes on where it was.
for (let count = 0; count < 2000; count++) read += ((await reader.next()).value as Uint8Array).length;
const grown = Math.round((process.memoryUsage().rss - before) / (1 << 20));
process.stdout.write(JSON.stringify({ grown, milliseconds, list, read }));
process.exit(0);
