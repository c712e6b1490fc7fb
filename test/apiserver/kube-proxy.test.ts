/**
 * The real kube-proxy on the node, in either mode: its Services go on working, policy decides at the backend, and no rule
 * of it is touched. What it writes is also compared with the rule sets that the fast suite in test/neighbours loads.
 */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { inNamespace } from "../../src/system/namespace.ts";
import { outputOf } from "../../src/system/program.ts";
import type { World } from "../contract/world.ts";
import { liveBeside } from "../neighbours/beside.ts";
import { createServices, type ProxyMode, proxyModes, startKubeProxy, unlink } from "../neighbours/kube-proxy.ts";
import { plainWorld } from "../neighbours/plain-world.ts";
import { othersRules, rulesFolder } from "../neighbours/rules.ts";
import { whySkipped } from "./available.ts";
import { ControlPlane } from "./control-plane.ts";

/** What of a rule set is recorded: each program's text, by the end of the file's name. */
const recorded: Readonly<Record<ProxyMode, readonly (readonly [string, string, ...string[]])[]>> = {
  iptables: [
    ["iptables", "iptables-save"],
    ["ip6tables", "ip6tables-save"],
  ],
  nftables: [["nft", "nft", "-s", "list", "ruleset"]],
};

/** Without times, counts, and the objects of nfacct, which only kube-proxy makes. */
function plain(text: string): string {
  return text
    .replaceAll(/^#.*\n/gm, "")
    .replaceAll(/ \[\d+:\d+\]$/gm, " [0:0]")
    .replaceAll(/ -m nfacct --nfacct-name +\S+/g, "");
}

/** kube-proxy writes what it holds in maps in another order each time. */
const words = (text: string): readonly string[] =>
  plain(text)
    .split(/[\s,]+/)
    .sort();

function compareWithRecords(world: World, mode: ProxyMode): void {
  for (const [suffix, program, ...args] of recorded[mode]) {
    const text = inNamespace(world.node.netns, () => outputOf(program, args));
    const file = join(rulesFolder, `kube-proxy-${mode}.${suffix}.txt`);
    const record = readFileSync(file, "utf8");
    if (process.env["PORTCULLIS_RECORD_RULES"] === "1") {
      const origin = record.split("\n").filter((line) => line.startsWith("#"));
      writeFileSync(file, `${origin.join("\n")}\n${plain(text)}`);
    } else assert.deepEqual(words(text), words(record), file);
  }
}

describe("the real kube-proxy", { skip: whySkipped() }, () => {
  let plane: ControlPlane;
  before(async () => {
    plane = await ControlPlane.start();
    const world = plainWorld();
    await createServices(plane, world);
    world.destroy();
  });
  after(() => plane.stop());

  for (const mode of proxyModes) {
    it(`with ${mode}: Services work, policy decides, its rules stay as they are`, async () => {
      const world = plainWorld();
      const proxy = await startKubeProxy(plane, world, mode);
      try {
        let last = "";
        // It writes in several goes; what stands still for a second is all of it.
        for (let still = 0; still < 10; still++) {
          const now = othersRules(world);
          if (now !== last) still = 0;
          last = now;
          await pause(100);
        }
        compareWithRecords(world, mode);
        await liveBeside(world, { services: true }, () => othersRules(world));
        assert.ok(proxy.isAlive(), proxy.lastLines());
      } finally {
        await proxy.stop("SIGTERM");
        unlink();
        world.destroy();
      }
    });
  }

  it("with ipvs", { skip: "this kernel has no IPVS; needs the virtual machine of a later part" }, () => undefined);
});
