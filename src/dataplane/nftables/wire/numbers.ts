/** Numbers of linux/netfilter/nf_tables.h, and of nft's own user data, under the names that they have there. */
export const NFPROTO_INET = 1;
export const NFPROTO_IPV4 = 2;
export const NFPROTO_IPV6 = 10;
export const NFNL_SUBSYS_NFTABLES = 10;
export const NFNLGRP_NFTABLES = 7;
export const NFNL_MSG_BATCH_BEGIN = 0x10;
export const NFNL_MSG_BATCH_END = 0x11;

export const NLMSG_ERROR = 2;
export const NLMSG_DONE = 3;
export const NLM_F_REQUEST = 0x1;
export const NLM_F_ACK = 0x4;
export const NLM_F_ECHO = 0x8;
export const NLM_F_DUMP_INTR = 0x10;
export const NLM_F_REPLACE = 0x100;
export const NLM_F_DUMP = 0x300;
export const NLM_F_CREATE = 0x400;
export const NLM_F_APPEND = 0x800;

const message = (number: number): number => (NFNL_SUBSYS_NFTABLES << 8) | number;
export const NEWTABLE = message(0);
export const GETTABLE = message(1);
export const DELTABLE = message(2);
export const NEWCHAIN = message(3);
export const GETCHAIN = message(4);
export const DELCHAIN = message(5);
export const NEWRULE = message(6);
export const GETRULE = message(7);
export const DELRULE = message(8);
export const NEWSET = message(9);
export const GETSET = message(10);
export const DELSET = message(11);
export const NEWSETELEM = message(12);
export const GETSETELEM = message(13);
export const DELSETELEM = message(14);
export const NEWGEN = message(15);
export const GETGEN = message(16);
export const NEWOBJ = message(18);
export const GETOBJ = message(19);
export const DELOBJ = message(20);

/** The first attribute of every message about something in a table. */
export const NFTA_TABLE = 1;

export const SetFlag = { anonymous: 1, interval: 4, map: 8, timeout: 0x10, dynamic: 0x20, object: 0x40 } as const;
export const elementIntervalEnd = 1;
export const objectCounter = 1;
export const dataVerdict = 0xffffff00;

/** nft's numbers for types of keys; concatenations pack six bits a field. */
export const keyTypes = {
  ipv4_addr: { number: 7, size: 4, hostOrder: false },
  ipv6_addr: { number: 8, size: 16, hostOrder: false },
  inet_service: { number: 13, size: 2, hostOrder: false },
  mark: { number: 19, size: 4, hostOrder: true },
  icmpv6_type: { number: 29, size: 1, hostOrder: false },
} as const;

export const hooks = { prerouting: 0, input: 1, forward: 2, output: 3, postrouting: 4 } as const;

export const verdictCodes = { accept: 1, drop: 0, return: -5, jump: -3, goto: -4 } as const;

/** Bits of `ct state`, in the order in which nft prints them. */
export const stateBits = { invalid: 1, established: 2, related: 4, new: 8, untracked: 0x40 } as const;

export const Ct = {
  state: 0,
  direction: 1,
  status: 2,
  mark: 3,
  protoSource: 11,
  sourceIp: 0x13,
  sourceIp6: 0x15,
} as const;
export const statusDnat = 0x20;
export const Meta = { iif: 4, oif: 5, nfproto: 15, l4proto: 16 } as const;
export const Compare = { equal: 0, notEqual: 1, less: 2, atMost: 3, greater: 4, atLeast: 5 } as const;
export const Payload = { network: 1, transport: 2 } as const;
/** Attributes of the expressions `limit`, `dynset` and `log`, and the values that we give them. */
export const limit = { rate: 1, unit: 2, burst: 3, type: 4, flags: 5, ofPackets: 0 } as const;
export const dynset = {
  setName: 1,
  setId: 2,
  operation: 3,
  keyRegister: 4,
  timeout: 6,
  expression: 7,
  update: 1,
} as const;
export const log = { group: 1, prefix: 2, snaplen: 3, threshold: 4 } as const;
export const addressTypeLocal = 2;
export const protocolIcmpv6 = 58;
