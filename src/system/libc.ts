import koffi from "koffi";

/**
 * The calls of libc that Portcullis needs and Node lacks. They run on the calling thread, so only what cannot block
 * belongs here: netlink requests (the kernel answers while it takes the message), non-blocking descriptors, setns.
 */
const libc = koffi.load("libc.so.6");

const calls = {
  socket: libc.func("int socket(int domain, int type, int protocol)"),
  bind: libc.func("int bind(int fd, const void *address, uint32_t length)"),
  connect: libc.func("int connect(int fd, const void *address, uint32_t length)"),
  listen: libc.func("int listen(int fd, int backlog)"),
  accept: libc.func("int accept4(int fd, void *address, void *length, int flags)"),
  send: libc.func("intptr_t send(int fd, const void *data, size_t length, int flags)"),
  sendto: libc.func(
    "intptr_t sendto(int fd, const void *data, size_t length, int flags, const void *to, uint32_t size)",
  ),
  recv: libc.func("intptr_t recv(int fd, void *data, size_t length, int flags)"),
  recvfrom: libc.func("intptr_t recvfrom(int fd, void *data, size_t length, int flags, void *from, void *size)"),
  setsockopt: libc.func("int setsockopt(int fd, int level, int name, const void *value, uint32_t length)"),
  getsockopt: libc.func("int getsockopt(int fd, int level, int name, void *value, void *length)"),
  getsockname: libc.func("int getsockname(int fd, void *address, void *length)"),
  close: libc.func("int close(int fd)"),
  setns: libc.func("int setns(int fd, int type)"),
  interfaceIndex: libc.func("unsigned int if_nametoindex(const char *name)"),
  epollCreate: libc.func("int epoll_create1(int flags)"),
  epollControl: libc.func("int epoll_ctl(int epoll, int operation, int fd, void *event)"),
  eventfd: libc.func("int eventfd(unsigned int initial, int flags)"),
  epollWait: libc.func("int epoll_wait(int epoll, void *events, int room, int milliseconds)"),
} as const;

type CallName = keyof typeof calls;

/** A call that failed. `code` is errno's name, such as `ECONNREFUSED`. */
export class SystemCallError extends Error {
  readonly call: string;
  readonly code: string;
  constructor(name: string, code: string) {
    super(`${name}: ${code}`);
    this.name = "SystemCallError";
    this.call = name;
    this.code = code;
  }
}

const codeOf = new Map(Object.entries(koffi.os.errno).map(([code, number]) => [number, code]));
// EAGAIN and EWOULDBLOCK are one number on Linux, so are EOPNOTSUPP and ENOTSUP; callers test for the first names.
codeOf.set(11, "EAGAIN").set(95, "EOPNOTSUPP");
// The kernel's answers that no program should see, and netfilter gives.
codeOf.set(512, "ERESTARTSYS").set(513, "ERESTARTNOINTR").set(524, "ENOTSUPP").set(85, "ERESTART");

/** The name of an errno. */
export function errnoName(number: number): string {
  return codeOf.get(number) ?? `errno ${number}`;
}

/** Calls libc; throws SystemCallError where it returns -1. */
export function call(name: CallName, ...args: readonly unknown[]): number {
  const result = Number(calls[name](...args));
  if (result < 0) throw new SystemCallError(name, errnoName(koffi.errno()));
  return result;
}

/** Calls libc; gives the result, or the name of the errno where it returns -1. */
export function attempt(name: CallName, ...args: readonly unknown[]): number | string {
  const result = Number(calls[name](...args));
  return result < 0 ? errnoName(koffi.errno()) : result;
}

/** Where a Buffer's bytes are, for structures that hold pointers. The Buffer must stay referenced until the call is over. */
export function addressOf(buffer: Buffer): bigint {
  return koffi.address(buffer);
}
