import { DataplaneError, UnsupportedError } from "../dataplane/dataplane.ts";

/** What is done to the kernel. */
export type Operation = "probe" | "sync" | "apply" | "check";

/** A failure as the operator reads it. */
export interface Failure {
  readonly error: string;
  readonly detail: string | undefined;
  /** What to do about it. */
  readonly remedy: string;
}

const remedies: readonly (readonly [RegExp, string])[] = [
  [
    /\b(EPERM|EACCES|Operation not permitted|Permission denied)\b/,
    "run as root, or with CAP_NET_ADMIN (and CAP_SYS_ADMIN for --netns)",
  ],
  [
    /\b(ENOBUFS|ENOMEM|Cannot allocate memory|No buffer space)\b/,
    "the kernel is short of memory: free some on this node; it is tried again by itself",
  ],
  [
    /\b(EOPNOTSUPP|EPROTONOSUPPORT|EAFNOSUPPORT|not supported)\b/,
    "load the kernel modules nf_tables and nf_conntrack (modprobe nf_tables nf_conntrack)",
  ],
  [/\b(ENOSPC|No space left)\b/, "make room on the disk of this node; it is tried again by itself"],
  [/\b(EMFILE|ENFILE|Too many open files)\b/, "raise the limit of open files of the agent or of this node"],
  [
    /\b(EBUSY|EINTR|EAGAIN|ERESTART|ETIMEDOUT)\b/,
    "somebody else is writing to nftables at the same time; it is tried again by itself",
  ],
  [/netns|namespace/i, "check that the network namespace given by --netns is there (ip netns list)"],
];

const otherwise =
  "it is tried again by itself; if it stays, compare `nft list table inet portcullis` with `portcullis render` and report both";

/** Reads an error of a dataplane. */
export function describeFailure(error: unknown): Failure {
  if (error instanceof UnsupportedError) {
    return {
      error: error.message,
      detail: undefined,
      remedy: `change or remove what needs "${error.feature}", or choose another --dataplane`,
    };
  }
  const message = error instanceof Error ? error.message : String(error);
  const detail = error instanceof DataplaneError ? error.detail : error instanceof Error ? error.stack : undefined;
  const remedy = remedies.find(([pattern]) => pattern.test(`${message} ${detail ?? ""}`))?.[1] ?? otherwise;
  return { error: message, detail, remedy };
}

const effects: Readonly<Record<Operation, string>> = {
  probe: "nothing was touched: the rules that are in the kernel stay in force",
  sync: "the rules that are in the kernel stay in force; what changed since then is not enforced yet",
  apply: "the rules of before this change stay in force; this change is not enforced yet",
  check: "the rules stay in force, but whether somebody else changed them is not known",
};

/** What a failed operation means for traffic now. */
export const effectOf = (operation: Operation): string => effects[operation];
