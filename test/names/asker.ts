/** What runs inside a pod and does what it is told over the IPC channel: asks for names, opens connections. */
import { type Socket as DatagramSocket, createSocket } from "node:dgram";
import { lookup } from "node:dns";
import { type Socket, connect } from "node:net";
import { queryBytes, types } from "./dns-message.ts";

export interface Question {
  readonly server: string;
  readonly name: string;
  readonly type?: "A" | "AAAA";
  readonly tcp?: boolean;
  /** Milliseconds. */
  readonly patience?: number;
}

/** Of the answer what the tests look at; null: there was none. */
export type Answered = { readonly code: number; readonly bytes: number; readonly milliseconds: number } | null;

export interface Race {
  readonly server: string;
  readonly count: number;
  /** Numbers of hosts, taken in turn; each name is a new one. */
  readonly hosts: number;
  readonly family: 4 | 6;
}

export interface Rate {
  readonly servers: readonly string[];
  readonly perSecond: number;
  readonly milliseconds: number;
  /** Of names; `#` is replaced by the number of the query. */
  readonly pattern: string;
}

export interface Rated {
  readonly sent: number;
  /** Milliseconds from the query to its answer, sorted. */
  readonly times: readonly number[];
}

let nextId = Math.floor(Math.random() * 65_536);
const newId = (): number => (nextId = (nextId + 1) & 0xffff);
const familyOf = (address: string): "udp4" | "udp6" => (address.includes(":") ? "udp6" : "udp4");
const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

const answered = (bytes: Uint8Array, since: number): Answered => ({
  code: (bytes[3] ?? 0) & 15,
  bytes: bytes.length,
  milliseconds: performance.now() - since,
});

function askByTcp({ server, name, type = "A", patience = 3000 }: Question): Promise<Answered> {
  return new Promise((resolve) => {
    const since = performance.now();
    const query = queryBytes(newId(), name, types[type]);
    const socket = connect(53, server, () => {
      // The length and the message in two segments.
      socket.setNoDelay(true).write(Uint8Array.of(query.length >> 8));
      setTimeout(() => socket.write(Uint8Array.of(query.length & 255, ...query)), 20);
    });
    let all = Buffer.alloc(0);
    const end = (result: Answered): void => {
      socket.destroy();
      resolve(result);
    };
    socket.setTimeout(patience, () => end(null)).on("error", () => end(null));
    socket.on("data", (data) => {
      all = Buffer.concat([all, data]);
      if (all.length >= 2 && all.length >= 2 + all.readUInt16BE(0)) end(answered(all.subarray(2), since));
    });
  });
}

/** Any datagram counts as the answer, as long as anything comes: the tests ask for wrong ones. */
function askByUdp({ server, name, type = "A", patience = 1000 }: Question): Promise<Answered> {
  return new Promise((resolve) => {
    const since = performance.now();
    const socket = createSocket(familyOf(server));
    const end = (result: Answered): void => {
      clearTimeout(timer);
      socket.close();
      resolve(result);
    };
    const timer = setTimeout(() => end(null), patience);
    socket.on("message", (bytes) => end(answered(bytes, since)));
    socket.send(queryBytes(newId(), name, types[type]), 53, server);
  });
}

const open = new Map<number, Socket>();
let handles = 0;

/** A handle; null: it was not accepted in time. */
function openTo({ address, patience = 500 }: { readonly address: string; readonly patience?: number }) {
  return new Promise<number | null>((resolve) => {
    const socket = connect(8080, address, () => {
      clearTimeout(timer);
      handles += 1;
      open.set(handles, socket.setNoDelay(true));
      resolve(handles);
    });
    const fail = (): void => {
      socket.destroy();
      resolve(null);
    };
    socket.on("error", fail);
    const timer = setTimeout(fail, patience);
  });
}

/** Whether what is said comes back. */
function speak({ handle }: { readonly handle: number }): Promise<boolean> {
  const socket = open.get(handle);
  return new Promise((resolve) => {
    if (socket === undefined || socket.destroyed) {
      resolve(false);
      return;
    }
    const timer = setTimeout(() => resolve(false), 700);
    socket.once("data", () => {
      clearTimeout(timer);
      resolve(true);
    });
    socket.write("x");
  });
}

/** Each time a new name, and the connection in the moment of its answer. Gives what went wrong. */
async function race({ server, count, hosts, family }: Race): Promise<readonly string[]> {
  const wrong: string[] = [];
  for (let index = 0; index < count; index += 1) {
    const host = 1 + (index % hosts);
    const address = family === 4 ? `198.51.100.${host}` : `2001:db8:5::${host.toString(16)}`;
    const name = `ok-${host}-1.r${index}-${Date.now()}.example.org`;
    const answer = await askByUdp({ server, name, type: family === 4 ? "A" : "AAAA", patience: 4000 });
    const handle = answer === null ? null : await openTo({ address, patience: 900 });
    if (answer === null) wrong.push(`${name}: no answer`);
    else if (handle === null) wrong.push(`${name}: no connection after ${answer.milliseconds.toFixed(1)} ms`);
    else open.get(handle)?.destroy();
  }
  return wrong;
}

/** As musl does: A and AAAA at once from one socket. Milliseconds until both are there, for each time. */
async function both({
  server,
  count,
}: {
  readonly server: string;
  readonly count: number;
}): Promise<readonly number[]> {
  const times: number[] = [];
  for (let index = 0; index < count; index += 1) {
    times.push(await bothOnce(server, `ok-${1 + (index % 200)}-1.b${index}-${Date.now()}.example.org`));
  }
  return times;
}

function bothOnce(server: string, name: string): Promise<number> {
  return new Promise((resolve) => {
    const since = performance.now();
    const socket: DatagramSocket = createSocket(familyOf(server));
    const wanted = new Set([newId(), newId()]);
    const end = (): void => {
      clearTimeout(timer);
      socket.close();
      resolve(performance.now() - since);
    };
    const timer = setTimeout(end, 5000);
    socket.on("message", (bytes) => {
      wanted.delete(bytes.readUInt16BE(0));
      if (wanted.size === 0) end();
    });
    const [first = 0, second = 0] = wanted;
    socket.send(queryBytes(first, name, types.A), 53, server);
    socket.send(queryBytes(second, name, types.AAAA), 53, server);
  });
}

/** By the C library, both families at once, as programs do. */
function libraryLookup({ name }: { readonly name: string }) {
  return new Promise<{ readonly addresses: readonly string[]; readonly milliseconds: number }>((resolve) => {
    const since = performance.now();
    lookup(name, { all: true }, (_error, found) => {
      const addresses = (found as typeof found | undefined)?.map(({ address }) => address) ?? [];
      resolve({ addresses, milliseconds: performance.now() - since });
    });
  });
}

async function rate({ servers, perSecond, milliseconds, pattern }: Rate): Promise<Rated> {
  const times: number[] = [];
  const asking = new Map<number, number>();
  // Many sockets: identifiers are 16 bits.
  const sockets = servers.flatMap((server) =>
    Array.from({ length: 4 }, () => {
      const socket = createSocket(familyOf(server));
      return { socket, server };
    }),
  );
  for (const [index, { socket }] of sockets.entries()) {
    socket.on("message", (bytes) => {
      const key = index * 65_536 + bytes.readUInt16BE(0);
      const since = asking.get(key);
      if (since !== undefined) times.push(performance.now() - since);
      asking.delete(key);
    });
    socket.bind(0, () => socket.setRecvBufferSize(4 << 20));
  }
  const began = performance.now();
  let sent = 0;
  for (let now = began; now - began < milliseconds; now = performance.now()) {
    for (const due = ((now - began) * perSecond) / 1000; sent < due; sent += 1) {
      const index = sent % sockets.length;
      const asker = sockets[index];
      const id = Math.floor(sent / sockets.length) & 0xffff;
      const name = pattern.replaceAll("#", String(sent));
      asking.set(index * 65_536 + id, performance.now());
      asker?.socket.send(queryBytes(id, name, types.A), 53, asker.server);
    }
    await pause(1);
  }
  await pause(1000);
  for (const { socket } of sockets) socket.close();
  return { sent, times: times.sort((a, b) => a - b) };
}

export interface Series {
  readonly server: string;
  readonly count: number;
  /** `#` is replaced by a number that counts up. */
  readonly pattern: string;
  readonly first: number;
}

/** One after the other from one socket; milliseconds of each. */
async function series({ server, count, pattern, first }: Series): Promise<readonly number[]> {
  const socket = createSocket(familyOf(server));
  const times: number[] = [];
  for (let index = 0; index < count; index += 1) {
    const since = performance.now();
    const got = new Promise((resolve) => {
      const timer = setTimeout(resolve, 5000);
      socket.once("message", () => {
        clearTimeout(timer);
        resolve(null);
      });
    });
    socket.send(queryBytes(newId(), pattern.replaceAll("#", String(first + index)), types.A), 53, server);
    await got;
    times.push(performance.now() - since);
  }
  socket.close();
  return times;
}

const calls = {
  series,
  ask: (question: Question) => (question.tcp === true ? askByTcp(question) : askByUdp(question)),
  open: openTo,
  speak,
  race,
  both,
  lookup: libraryLookup,
  rate,
} as const;
export type Calls = typeof calls;

process.on("message", (message: { readonly number: number; readonly call: keyof Calls; readonly argument: never }) => {
  void calls[message.call](message.argument).then((result) => process.send?.({ number: message.number, result }));
});
process.send?.("ready");
