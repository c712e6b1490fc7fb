/** Ways to the web pod of a world, and whether connections come about on them. */
import type { Address } from "../../src/net/address.ts";
import { podPeer, policyFor } from "../contract/fixture.ts";
import { connect, Listener } from "../contract/sockets.ts";
import type { Host, World } from "../contract/world.ts";
import { nodeAddress, nodePort, targetPort, webService } from "./services.ts";

/** A way to the web pod: who goes, and to which address and port. */
export interface Way {
  readonly from: "client" | "other" | "outside";
  readonly to: Address;
  readonly port: number;
}

const toPod = (world: World, from: Way["from"], family: "v4" | "v6" = "v4"): Way => ({
  from,
  to: world.web[family],
  port: targetPort,
});
const toService = (from: Way["from"], family: "v4" | "v6"): Way => ({ from, to: webService[family], port: 80 });
const toNodePort = (from: Way["from"]): Way => ({ from, to: nodeAddress, port: nodePort });

/** What a node's neighbours make of the packets by themselves. */
export interface Neighbourhood {
  /** Whether kube-proxy is among them. */
  readonly services: boolean;
  /** The family of which they let no packet from pod to pod. */
  readonly blocks?: "v4";
  /** Whether they let somebody outside in to the pods' own addresses. */
  readonly letsIn?: boolean;
}

export function waysOf(world: World, { services, letsIn = true }: Neighbourhood): Readonly<Record<string, Way>> {
  const pods = ["client", "other"] as const;
  return {
    ...Object.fromEntries(
      pods.flatMap((name) => [
        [`${name} pod`, toPod(world, name)],
        [`${name} pod v6`, toPod(world, name, "v6")],
      ]),
    ),
    ...(letsIn ? { "outside pod": toPod(world, "outside") } : {}),
    ...(services
      ? {
          ...Object.fromEntries(
            pods.flatMap((name) => [
              [`${name} service`, toService(name, "v4")],
              [`${name} service v6`, toService(name, "v6")],
            ]),
          ),
          "client nodeport": toNodePort("client"),
          "outside nodeport": toNodePort("outside"),
        }
      : {}),
  };
}

/** For each way, whether a connection comes about. */
export async function meet(
  world: World,
  ways: Readonly<Record<string, Way>>,
): Promise<Readonly<Record<string, boolean>>> {
  const listeners = (["v4", "v6"] as const).map((family) =>
    Listener.open(world.web.netns, world.web[family], targetPort),
  );
  try {
    const met = Object.entries(ways).map(async ([name, { from, to, port }]) => {
      const host: Host = world[from];
      const stream = await connect(host.netns, to.includes(":") ? host.v6 : host.v4, to, port);
      stream?.close();
      return [name, stream !== null] as const;
    });
    return Object.fromEntries(await Promise.all(met));
  } finally {
    for (const listener of listeners) listener.close();
  }
}

export const onlyClient = policyFor("in", "web", { ingress: [{ from: [podPeer("client")] }] });
/** Who comes through the node port is known by his own address, whatever kube-proxy makes of it for the way back. */
export const onlyOtherAndOutside = policyFor("in", "web", {
  ingress: [{ from: [podPeer("other"), { ipBlock: { cidr: "203.0.113.0/24" } }] }],
});
