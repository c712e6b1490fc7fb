import { writeFileSync } from "node:fs";
import type { Role } from "../plan/plan.ts";

/** For every namespace, before its devices are made: they take over what `default` says. */
const common: readonly (readonly [string, string])[] = [
  ["net/ipv4/conf/all/rp_filter", "0"],
  ["net/ipv4/conf/default/rp_filter", "0"],
  ["net/ipv4/conf/default/accept_redirects", "0"],
  ["net/ipv6/conf/all/disable_ipv6", "0"],
  ["net/ipv6/conf/default/disable_ipv6", "0"],
  ["net/ipv6/conf/default/accept_dad", "0"],
  ["net/ipv6/conf/default/accept_ra", "0"],
  // No link-local addresses but those we give: theirs would wait for duplicate address detection.
  ["net/ipv6/conf/default/addr_gen_mode", "1"],
  // Echo requests over datagram sockets, which the kernel tells apart by itself.
  ["net/ipv4/ping_group_range", "0 0"],
];

// Forwarding first: it resets other settings of IPv4.
const router: readonly (readonly [string, string])[] = [
  ["net/ipv4/ip_forward", "1"],
  ["net/ipv6/conf/all/forwarding", "1"],
  ["net/ipv6/conf/default/forwarding", "1"],
  ["net/ipv4/conf/all/send_redirects", "0"],
  ["net/ipv4/conf/default/send_redirects", "0"],
];

const bridged: readonly (readonly [string, string])[] = [
  ["net/bridge/bridge-nf-call-iptables", "1"],
  ["net/bridge/bridge-nf-call-ip6tables", "1"],
];

/** Sets the kernel's switches of the namespace that the calling thread is in. */
export function setSwitches(role: Role, bridge: boolean): void {
  const routes = role === "node" || role === "fabric";
  for (const [path, value] of [...(routes ? router : []), ...common, ...(bridge ? bridged : [])]) {
    writeFileSync(`/proc/sys/${path}`, value);
  }
}
