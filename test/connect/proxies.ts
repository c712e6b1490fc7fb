import { once } from "node:events";
import type { AddressInfo, Server, Socket } from "node:net";
import { connect, createServer } from "node:net";

export interface TestProxy {
  readonly port: number;
  /** Where it was asked to connect to, with the credentials that it was given. */
  readonly asked: string[];
  close(): Promise<void>;
}

function join(one: Socket, other: Socket): void {
  one.on("error", () => other.destroy()).pipe(other);
  other.on("error", () => one.destroy()).pipe(one);
  one.once("close", () => other.destroy());
  other.once("close", () => one.destroy());
}

async function listen(server: Server, asked: string[], sockets: Set<Socket>): Promise<TestProxy> {
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("error", () => {}).once("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    asked,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

/** Takes CONNECT with `user:secret` only, where it `wants` that. */
export function startHttpProxy(wants: boolean): Promise<TestProxy> {
  const asked: string[] = [];
  const server = createServer((socket) => {
    socket.once("data", (chunk: Buffer) => {
      const text = chunk.toString("latin1");
      const [, host = "", port = ""] = /^CONNECT (\S+):([0-9]+) HTTP\/1\.1\r\n/.exec(text) ?? [];
      const basic = /proxy-authorization: basic (\S+)\r\n/i.exec(text)?.[1] ?? "";
      const who = Buffer.from(basic, "base64").toString();
      asked.push(`${who}@${host}:${port}`);
      if (wants && who !== "user:secret") {
        socket.end("HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n");
        return;
      }
      const onward = connect(Number(port), host, () => {
        socket.write("HTTP/1.1 200 Connection established\r\nVia: test\r\n\r\n");
        join(socket, onward);
      });
      onward.once("error", () => socket.end("HTTP/1.1 502 Bad Gateway\r\n\r\n"));
    });
  });
  return listen(server, asked, new Set());
}

/** SOCKS5 with user and password. */
export function startSocksProxy(): Promise<TestProxy> {
  const asked: string[] = [];
  const next = async (socket: Socket): Promise<Buffer> => ((await once(socket, "data")) as [Buffer])[0];
  const serve = async (socket: Socket): Promise<void> => {
    const methods = await next(socket);
    if (!methods.subarray(2).includes(2)) {
      socket.end(Buffer.from([5, 255]));
      return;
    }
    socket.write(Buffer.from([5, 2]));
    const login = await next(socket);
    const length = login[1] ?? 0;
    const user = login.subarray(2, 2 + length).toString();
    const password = login.subarray(3 + length).toString();
    socket.write(Buffer.from([1, password === "secret" ? 0 : 1]));
    if (password !== "secret") return;
    const request = await next(socket);
    const host = request[3] === 1 ? request.subarray(4, 8).join(".") : request.subarray(5, -2).toString();
    const port = request.readUInt16BE(request.length - 2);
    asked.push(`${user}@${host}:${port}`);
    const reply = (code: number): Buffer => Buffer.from([5, code, 0, 1, 0, 0, 0, 0, 0, 0]);
    const onward = connect(port, host, () => {
      socket.write(reply(0));
      join(socket, onward);
    });
    onward.once("error", () => socket.end(reply(5)));
  };
  return listen(
    createServer((socket) => void serve(socket).catch(() => socket.destroy())),
    asked,
    new Set(),
  );
}
