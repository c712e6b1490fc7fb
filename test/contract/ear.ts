import { listenToPacketLog } from "../../src/system/netlink/packet-log.ts";
import { until } from "./sockets.ts";
import { usual } from "./fixture.ts";
import type { World } from "./world.ts";

/** What the rules of a world's node report. */
export interface Ear {
  /** What was reported since the last call; waits until `count` came, or for a while. */
  readonly heard: (count: number) => Promise<readonly string[]>;
  readonly stop: () => void;
}

/** One for all tests of a world: a group has one listener, and is free again only some time after that has stopped. */
export function listenIn(world: World): Ear {
  let prefixes: string[] = [];
  const stop = listenToPacketLog(world.node.netns, usual.logGroup ?? 0, {
    packet: ({ prefix }) => prefixes.push(prefix),
    lost: () => {},
    ended: () => {},
  });
  return {
    heard: async (count) => {
      await until(() => (prefixes.length >= count ? true : null), 400);
      const found = prefixes;
      prefixes = [];
      return found;
    },
    stop,
  };
}
