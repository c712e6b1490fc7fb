/**
 * What runs inside a pod of a site: `node traffic.ts server|client|stranger`. It sends all the time and counts; the
 * parent asks for the counts over the IPC channel. Ports 8080/TCP and 8081/UDP of the server are allowed to the
 * client; everything else is forbidden.
 */
import { createSocket } from "node:dgram";
import { readFileSync } from "node:fs";
import { type Socket, connect, createServer } from "node:net";
import { podAddresses } from "./site.ts";

export const ports = { tcp: 8080, udp: 8081, closedTcp: 9998, closedUdp: 9999 } as const;

/** What the parent asks: to begin sending, to stop it, to tell. */
export type Order = "start" | "stop" | "report";

export interface TrafficReport {
  /** Datagrams and bytes of the allowed flows. */
  readonly sent: number;
  readonly returned: number;
  readonly streamSent: number;
  readonly streamReturned: number;
  /** Why the allowed stream ended; null: it is open. */
  readonly streamEnd: string | null;
  readonly forbiddenSent: number;
  /** Times (milliseconds since the epoch) at which something forbidden arrived, and what it was. */
  readonly forbidden: readonly (readonly [number, string])[];
  /** Datagrams that this pod's kernel dropped because nobody read them: no loss of the path. */
  readonly unread: number;
}

const { server: serverAddress, client: clientAddress } = podAddresses;
const counts = { sent: 0, returned: 0, streamSent: 0, streamReturned: 0, forbiddenSent: 0 };
const forbidden: [number, string][] = [];
let streamEnd: string | null = null;
let sending = false;

function unread(): number {
  const lines = readFileSync("/proc/self/net/snmp", "utf8")
    .split("\n")
    .filter((line) => line.startsWith("Udp:"));
  const index = lines[0]?.split(" ").indexOf("RcvbufErrors") ?? -1;
  return Number(lines[1]?.split(" ")[index] ?? 0);
}

/** Calls `act` again and again while the parent wants it. */
function often(milliseconds: number, act: () => void): void {
  setInterval(() => {
    if (sending) act();
  }, milliseconds);
}

function noteForbidden(what: string): void {
  if (forbidden.length < 1000) forbidden.push([Date.now(), what]);
}

function serve(): void {
  const echo = createSocket("udp4");
  echo.on("message", (data, peer) => {
    if (peer.address !== clientAddress) noteForbidden(`UDP ${ports.udp} from ${peer.address}`);
    else echo.send(data, peer.port, peer.address);
  });
  echo.bind(ports.udp, () => echo.setRecvBufferSize(1 << 20));
  const closed = createSocket("udp4");
  closed.on("message", (_data, peer) => noteForbidden(`UDP ${ports.closedUdp} from ${peer.address}`));
  closed.bind(ports.closedUdp);
  createServer((socket) => {
    socket.on("error", () => {});
    if (socket.remoteAddress?.endsWith(clientAddress) === true) socket.setNoDelay(true).pipe(socket);
    else noteForbidden(`TCP ${ports.tcp} from ${socket.remoteAddress}`);
  }).listen(ports.tcp);
  createServer((socket) => {
    noteForbidden(`TCP ${ports.closedTcp} from ${socket.remoteAddress}`);
    socket.on("error", () => {}).destroy();
  }).listen(ports.closedTcp);
}

/** An allowed stream and allowed datagrams, each of which must come back. */
function sendAllowed(): void {
  const datagrams = createSocket("udp4");
  datagrams.on("message", () => (counts.returned += 1));
  datagrams.bind(() => datagrams.setRecvBufferSize(1 << 20));
  often(2, () => {
    counts.sent += 1;
    datagrams.send(`${counts.sent}`, ports.udp, serverAddress);
  });
  let stream: Socket | null = null;
  often(2, () => {
    stream ??= openStream();
    if (streamEnd !== null || !stream.writable) return;
    stream.write("record\n");
    counts.streamSent += 7;
  });
}

function openStream(): Socket {
  const stream = connect(ports.tcp, serverAddress).setNoDelay(true);
  stream.on("data", (data: Buffer) => (counts.streamReturned += data.length));
  stream.on("error", (error) => (streamEnd = error.message));
  stream.on("close", () => (streamEnd ??= "closed"));
  return stream;
}

function sendForbiddenDatagrams(port: number): void {
  const datagrams = createSocket("udp4");
  datagrams.on("message", () => noteForbidden(`an answer from ${port}`));
  often(1, () => {
    counts.forbiddenSent += 1;
    datagrams.send("x", port, serverAddress);
  });
}

function tryForbiddenConnects(port: number): void {
  often(20, () => {
    counts.forbiddenSent += 1;
    const socket: Socket = connect(port, serverAddress);
    socket.on("error", () => {});
    socket.on("connect", () => noteForbidden(`connected to ${port}`));
    setTimeout(() => socket.destroy(), 100);
  });
}

function begin(role: string | undefined): void {
  if (role === "server") return serve();
  if (role === "client") {
    sendAllowed();
    sendForbiddenDatagrams(ports.closedUdp);
    return tryForbiddenConnects(ports.closedTcp);
  }
  sendForbiddenDatagrams(ports.udp);
  sendForbiddenDatagrams(ports.closedUdp);
  tryForbiddenConnects(ports.tcp);
}

function report(): TrafficReport {
  return { ...counts, streamEnd, forbidden, unread: unread() };
}

if (import.meta.main) {
  begin(process.argv[2]);
  process.on("message", (order: Order) => {
    if (order === "report") process.send?.(report());
    else sending = order === "start";
  });
  process.on("disconnect", () => process.exit(0));
}
