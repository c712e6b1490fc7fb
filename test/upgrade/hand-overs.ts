/**
 * Agents of another version and of this one take over from each other again and again under traffic:
 *   node test/upgrade/hand-overs.ts [--rounds 20] [--seed N] [--commit COMMIT]
 * COMMIT: which other version (default: the last one of 0.1). Prints what got through and what was lost; exits 1 if that
 * is not nothing.
 */
import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";
import { parseArgs } from "node:util";
import { createFolder } from "../faults/folder.ts";
import { main as ours, untilReady } from "../faults/processes.ts";
import { randomOf } from "../faults/random.ts";
import { buildSite } from "../faults/site.ts";
import { assertOurs, createScene } from "./scene.ts";
import { released, unpack } from "./versions.ts";

interface HandOvers {
  readonly other: string;
  readonly rounds: number;
  readonly seed: number;
  readonly tell?: (line: string) => void;
}

/**
 * In each round something changes, an agent of the other version (or of this one, in turn) is killed while it takes
 * over, a second one comes up, does what the change says, and ends in one way or another.
 */
export async function handOvers({ other, rounds, seed, tell = () => {} }: HandOvers): Promise<readonly string[]> {
  const random = randomOf(seed);
  const site = buildSite();
  const folder = createFolder();
  const scene = createScene(folder, site.pods);
  try {
    const first = scene.begin(site.node, other);
    await untilReady(folder.socket);
    return await scene.underTraffic(async () => {
      await pause(200);
      await first.kill("SIGTERM");
      for (let round = 0; round < rounds; round += 1) {
        const program = round % 2 === 0 ? ours : other;
        const allowed = random() < 0.5;
        scene.flip(allowed);
        // A hand-over takes some 150 ms.
        await scene.beginAndKill(site.node, program, random() * 250);
        const agent = scene.begin(site.node, program);
        await untilReady(folder.socket);
        assert.equal(scene.clientGetsThrough(), allowed, `round ${round}, seed ${seed}`);
        if (program === ours) assertOurs(site.node);
        await agent.kill(random() < 0.5 ? "SIGKILL" : "SIGTERM");
        tell(`round ${round + 1} of ${rounds}`);
      }
    });
  } finally {
    await scene.end();
    site.remove();
    folder.removeAll();
  }
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      rounds: { type: "string", default: "20" },
      seed: { type: "string" },
      commit: { type: "string", default: released["0.1"] },
    },
  });
  const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
  console.log(`seed ${seed}`);
  const program = unpack(values.commit);
  try {
    const problems = await handOvers({ other: program.main, rounds: Number(values.rounds), seed, tell: console.log });
    console.log(problems.length === 0 ? "nothing slipped, nothing was lost" : problems.join("\n"));
    process.exitCode = problems.length === 0 ? 0 : 1;
  } finally {
    program.remove();
  }
}
