/**
 * What a rule of ours can say: the small part of nftables that we use, as data. `text.ts` prints it as nft prints
 * it, `wire.ts` encodes it as the netlink expressions that nft 1.0.6 would send. Nothing else exists in our table,
 * so nothing else needs to be understood when it is read back.
 */
export type Statement =
  /** `ct mark & MASK == VALUE` (or `!=`). */
  | { readonly kind: "ct-mark"; readonly mask: number; readonly operator: "==" | "!="; readonly value: number }
  /**
   * `ct mark & MASK @SET`. The generation is an element and not a constant in the rule because a rule that ends in a
   * verdict makes the kernel validate the whole table at commit (0.7 ms with 110 pods on 6.18); an element does not.
   */
  | { readonly kind: "ct-mark-lookup"; readonly mask: number; readonly set: string }
  /** `ct mark set ct mark & KEEP | VALUE`. Does not break on packets without an entry: see nftables.md, 7. */
  | { readonly kind: "set-ct-mark"; readonly keep: number; readonly value: number }
  | { readonly kind: "ct-state"; readonly states: readonly ConntrackState[] }
  | { readonly kind: "ct-direction"; readonly direction: "original" | "reply" }
  | { readonly kind: "ct-status-dnat" }
  | { readonly kind: "nfproto"; readonly family: 4 | 6 }
  /** `meta l4proto tcp`: IP protocol number. */
  | { readonly kind: "l4proto"; readonly protocol: number }
  /** `tcp flags & MASK != VALUE`. */
  | { readonly kind: "tcp-flags"; readonly mask: number; readonly operator: "==" | "!="; readonly value: number }
  | { readonly kind: "loopback"; readonly interface: "iif" | "oif" }
  /** `fib saddr type local`. */
  | { readonly kind: "source-is-local" }
  /** `KEY @SET`. */
  | { readonly kind: "lookup"; readonly key: readonly KeyField[]; readonly set: string }
  /** `KEY vmap @MAP`: takes the verdict found, or goes on. */
  | { readonly kind: "verdict-map"; readonly key: readonly KeyField[]; readonly map: string }
  /** `counter name KEY map @MAP`: counts on the counter found; nothing found ends the rule. */
  | { readonly kind: "counter-map"; readonly key: readonly KeyField[]; readonly map: string }
  /** `ct reply proto-src PORT` or a range of ports. */
  | { readonly kind: "backend-port"; readonly from: number; readonly to: number }
  /** `th sport PORT` or `th dport PORT`: what stands in the packet. */
  | { readonly kind: "header-port"; readonly end: "source" | "destination"; readonly port: number }
  | { readonly kind: "counter"; readonly name: string }
  | { readonly kind: "reject-tcp-reset" }
  /** `update @SET { KEY limit rate N/second burst M packets }`: ends the rule for keys that come more often. */
  | {
      readonly kind: "limit-each";
      readonly key: readonly KeyField[];
      readonly set: string;
      readonly perSecond: number;
      readonly burst: number;
    }
  /** `limit rate N/second burst M packets`: ends the rule for what comes more often. */
  | { readonly kind: "limit"; readonly perSecond: number; readonly burst: number }
  /** `log prefix "…" group N snaplen M`: a copy of the packet's first bytes to whoever listens to the NFLOG group. */
  | { readonly kind: "log"; readonly prefix: string; readonly group: number; readonly snaplen: number }
  /**
   * `queue flags bypass to N`: to whoever listens at the queue, who says whether it goes on; nobody does: it goes on.
   * Where nf_tables was built without this, by the xtables target NFQUEUE (docs/decisions/0031-names-in-nftables.md).
   */
  | { readonly kind: "queue"; readonly queue: number }
  /** What somebody else put into a rule of our table: read back, never written. */
  | { readonly kind: "foreign"; readonly expressions: string }
  | { readonly kind: "verdict"; readonly verdict: Verdict };

export type ConntrackState = "invalid" | "established" | "related" | "new" | "untracked";

/** The fields that keys of sets and maps are made of, and how nft names them. */
export type KeyField =
  | "client4" // ct original ip saddr
  | "client6" // ct original ip6 saddr
  | "backend4" // ct reply ip saddr
  | "backend6" // ct reply ip6 saddr
  | "backend-port" // ct reply proto-src
  | "source4" // ip saddr
  | "source6" // ip6 saddr
  | "destination4" // ip daddr
  | "destination6" // ip6 daddr
  | "icmpv6-type"; // icmpv6 type (with its dependency on meta l4proto ipv6-icmp)

export type Verdict =
  | { readonly kind: "accept" }
  | { readonly kind: "drop" }
  | { readonly kind: "return" }
  | { readonly kind: "jump"; readonly chain: string }
  | { readonly kind: "goto"; readonly chain: string };
