import { createWorld, type World } from "../contract/world.ts";
import { nodeAddress } from "./services.ts";

/** A world without Services of its own, whose node has its address in the cluster's network. */
export function plainWorld(): World {
  const world = createWorld();
  world.onNode("nft", "delete", "table", "ip", "world");
  world.onNode("ip", "addr", "add", `${nodeAddress}/32`, "dev", "lo");
  return world;
}
