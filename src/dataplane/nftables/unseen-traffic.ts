import { existsSync } from "node:fs";
import { inNamespace } from "../../system/namespace.ts";
import type { Capabilities } from "../dataplane.ts";

/** Traffic that somebody else leads around our keys, whatever the kernel can do. */
export function unseenTraffic(netns: string | null): Capabilities["missing"] {
  if (!inNamespace(netns, () => existsSync("/proc/net/ip_vs"))) return [];
  return [
    {
      feature: "Services by IPVS",
      effect: "not tested: a connection that IPVS translates may be decided by the Service's address",
      remedy: "let kube-proxy use nftables or iptables",
    },
  ];
}
