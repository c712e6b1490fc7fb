import { DataplaneError } from "../../dataplane.ts";
import type { Operation } from "../step.ts";

/** What the kernel said about one message. */
export interface Refusal {
  readonly code: string;
  /** The kernel's own words, if it had any. */
  readonly message: string | null;
  /** Where in the message the fault lies, in bytes. */
  readonly offset: number | null;
}

/** What the errors of nf_tables mean here, and what to do: the kernel says no more than the number. */
const meanings: Readonly<Record<string, string>> = {
  EPERM: "no permission: run as root or with CAP_NET_ADMIN in the user namespace that owns this network namespace",
  EACCES: "no permission: run as root or with CAP_NET_ADMIN in the user namespace that owns this network namespace",
  ENOENT:
    "it, or something it refers to, is not in the kernel: somebody else deleted it, or the kernel lacks the expression or set type (modules nf_tables, nft_ct, nft_fib_inet, nft_reject_inet, nft_objref)",
  EEXIST: "it is there already with other content: somebody else made it, or an interval overlaps another",
  EBUSY: "something still refers to it, or it is there with other content: somebody else uses our table",
  ENFILE: "the set is full: it holds as many elements as its size allows",
  ENOSPC: "the set is full, or the kernel has no room for it",
  ENOMEM: "the kernel has no memory left for it; look at the memory limit of this cgroup",
  EMSGSIZE:
    "the transaction is larger than the socket may send: raise net.core.wmem_max, or run with CAP_NET_ADMIN in the first user namespace",
  ENOBUFS: "the kernel had no room for its answer; whether the transaction took effect is unknown",
  EMLINK: "chains jump too deep or in a circle",
  ELOOP: "chains jump too deep or in a circle",
  EOPNOTSUPP: "this kernel does not support it, or the object cannot be changed in this way",
  EAFNOSUPPORT: "this kernel has no nf_tables for the inet family (CONFIG_NF_TABLES_INET)",
  EPROTONOSUPPORT: "this kernel has no netfilter netlink: load the modules nfnetlink and nf_tables",
  EINVAL: "the kernel does not accept it; this is a defect of Portcullis or a kernel older than 5.10",
  ERANGE: "a number in it is out of range",
  EOVERFLOW: "a number in it is too large",
  ENAMETOOLONG: "a name in it is too long",
};

const shortened = (text: string): string => (text.length <= 100 ? text : `${text.slice(0, 99)}…`);

/** An operation in one line, with the names that a person finds in `nft list ruleset`. */
export function describeOperation(operation: Operation): string {
  switch (operation.kind) {
    case "add-table":
    case "delete-table":
      return operation.kind;
    case "add-counter":
      return `add-counter ${operation.counter.name}`;
    case "add-set":
    case "flush-set":
      return `${operation.kind} ${operation.set.name}`;
    case "add-elements":
      return describeElements("add", operation.set.name, [...operation.elements.keys()]);
    case "renew-elements":
      return describeElements("renew", operation.set.name, [...operation.seconds.keys()]);
    case "delete-elements":
      return describeElements("delete", operation.set.name, operation.keys);
    case "add-chain":
      return `add-chain ${operation.chain.name}`;
    case "add-rule":
      return `add-rule to ${operation.chain}: ${describeRule(operation.rule)}`;
    case "replace-rule":
      return `replace-rule ${operation.index} of ${operation.chain}: ${describeRule(operation.rule)}`;
    case "delete-counter":
    case "delete-set":
    case "delete-chain":
    case "flush-chain":
      return `${operation.kind} ${operation.name}`;
    default:
      throw new Error(`no such operation: ${String(operation satisfies never)}`);
  }
}

function describeElements(verb: string, set: string, keys: readonly string[]): string {
  const some = keys.slice(0, 3).join(", ");
  return `${verb}-elements of ${set}: ${keys.length > 3 ? `${some} and ${keys.length - 3} more` : some}`;
}

function describeRule({ statements, comment }: Extract<Operation, { kind: "add-rule" }>["rule"]): string {
  return shortened(comment === null ? JSON.stringify(statements) : `"${comment}"`);
}

/** The error for a transaction that the kernel refused, by the first operation that it complained about. */
export function refusedTransaction(table: string, operation: Operation | null, refusal: Refusal): DataplaneError {
  const what = operation === null ? "the transaction as a whole" : describeOperation(operation);
  const meaning = meanings[refusal.code] ?? "the kernel gave no other reason";
  const detail = [
    `errno ${refusal.code}`,
    refusal.message === null ? null : `kernel: ${refusal.message}`,
    refusal.offset === null ? null : `at byte ${refusal.offset} of the message`,
  ];
  return new DataplaneError(
    `nftables table inet ${table}: ${what}: ${refusal.code}: ${meaning}; nothing was changed`,
    detail.filter((part) => part !== null).join(", "),
  );
}

/** The error for a request that the kernel did not answer as it should. */
export function failedRequest(table: string, what: string, code: string): DataplaneError {
  return new DataplaneError(
    `nftables table inet ${table}: ${what}: ${code}: ${meanings[code] ?? "unexpected"}`,
    `errno ${code}`,
  );
}
