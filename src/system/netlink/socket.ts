import { SystemCallError, addressOf, attempt, call } from "../libc.ts";
import { inNamespace } from "../namespace.ts";

const AF_NETLINK = 16;
const SOCK_RAW = 3;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_SNDBUF = 7;
const SO_RCVTIMEO = 20;
const SO_ATTACH_FILTER = 26;
const SO_SNDBUFFORCE = 32;
const SO_RCVBUFFORCE = 33;
const SOL_NETLINK = 270;
const NETLINK_ADD_MEMBERSHIP = 1;
const NETLINK_DROP_MEMBERSHIP = 2;
const NETLINK_NO_ENOBUFS = 5;
const NETLINK_CAP_ACK = 10;
const NETLINK_EXT_ACK = 11;
const MSG_DONTWAIT = 0x40;
const MSG_TRUNC = 0x20;

export const NETLINK_NETFILTER = 12;

/** A dump arrives in pieces of 32 KiB at most, if the kernel has seen that there is room for them. */
const receiveRoom = 256 * 1024;

/** A netlink socket of one network namespace; it stays there wherever the process goes. */
export interface NetlinkSocket {
  readonly fd: number;
  /** The socket's own address; stands in every message that it causes. */
  readonly port: number;
  /** What `receive` fills; valid until the next `receive`. */
  readonly received: Buffer;
  /** Sends the first `length` bytes as one transaction. The kernel has done the work when this returns. */
  send(buffer: Buffer, length: number): void;
  /** One datagram; the number of bytes in `received`, 0 if none is waiting. Throws SystemCallError (ENOBUFS: some were lost). */
  receive(): number;
  close(): void;
}

function setNumber(fd: number, level: number, name: number, value: number): number | string {
  const option = Buffer.alloc(4);
  option.writeUInt32LE(value);
  return attempt("setsockopt", fd, level, name, option, 4);
}

function portOf(fd: number): number {
  const address = Buffer.alloc(12);
  const size = Buffer.alloc(4);
  size.writeUInt32LE(12);
  call("getsockname", fd, address, size);
  return address.readUInt32LE(4);
}

function bound(fd: number): void {
  const address = Buffer.alloc(12);
  address.writeUInt16LE(AF_NETLINK);
  call("bind", fd, address, 12);
}

/**
 * Opens a netlink socket in a network namespace (null: where the process is). Costs 0.1 ms; keep it: closing one after
 * deletions waits for the kernel's grace period, 12 ms. Throws SystemCallError or a file error.
 */
export function openNetlink(netns: string | null, protocol: number): NetlinkSocket {
  const fd = inNamespace(netns, () => call("socket", AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol));
  try {
    bound(fd);
    call("setsockopt", fd, SOL_NETLINK, NETLINK_EXT_ACK, oneAsOption, 4);
    call("setsockopt", fd, SOL_NETLINK, NETLINK_CAP_ACK, oneAsOption, 4);
    setNumber(fd, SOL_SOCKET, SO_RCVBUFFORCE, 4 * 1024 * 1024);
    return socketOn(fd);
  } catch (error) {
    call("close", fd);
    throw error;
  }
}

const oneAsOption = Buffer.from([1, 0, 0, 0]);

function socketOn(fd: number): NetlinkSocket {
  const received = Buffer.allocUnsafeSlow(receiveRoom);
  let sendRoom = 64 * 1024;
  let open = true;
  const makeRoom = (length: number): void => {
    const wanted = length * 2 + 64 * 1024;
    // Without CAP_NET_ADMIN in the first user namespace only net.core.wmem_max is to be had.
    if (typeof setNumber(fd, SOL_SOCKET, SO_SNDBUFFORCE, wanted) === "string") {
      setNumber(fd, SOL_SOCKET, SO_SNDBUF, wanted);
    }
    sendRoom = wanted;
  };
  return {
    fd,
    port: portOf(fd),
    received,
    send: (buffer, length) => {
      if (length + 1024 > sendRoom) makeRoom(length);
      call("send", fd, buffer, length, 0);
    },
    receive: () => {
      const got = attempt("recv", fd, received, received.length, MSG_DONTWAIT | MSG_TRUNC);
      if (got === "EAGAIN") return 0;
      if (typeof got === "string") throw new SystemCallError("recv", got);
      if (got > received.length) throw new SystemCallError("recv", "EMSGSIZE");
      return got;
    },
    close: () => {
      if (open) call("close", fd);
      open = false;
    },
  };
}

/** Lets the socket hear what all do in its namespace: the notifications of a multicast group. */
export function subscribe(socket: NetlinkSocket, group: number): void {
  setMembership(socket, NETLINK_ADD_MEMBERSHIP, group);
}

/** What does not fit is dropped without a word, and what comes after it is heard; else an overrun silences the socket. */
export function ignoreOverruns(socket: NetlinkSocket): void {
  call("setsockopt", socket.fd, SOL_NETLINK, NETLINK_NO_ENOBUFS, oneAsOption, 4);
}

/** Bytes that wait to be read; the kernel counts what it needs itself, twice as much as a packet has. */
export function setReceiveRoom(socket: NetlinkSocket, bytes: number): void {
  setNumber(socket.fd, SOL_SOCKET, SO_RCVBUFFORCE, bytes);
}

/** Ends `subscribe`. While nobody on the machine listens the kernel does not even write the notifications. */
export function unsubscribe(socket: NetlinkSocket, group: number): void {
  setMembership(socket, NETLINK_DROP_MEMBERSHIP, group);
}

function setMembership(socket: NetlinkSocket, option: number, group: number): void {
  const number = Buffer.alloc(4);
  number.writeUInt32LE(group);
  call("setsockopt", socket.fd, SOL_NETLINK, option, number, 4);
}

/** Lets a blocking read of the descriptor return (with EAGAIN) after so many milliseconds. */
export function limitReadTime(socket: NetlinkSocket, milliseconds: number): void {
  const option = Buffer.alloc(16);
  option.writeBigInt64LE(BigInt(Math.floor(milliseconds / 1000)), 0);
  option.writeBigInt64LE(BigInt((milliseconds % 1000) * 1000), 8);
  call("setsockopt", socket.fd, SOL_SOCKET, SO_RCVTIMEO, option, 16);
}

/**
 * Lets the kernel throw away the notifications that one port caused before they reach this socket: our own
 * transactions then wake nobody. A transaction's notifications all carry the port of who sent it.
 */
export function ignorePort(socket: NetlinkSocket, port: number): void {
  const swapped = Buffer.alloc(4);
  swapped.writeUInt32LE(port);
  // Classic BPF loads in network order, nlmsg_pid is in host order.
  const own = swapped.readUInt32BE();
  const instructions: readonly (readonly [code: number, jumpTrue: number, jumpFalse: number, operand: number])[] = [
    [0x20, 0, 0, 12], // A = word at 12, nlmsg_pid
    [0x15, 0, 1, own], // equal?
    [0x06, 0, 0, 0], // drop
    [0x06, 0, 0, 0xffffffff], // take all of it
  ];
  const code = Buffer.allocUnsafeSlow(8 * instructions.length);
  instructions.forEach(([opcode, jumpTrue, jumpFalse, operand], index) => {
    code.writeUInt16LE(opcode, 8 * index);
    code[8 * index + 2] = jumpTrue;
    code[8 * index + 3] = jumpFalse;
    code.writeUInt32LE(operand, 8 * index + 4);
  });
  const program = Buffer.alloc(16);
  program.writeUInt16LE(instructions.length, 0);
  program.writeBigUInt64LE(addressOf(code), 8);
  call("setsockopt", socket.fd, SOL_SOCKET, SO_ATTACH_FILTER, program, 16);
}
