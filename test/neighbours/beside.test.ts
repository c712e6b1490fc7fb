import { spawnSync } from "node:child_process";
import { describe, it } from "node:test";
import { noNamespaces } from "../own-namespace.ts";
import { liveBeside } from "./beside.ts";
import { plainWorld } from "./plain-world.ts";
import { type Backend, loadRules, othersRules } from "./rules.ts";
import type { Neighbourhood } from "./ways.ts";

interface Neighbours extends Neighbourhood {
  /** Loaded in this order. */
  readonly rules: readonly string[];
  readonly backend?: Backend;
}

/** Whether the kernel has iptables' own tables, beside those of nft. */
const noLegacy: string | false =
  spawnSync("iptables-legacy-save", { encoding: "utf8" }).status === 0
    ? false
    : "this kernel or machine has no iptables-legacy";

const neighbourhoods: Readonly<Record<string, Neighbours>> = {
  "flannel, and kube-proxy with iptables": { rules: ["flannel", "kube-proxy-iptables"], services: true },
  "kube-proxy with iptables of the old backend": { rules: ["kube-proxy-iptables"], services: true, backend: "legacy" },
  "Calico's addresses, and kube-proxy with nftables": { rules: ["calico", "kube-proxy-nftables"], services: true },
  "Docker, which drops what it does not know": { rules: ["docker"], services: false, blocks: "v4" },
  "Docker, flannel, which accepts pods, and kube-proxy": {
    rules: ["docker", "flannel", "kube-proxy-nftables"],
    services: true,
  },
  "firewalld, which lets nobody in from outside": { rules: ["firewalld"], services: false, letsIn: false },
};

describe("an agent beside others", { skip: noNamespaces }, () => {
  for (const [name, { rules, backend = "nft", ...neighbourhood }] of Object.entries(neighbourhoods)) {
    it(name, { skip: backend === "legacy" ? noLegacy : false }, async () => {
      const world = plainWorld();
      try {
        for (const one of rules) loadRules(world, one, backend);
        await liveBeside(world, neighbourhood, () => othersRules(world, backend));
      } finally {
        world.destroy();
      }
    });
  }

  it(
    "kube-proxy with IPVS",
    { skip: "this kernel has no IPVS; needs the virtual machine of a later part" },
    () => undefined,
  );
});
