import type { PodName } from "../faults/site.ts";
import type { TrafficReport } from "../faults/traffic.ts";

/** What is wrong with what traffic tells: forbidden that arrived, allowed that did not; empty: nothing. */
export function lossesOf({ client, server, stranger }: Readonly<Record<PodName, TrafficReport>>): readonly string[] {
  const problems: string[] = [];
  const slipped = [...client.forbidden, ...server.forbidden, ...stranger.forbidden].map(([, what]) => what);
  if (slipped.length > 0) problems.push(`${slipped.length} forbidden arrived: ${[...new Set(slipped)].join(", ")}`);
  const lost = client.sent - client.returned - client.unread - server.unread;
  if (lost > 0) problems.push(`${lost} of ${client.sent} allowed datagrams were lost`);
  const unreturned = client.streamSent - client.streamReturned;
  if (unreturned !== 0 || client.streamEnd !== null)
    problems.push(`the allowed stream lost ${unreturned} bytes (${client.streamEnd ?? "open"})`);
  if (client.sent < 200 || client.forbiddenSent < 200 || stranger.forbiddenSent < 200)
    problems.push("too little was sent to show anything");
  return problems;
}
