/** What goes on while agents take over from each other: traffic, changes, and a policy that says yes or no. */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { setTimeout as pause } from "node:timers/promises";
import { layoutVersion } from "../../src/dataplane/nftables/render/base-sets.ts";
import { networkPolicy } from "../ask.ts";
import type { Folder } from "../faults/folder.ts";
import { type AgentProcess, createTraffic, startAgent } from "../faults/processes.ts";
import { type Site, nft, podAddresses } from "../faults/site.ts";
import { lossesOf } from "./losses.ts";

/** Nothing but the policy that is flipped says anything about it. */
const flipPort = 7100;

export interface Scene {
  /** Starts an agent of any version; it is ended with the scene at the latest. */
  begin(node: string, program: string, socket?: string, more?: readonly string[]): AgentProcess;
  /** Starts one and kills it so many milliseconds after it has begun to work. */
  beginAndKill(node: string, program: string, milliseconds: number): Promise<void>;
  /** Allows the client the port, or no more. */
  flip(allowed: boolean): void;
  /** Whether the client gets a connection to the port that is flipped. */
  clientGetsThrough(): boolean;
  /** Runs `act` while allowed and forbidden packets are sent and the folder changes; says what slipped or was lost. */
  underTraffic(act: () => Promise<void>): Promise<readonly string[]>;
  end(): Promise<void>;
}

export function createScene(folder: Folder, pods: Site["pods"]): Scene {
  const agents: AgentProcess[] = [];
  const begin: Scene["begin"] = (node, program, socket = folder.socket, more = []) => {
    const agent = startAgent({ node }, folder.path, socket, more, "pipe", program);
    agents.push(agent);
    return agent;
  };
  return {
    begin,
    beginAndKill: async (node, program, milliseconds) => {
      const agent = begin(node, program);
      const deadline = performance.now() + 5000;
      while (!agent.log().includes("listening") && performance.now() < deadline) await pause(2);
      await pause(milliseconds);
      await agent.kill("SIGKILL");
    },
    flip: (allowed) => {
      const from = [{ podSelector: { matchLabels: { app: "client" } } }];
      const ingress = allowed ? [{ from, ports: [{ port: flipPort }] }] : [];
      const policy = networkPolicy("shop/flip", { podSelector: { matchLabels: { app: "server" } }, ingress });
      folder.write("flip.json", JSON.stringify(policy));
    },
    clientGetsThrough: () => {
      const script = `const s = require("node:net").connect(${flipPort}, "${podAddresses.server}");
        s.on("connect", () => process.exit(0)); s.on("error", () => process.exit(1));
        setTimeout(() => process.exit(2), 300);`;
      return spawnSync("ip", ["netns", "exec", pods.client, process.execPath, "-e", script]).status === 0;
    },
    underTraffic: async (act) => {
      const listening = `require("node:net").createServer((s) => s.destroy()).listen(${flipPort})`;
      const args = ["netns", "exec", pods.server, process.execPath, "-e", listening];
      const listener = spawn("ip", args, { stdio: "ignore" });
      const traffic = await createTraffic({ pods });
      let round = 0;
      const load = setInterval(() => folder.change((round += 1)), 15);
      try {
        traffic.start();
        await act();
        clearInterval(load);
        return lossesOf(await traffic.finish());
      } finally {
        clearInterval(load);
        await traffic.close();
        const ended = once(listener, "exit");
        listener.kill("SIGKILL");
        await ended;
      }
    },
    end: async () => {
      for (const agent of agents.splice(0)) await agent.kill("SIGKILL");
    },
  };
}

export const rulesOf = (node: string): string => nft(node, "list", "table", "inet", "portcullis");

/** What only tables of this version have. */
export function assertOurs(node: string): void {
  const rules = rulesOf(node);
  assert.ok(rules.includes(`elements = { 0x0000000${layoutVersion} }`), "the layout's version");
  assert.ok(rules.includes('log prefix "portcullis deny ingress isolated" group 9080'), "rules of the drop log");
}
