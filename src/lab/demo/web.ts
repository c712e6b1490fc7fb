import type { Address } from "../../net/address.ts";
import { attempt, call } from "../../system/libc.ts";
import { inNamespace } from "../../system/namespace.ts";
import { SO_REUSEADDR, SOCK_CLOEXEC, SOCK_NONBLOCK, SOCK_STREAM, SOL_SOCKET } from "../kernel/socket-numbers.ts";
import { Poller } from "../probe/poller.ts";
import { socketAddress, socketFamily } from "../probe/sockaddr.ts";

const flags = SOCK_NONBLOCK | SOCK_CLOEXEC;
const noSignal = 0x4000;

function boundSocket(namespace: string, address: Address, port: number): number {
  const fd = inNamespace(namespace, () => call("socket", socketFamily(address), SOCK_STREAM | flags, 0));
  call("setsockopt", fd, SOL_SOCKET, SO_REUSEADDR, Buffer.from([1, 0, 0, 0]), 4);
  const name = socketAddress(address, port);
  call("bind", fd, name, name.length);
  return fd;
}

function page(text: string): Buffer {
  const head = `HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: ${text.length}\r\nconnection: close\r\n\r\n`;
  return Buffer.from(head + text);
}

export type Fetched =
  | { readonly kind: "page"; readonly text: string; readonly milliseconds: number }
  | { readonly kind: "failed"; readonly reason: string; readonly milliseconds: number };

export interface Fetch {
  readonly namespace: string;
  readonly source: Address;
  readonly destination: Address;
  readonly port: number;
}

/** A fetch under way. */
interface Asking {
  /** Sends the request as soon as the connection stands. */
  readonly ask: () => void;
  readonly finish: (reason: string) => void;
}

/** Pods that serve a page of one line, and pods that fetch it: HTTP over real connections between namespaces. */
export class Web {
  readonly #poller = new Poller();
  readonly #buffer = Buffer.alloc(4096);

  /** Serves one page on an address. */
  serve(namespace: string, address: Address, port: number, text: string): void {
    const fd = boundSocket(namespace, address, port);
    call("listen", fd, 64);
    this.#poller.add(fd, () => {
      for (;;) {
        const peer = attempt("accept", fd, null, null, flags);
        if (typeof peer === "string") return;
        this.#poller.add(peer, () => {
          const length = attempt("recv", peer, this.#buffer, this.#buffer.length, 0);
          if (length === "EAGAIN") return;
          const answer = page(text);
          if (typeof length === "number" && length > 0) attempt("send", peer, answer, answer.length, noSignal);
          this.#poller.close(peer);
        });
      }
    });
  }

  /** Fetches pages, all at once; one that has not come in time has failed. */
  fetchAll(fetches: readonly Fetch[], patience: number): readonly Fetched[] {
    const results: Fetched[] = [];
    const open = fetches.map((fetch, index) => this.#start(fetch, (result) => (results[index] = result)));
    const deadline = performance.now() + patience;
    while (Object.keys(results).length < fetches.length && performance.now() < deadline) {
      for (const { ask } of open) ask();
      this.#poller.serve(2);
    }
    for (const { finish } of open) finish("timed out");
    return results;
  }

  #start(fetch: Fetch, settle: (result: Fetched) => void): Asking {
    const { namespace, source, destination, port } = fetch;
    const fd = boundSocket(namespace, source, 0);
    const started = performance.now();
    const request = Buffer.from(`GET / HTTP/1.1\r\nhost: ${destination}\r\nconnection: close\r\n\r\n`);
    let [text, asked, done] = ["", false, false];
    const end = (result: Fetched): void => {
      if (done) return;
      done = true;
      this.#poller.close(fd);
      settle(result);
    };
    const milliseconds = (): number => performance.now() - started;
    const finish = (reason: string): void => end({ kind: "failed", reason, milliseconds: milliseconds() });
    this.#poller.add(fd, () => {
      const length = attempt("recv", fd, this.#buffer, this.#buffer.length, 0);
      if (length === "EAGAIN") return;
      if (typeof length === "string") return finish(length);
      text += this.#buffer.toString("utf8", 0, length);
      if (length > 0) return;
      const [head, body] = text.split("\r\n\r\n");
      if (head?.startsWith("HTTP/1.1 200") === true)
        end({ kind: "page", text: body ?? "", milliseconds: milliseconds() });
      else finish("closed");
    });
    const target = socketAddress(destination, port);
    const connected = attempt("connect", fd, target, target.length);
    if (typeof connected === "string" && connected !== "EINPROGRESS") finish(connected);
    const ask = (): void => {
      if (!asked && !done) asked = typeof attempt("send", fd, request, request.length, noSignal) === "number";
    };
    return { ask, finish };
  }

  close(): void {
    this.#poller.closeAll();
  }
}
