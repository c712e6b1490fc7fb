import assert from "node:assert/strict";
import { freshPort } from "./fixture.ts";
import { connect, Listener, type Stream } from "./sockets.ts";
import type { Host } from "./world.ts";

/** Both ends of an open connection. */
export interface Open {
  readonly client: Stream;
  readonly server: Stream;
}

export async function opened(
  client: Host,
  server: Host,
  family: "v4" | "v6" = "v4",
  to = server[family],
): Promise<Open> {
  const port = to === server[family] ? freshPort() : 80;
  const listener = Listener.open(server.netns, server[family], port);
  const stream = await connect(client.netns, client[family], to, port);
  const accepted = await listener.accept();
  listener.close();
  assert.ok(stream !== null && accepted !== null, "the connection could not be opened");
  return { client: stream, server: accepted };
}

export async function passes(from: Stream, to: Stream): Promise<boolean> {
  from.send("x");
  const arrived = await to.receive();
  return arrived !== null && "text" in arrived && arrived.text.length > 0;
}

export async function lives({ client, server }: Open): Promise<boolean> {
  return (await passes(client, server)) && passes(server, client);
}
