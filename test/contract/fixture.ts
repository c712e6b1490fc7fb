import { after, type TestContext } from "node:test";
import { compileWhole } from "../../src/compile/whole.ts";
import { createCompiler } from "../../src/compile/incremental.ts";
import type { CompileOptions } from "../../src/compile/options.ts";
import { type Dataplane, UnsupportedError } from "../../src/dataplane/dataplane.ts";
import { inabilityOf, openDataplane } from "../../src/dataplane/registry.ts";
import type { Ruleset } from "../../src/ir/ruleset.ts";
import type { Address } from "../../src/net/address.ts";
import type { Change } from "../../src/policy/cluster.ts";
import { networkPolicy } from "../ask.ts";
import { type ApiObject, clusterOf } from "../cluster-of.ts";
import { connect, echoRequest, Listener, Raw, Udp } from "./sockets.ts";
import { createWorld, type Host, type World, worldObjects } from "./world.ts";

export const usual: CompileOptions = {
  nodeName: "node-1",
  podCidrs: null,
  unknownPods: "drop",
  established: "cut",
  defaultVerdict: "accept",
  logGroup: 9080,
};

/** A world and a dataplane in its node. */
export interface Fixture {
  readonly world: World;
  readonly dataplane: Dataplane;
  /** Brings the node to these policies (and the world's pods); skips the test where the dataplane cannot. */
  readonly enforce: (policies: readonly ApiObject[], options?: Partial<CompileOptions>) => Promise<void>;
  /** The same as a change of what is in force, through the incremental compiler. */
  readonly change: (objects: readonly ApiObject[], gone?: readonly string[]) => Promise<void>;
}

export interface Suite {
  of(context: TestContext): Fixture;
  /** What `enforce` brings the node to. */
  ruleset(policies: readonly ApiObject[]): Ruleset;
}

/** One world for a suite; a dataplane that says it cannot do what a test asks for makes the test a skip. */
export function useWorld(name: string, ctMarkMask = 0xffff0000): Suite {
  const world = createWorld();
  const dataplane = openDataplane(name, { netns: world.node.netns, ctMarkMask });
  after(() => {
    dataplane.close();
    world.destroy();
  });
  let compiler = createCompiler(usual);
  const declared = async (context: TestContext, act: () => Promise<unknown>): Promise<void> => {
    try {
      await act();
    } catch (error) {
      if (!(error instanceof UnsupportedError)) throw error;
      // Only what the dataplane is registered as not able to, or what the kernel is known to lack, is a skip.
      const lacks = (await dataplane.probe()).missing.some(({ feature }) => feature === error.feature);
      if (!lacks && inabilityOf(name)[error.feature] === undefined) throw error;
      context.skip(`${error.feature}: ${error.reason}`);
      throw new SkippedError(error.message);
    }
  };
  return {
    ruleset: (policies) => compileWhole(clusterOf(worldObjects(world, policies)), usual),
    of: (context) => ({
      world,
      dataplane,
      enforce: (policies, options = {}) =>
        declared(context, () => {
          const cluster = clusterOf(worldObjects(world, policies));
          compiler = createCompiler({ ...usual, ...options });
          compiler.load(cluster);
          return dataplane.sync(compileWhole(cluster, { ...usual, ...options }));
        }),
      change: (objects, gone = []) =>
        declared(context, () => {
          const cluster = clusterOf(objects);
          const changes = [
            ...cluster.objects.map((object): Change => ({ kind: "object", object })),
            ...cluster.policies.map((policy): Change => ({ kind: "policy", policy })),
            ...gone.map((key): Change => ({ kind: "gone", key: key as never })),
          ];
          return dataplane.apply(compiler.apply(changes));
        }),
    }),
  };
}

/** Ends a test that has been declared a skip. */
class SkippedError extends Error {}

let nextPort = 20_000;

/** A port that nobody used before: conntrack knows nothing of it. */
export function freshPort(): number {
  return nextPort++;
}

export type Family = "v4" | "v6";

/** Whether a TCP connection comes about. `to` says where to connect, if not to the server's own address. */
export async function reachesTcp(
  client: Host,
  server: Host,
  port: number,
  family: Family = "v4",
  to: Address = server[family],
): Promise<boolean> {
  const listener = Listener.open(server.netns, server[family], port);
  const stream = await connect(client.netns, client[family], to, port);
  stream?.close();
  listener.close();
  return stream !== null;
}

/** Whether a UDP message gets through and its answer comes back; "no answer" is a half that must not be. */
export async function reachesUdp(
  client: Host,
  server: Host,
  port: number,
  family: Family = "v4",
  to: Address = server[family],
): Promise<boolean> {
  const there = Udp.open(server.netns, server[family], port);
  const here = Udp.open(client.netns, client[family], freshPort());
  try {
    here.send(to, port, "ask");
    if ((await there.receive()) === null) return false;
    there.answer("answer");
    if ((await here.receive()) === null) throw new Error("a message got through, but not its answer");
    return true;
  } finally {
    there.close();
    here.close();
  }
}

let sequence = 0;

/** Whether an ICMP echo is answered. */
export async function pings(client: Host, to: Host, family: Family = "v4"): Promise<boolean> {
  const version = family === "v4" ? 4 : 6;
  const socket = Raw.open(client.netns, client[family], version === 4 ? 1 : 58);
  try {
    sequence++;
    socket.send(to[family], echoRequest(version, sequence));
    return await socket.sees((packet) => {
      const message = version === 4 ? packet.subarray(20) : packet;
      return message[0] === (version === 4 ? 0 : 129) && message.readUInt16BE(6) === sequence;
    });
  } finally {
    socket.close();
  }
}

/** A NetworkPolicy in namespace alpha for the pod of this name. */
export function policyFor(name: string, subject: string, spec: object): ApiObject {
  return networkPolicy(`alpha/${name}`, { podSelector: { matchLabels: { app: subject } }, ...spec });
}

/** The peer that is the pod of this name. */
export const podPeer = (name: string): object => ({ podSelector: { matchLabels: { app: name } } });
