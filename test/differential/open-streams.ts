import type { Asked } from "../../src/lab/ask.ts";
import type { LabPlan } from "../../src/lab/plan/plan.ts";
import { connect, Listener, type Stream } from "../contract/sockets.ts";
import type { RandomQuery } from "./random-queries.ts";

/** A TCP connection that is open, and the question that it is the answer to. */
export interface OpenStream {
  readonly query: RandomQuery;
  readonly client: Stream;
  readonly server: Stream;
}

/** What is late on a busy machine comes within this; what is cut never comes, and is waited for less long. */
const patience = { lives: 3000, cut: 250 };

function holderOf(plan: LabPlan, address: Asked["probe"]["source"]): string {
  const name = plan.holders.get(address);
  if (name === undefined) throw new Error(`nobody in the lab has the address ${address}`);
  return name;
}

/** Opens a connection for a question that is answered with allow; null where the kernel does not let it. */
export async function openStream(plan: LabPlan, query: RandomQuery, { probe }: Asked): Promise<OpenStream | null> {
  const { source, destination, port } = probe;
  const listener = Listener.open(holderOf(plan, destination), destination, port ?? 0);
  try {
    const client = await connect(holderOf(plan, source), source, destination, port ?? 0);
    const server = client === null ? null : await listener.accept();
    if (client !== null && server !== null) return { query, client, server };
    client?.close();
    return null;
  } finally {
    listener.close();
  }
}

/** Sends over an open connection, and says whether it arrives: waits as long as what is expected takes. */
export async function delivers({ client, server }: OpenStream, lives: boolean): Promise<boolean> {
  client.send("x");
  const arrived = await server.receive(lives ? patience.lives : patience.cut);
  return arrived !== null && "text" in arrived && arrived.text.length > 0;
}

export function closeStreams(streams: readonly OpenStream[]): void {
  for (const { client, server } of streams) {
    client.close();
    server.close();
  }
}
