/**
 * The scripted resolver: `node resolver.ts echo` or `serve ADDRESS4 ADDRESS6 [lies]`, run inside a namespace. The first label of a name says how it is
 * answered: `KIND-NUMBER-TTL`, so that nothing has to be agreed beforehand; NUMBER is the host in 198.51.100.0/24 or
 * 2001:db8:5::/64. What it does wrong it does on purpose.
 */
import { type Socket as DatagramSocket, createSocket } from "node:dgram";
import { type Socket, createServer } from "node:net";
import { strangeResolver } from "./site.ts";
import { type Written, type WrittenRecord, asked, flags, messageBytes, nameBytes, types } from "./dns-message.ts";

interface Asked {
  readonly id: number;
  readonly name: string;
  readonly type: number;
  /** As it was asked: the case of its letters. */
  readonly bytes: readonly number[];
}

function readQuery(bytes: Uint8Array): Asked {
  const labels: string[] = [];
  let at = 12;
  for (let length = bytes[at] ?? 0; length > 0; length = bytes[at] ?? 0) {
    labels.push(Buffer.from(bytes.subarray(at + 1, at + 1 + length)).toString("latin1"));
    at += 1 + length;
  }
  const type = (bytes[at + 1] ?? 0) * 256 + (bytes[at + 2] ?? 0);
  const name = labels.join(".").toLowerCase();
  return { id: (bytes[0] ?? 0) * 256 + (bytes[1] ?? 0), name, type, bytes: [...bytes.subarray(12, at + 1)] };
}

const addressData = (type: number, number: number): readonly number[] => {
  const [high, low] = [number >> 8, number & 255];
  return type === types.A ? [198, 51, 100, low] : [0x20, 1, 0x0d, 0xb8, 0, 5, ...Array<number>(8).fill(0), high, low];
};

const seen = new Map<string, number>();

interface Reply {
  readonly message: Uint8Array<ArrayBuffer>;
  readonly from?: "stranger" | "port";
}

function repliesTo(query: Asked, isTcp: boolean): readonly Reply[] {
  const [kind = "", host = "0", life = "0"] = (query.name.split(".")[0] ?? "").split("-");
  const [number, ttl] = [Number(host), Number(life)];
  const { id, type } = query;
  const question = { name: query.bytes, type };
  const at = (host_: number, owner: readonly number[] = asked): WrittenRecord => ({
    owner,
    type,
    ttl,
    data: addressData(type, host_),
  });
  const alias = (owner: readonly number[], target: string): WrittenRecord => ({
    owner,
    type: types.CNAME,
    ttl,
    data: nameBytes(target),
  });
  const answer = (answers: readonly WrittenRecord[], more: Partial<Written> = {}) =>
    messageBytes({ id, flags: flags.answer, questions: [question], answers, ...more });
  const good = answer([at(number)]);
  if (type !== types.A && type !== types.AAAA) return [{ message: answer([]) }];
  switch (kind) {
    case "swap": {
      const times = (seen.get(`${query.name} ${type}`) ?? 0) + 1;
      seen.set(`${query.name} ${type}`, times);
      return [{ message: answer([at(times === 1 ? number : number + 1)]) }];
    }
    case "wrongid":
      return [{ message: answer([at(number)], { id: id ^ 1 }) }];
    case "wrongname":
      return [
        { message: answer([at(number)], { questions: [{ ...question, name: nameBytes("ok-1-60.example.org") }] }) },
      ];
    case "wrongtype":
      return [{ message: answer([at(number)], { questions: [{ ...question, type: type === 1 ? 28 : 1 }] }) }];
    case "wrongport":
      return [{ message: good, from: "port" }];
    case "stranger":
      return [{ message: good, from: "stranger" }];
    case "tc":
      return [{ message: isTcp ? good : answer([at(number)], { flags: flags.truncated }) }];
    case "loop":
      return [{ message: answer([at(number), { ...at(number), owner: [0xc0, 12 + query.bytes.length + 4 + 16] }]) }];
    case "trailing":
      return [{ message: Uint8Array.from([...good, 0]) }];
    case "cut":
      return [{ message: good.slice(0, -1) }];
    case "twoq":
      return [{ message: answer([at(number)], { questions: [question, question] }) }];
    case "nx":
      return [{ message: answer([at(number)], { flags: flags.noSuchName }) }];
    case "alias":
      return [
        {
          message: answer([
            alias(asked, "one.elsewhere.test"),
            alias(nameBytes("one.elsewhere.test"), "two.elsewhere.test"),
            at(number, nameBytes("two.elsewhere.test")),
          ]),
        },
      ];
    case "lie":
      return [{ message: answer([at(number, nameBytes("ok-1-60.example.org"))]) }];
    case "circle":
      return [{ message: answer([alias(asked, "b.test"), alias(nameBytes("b.test"), query.name), at(number)]) }];
    case "many":
      return [{ message: answer(Array.from({ length: 100 }, (_, index) => at(number + index))) }];
    case "huge":
      return [{ message: answer(Array.from({ length: 1500 }, (_, index) => at(number + index))) }];
    case "wide": {
      const wide = { ...at(number), data: [100, 64 + ((number >> 16) & 63), (number >> 8) & 255, number & 255] };
      return [{ message: answer([wide]) }];
    }
    case "case":
      return [
        { message: answer([at(number)], { questions: [{ ...question, name: nameBytes(query.name.toUpperCase()) }] }) },
      ];
    case "double":
      return [{ message: good }, { message: good }];
    default:
      return [{ message: good }];
  }
}

function bound(type: "udp4" | "udp6", port: number, address?: string): DatagramSocket {
  const socket = createSocket({ type, ipv6Only: type === "udp6" });
  socket.bind(port, address, () => socket.setRecvBufferSize(8 << 20));
  return socket;
}

/** `mayLie`: it also has an address that nobody asks. */
function serveDatagrams(type: "udp4" | "udp6", address: string, mayLie: boolean): void {
  const own = bound(type, 53, address);
  const otherPort = bound(type, 5353);
  const stranger = mayLie ? bound(type, 53, strangeResolver) : null;
  own.on("message", (bytes, peer) => {
    for (const { message, from } of repliesTo(readQuery(bytes), false)) {
      const socket = from === "port" ? otherPort : from === "stranger" ? (stranger ?? otherPort) : own;
      socket.send(message, peer.port, peer.address);
    }
  });
}

/** `slow` names are answered a byte at a time, the length too. */
function sendFramed(socket: Socket, name: string, message: Uint8Array): void {
  const framed = Uint8Array.from([message.length >> 8, message.length & 255, ...message]);
  if (!name.startsWith("slow")) {
    socket.write(framed);
    return;
  }
  let at = 0;
  const timer = setInterval(() => {
    socket.write(framed.subarray(at, at + 1));
    at += 1;
    if (at >= framed.length) clearInterval(timer);
  }, 3);
}

function serveStreams(): void {
  createServer((socket) => {
    let begun = Buffer.alloc(0);
    socket.setNoDelay(true).on("error", () => {});
    socket.on("data", (data) => {
      begun = Buffer.concat([begun, data]);
      while (begun.length >= 2 && begun.length >= 2 + begun.readUInt16BE(0)) {
        const query = readQuery(begun.subarray(2, 2 + begun.readUInt16BE(0)));
        begun = begun.subarray(2 + begun.readUInt16BE(0));
        for (const { message } of repliesTo(query, true)) sendFramed(socket, query.name, message);
      }
    });
  }).listen(53, "::");
}

/** What the outside host does on every address of its own: it gives back what it gets. */
function echo(): void {
  createServer((socket) => void socket.on("error", () => {}).pipe(socket)).listen(8080, "::");
}

const [, , task, address4 = "", address6 = "", lies] = process.argv;
if (task === "echo") echo();
else {
  serveDatagrams("udp4", address4, lies === "lies");
  serveDatagrams("udp6", address6, false);
  serveStreams();
}
setTimeout(() => process.send?.("ready"), 100);
