/**
 * A cluster for one suite: control plane, nodes and pods as network namespaces, an agent for each node. Every step of a
 * test is: change objects, `settle`, `expect` what real packets meet.
 */
import assert from "node:assert/strict";
import { type Asker, createAsker, everyPair } from "../../src/lab/ask.ts";
import { randomLabName } from "../../src/lab/lab.ts";
import type { Topology } from "../../src/lab/plan/plan.ts";
import type { Verdict } from "../../src/evaluate/decision.ts";
import { defaultOptions, type EvaluateOptions } from "../../src/evaluate/decision.ts";
import type { Address } from "../../src/net/address.ts";
import type { Cluster } from "../../src/policy/cluster.ts";
import { node } from "../ask.ts";
import type { ApiObject } from "../cluster-of.ts";
import { type NodeName, nodeAddressesOf, podCidrsOf } from "../random-cluster.ts";
import { type Agent, startAgent } from "./agents.ts";
import type { ApiAccess, NewObject } from "./api.ts";
import { ControlPlane } from "./control-plane.ts";
import { setBarrier, untilEnforced, versionsOf } from "./enforced.ts";
import { Network } from "./network.ts";
import { until } from "./process.ts";
import { clusterOfRaw, type HeldObjects, heldObjects } from "./objects-of.ts";

export interface SiteOptions {
  readonly nodes: readonly NodeName[];
  readonly topology?: Topology;
  /** False: the Nodes do not say which addresses their pods have. */
  readonly tellRanges?: boolean;
  /** False: the network alone, nothing is enforced. */
  readonly agents?: boolean;
  /** Addresses outside and of no pod that will be asked about. */
  readonly mentioned?: readonly string[];
  /** What agents and evaluator make of what no policy decides; `accept` unless told otherwise. */
  readonly defaultVerdict?: EvaluateOptions["defaultVerdict"];
}

/** Each agent has an address of the API server of its own, so that a test can cut it off alone. */
const firstAgentAddress = 10;

export class Site {
  readonly plane: ControlPlane;
  readonly network: Network;
  readonly agents = new Map<string, Agent>();
  readonly #options: SiteOptions;
  #mentioned: readonly Address[];
  #held: HeldObjects | null = null;
  #asker: Asker | null = null;

  private constructor(plane: ControlPlane, options: SiteOptions) {
    this.plane = plane;
    this.network = new Network(randomLabName(), options.topology ?? "routed");
    this.#options = options;
    this.#mentioned = (options.mentioned ?? []) as readonly Address[];
  }

  static async start(options: SiteOptions): Promise<Site> {
    const site = new Site(await ControlPlane.start(), options);
    try {
      for (const name of options.nodes) {
        const ranges = options.tellRanges === false ? [] : podCidrsOf(name);
        await site.api.create(node(name, nodeAddressesOf(name), ranges) as NewObject);
      }
      await site.read();
      if (options.agents !== false) for (const name of options.nodes) site.startAgent(name);
      await site.settle();
    } catch (error) {
      await site.down();
      throw error;
    }
    return site;
  }

  get api(): ApiAccess {
    return this.plane.api;
  }

  /** The address under which a node's agent knows the API server. */
  serverAddressOf(name: string): string {
    return `127.0.0.${firstAgentAddress + this.#options.nodes.indexOf(name as NodeName)}`;
  }

  /** Starts a node's agent, with the administrator's rights unless a kubeconfig is given. */
  startAgent(
    name: string,
    kubeconfig?: string | null,
    more: { env?: NodeJS.ProcessEnv; flags?: string[] } = {},
  ): Agent {
    const { folder } = this.plane;
    const own = (): string => this.plane.kubeconfig(`agent-${name}`, { address: this.serverAddressOf(name) });
    const { defaultVerdict } = this.#options;
    const told = defaultVerdict === undefined ? [] : [`--default-verdict=${defaultVerdict}`];
    const flags = [...told, ...(more.flags ?? [])];
    const place = { node: name, netns: this.network.namespaceOf(name), folder, ...more, flags };
    const agent = startAgent({ ...place, kubeconfig: kubeconfig === undefined ? own() : kubeconfig });
    this.agents.set(name, agent);
    return agent;
  }

  /** Where a kubeconfig is for a node's agent with a token of its own. */
  kubeconfigOf(name: string, identity: { readonly token: string } | { readonly tokenFile: string }): string {
    return this.plane.kubeconfig(`agent-${name}`, { ...identity, address: this.serverAddressOf(name) });
  }

  agent(name: string): Agent {
    const agent = this.agents.get(name);
    if (agent === undefined) throw new Error(`no agent on ${name}`);
    return agent;
  }

  async stopAgent(name: string, signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
    await this.agents.get(name)?.process.stop(signal);
    this.agents.delete(name);
  }

  /** Reads what the API server holds; builds the network of it, and makes it what is asked about. */
  async read(): Promise<HeldObjects> {
    this.#held = await heldObjects(this.api);
    const { cluster } = this.#held;
    this.#bring(cluster);
    const { defaultVerdict = defaultOptions.defaultVerdict } = this.#options;
    this.#asker = createAsker(cluster, [], { ...defaultOptions, defaultVerdict });
    return this.#held;
  }

  /** `read`, and waits until every agent (or those of these nodes) enforces just that. */
  async settle(nodes: readonly string[] = [...this.agents.keys()]): Promise<void> {
    const barrier = nodes.length === 0 ? [] : await setBarrier(this.api);
    const { raw } = await this.read();
    const all = [...raw, ...barrier];
    await Promise.all(nodes.map((name) => untilEnforced(this.agent(name), versionsOf(all, name))));
  }

  /**
   * Starts pods as a kubelet does: the object, its network, then its addresses in the status. Returns when the API
   * server knows them; `settle` waits for the agents.
   */
  async run(...pods: readonly ApiObject[]): Promise<void> {
    const running = new Map<string, object>();
    for (const { status, ...wanted } of pods) {
      const made = await this.api.create(wanted as unknown as NewObject);
      running.set(made.metadata.uid, runningStatus(status as object));
    }
    const { raw } = await heldObjects(this.api);
    const soon = raw.map((object) => ({ ...object, status: running.get(object.metadata.uid) ?? object["status"] }));
    this.#bring(clusterOfRaw(soon));
    for (const object of raw) {
      const status = running.get(object.metadata.uid);
      if (status !== undefined) await this.api.patch(object, { status }, "status");
    }
  }

  /** Waits until a namespace has gone. Its pods are told to end, and end at once, as their kubelet says. */
  async namespaceGone(name: string): Promise<void> {
    const isGone = async (): Promise<true | null> => {
      for (const one of await this.api.list("v1", "Pod")) {
        if (one.metadata.namespace === name && one.metadata.deletionTimestamp !== undefined) await this.api.remove(one);
      }
      return (await this.api.find("v1", "Namespace", name)) === null ? true : null;
    };
    await until(`the end of namespace ${name}`, isGone, 60_000);
  }

  /** Changes objects of any kind, by server-side apply. */
  async apply(...objects: readonly object[]): Promise<void> {
    for (const object of objects) await this.api.apply(object as NewObject);
  }

  /**
   * Sends a packet for each question (`a/x b/y TCP/80`), and compares what it meets with what is expected, and that with
   * the evaluator, unless the agents are expected not to know all that the API server knows.
   */
  async expect(
    expected: Readonly<Record<string, Verdict>>,
    { evaluator = true }: { readonly evaluator?: boolean } = {},
  ): Promise<void> {
    const questions = Object.keys(expected);
    const answers = await this.#send(questions.map(queryOf));
    const met = Object.fromEntries(answers.map(({ kernel }, index) => [questions[index], kernel]));
    assert.deepEqual(met, expected, "what the packets met");
    if (!evaluator) return;
    const said = Object.fromEntries(answers.map((answer, index) => [questions[index], answer.evaluator]));
    assert.deepEqual(said, expected, "what the evaluator says");
  }

  /** Every pair of pods on every declared port: gives how many were asked; throws where kernel and evaluator differ. */
  async expectAllAsEvaluated(more: readonly object[] = []): Promise<number> {
    const pods = this.#known().cluster.objects.filter((object) => object.kind === "Pod");
    const answers = await this.#send([...everyPair(pods), ...more]);
    const wrong = answers.filter(({ kernel, evaluator }) => kernel !== evaluator);
    assert.deepEqual(wrong, []);
    return answers.length;
  }

  /** What packets meet, and what the evaluator says, for every question that has an answer. */
  async compare(queries: readonly object[]): Promise<readonly Met[]> {
    const asker = this.#asker;
    return await this.#send(queries.filter((query) => asker !== null && "probe" in asker.ask(query)));
  }

  /** From the next `read` on these addresses outside, or of no pod, can be asked about. */
  mention(addresses: readonly Address[]): void {
    this.#mentioned = addresses;
  }

  async down(): Promise<void> {
    for (const name of this.agents.keys()) await this.stopAgent(name);
    this.network.down();
    await this.plane.stop();
  }

  #bring(cluster: Cluster): void {
    this.network.bring(cluster, this.#mentioned);
  }

  #known(): HeldObjects {
    if (this.#held === null) throw new Error("nothing was read yet");
    return this.#held;
  }

  async #send(queries: readonly object[]): Promise<readonly Met[]> {
    const asker = this.#asker;
    if (asker === null) throw new Error("nothing was read yet");
    const asked = queries.map((query) => {
      const question = asker.ask(query);
      if ("error" in question) throw new Error(`${JSON.stringify(query)}: ${question.error}`);
      return { ...question, query };
    });
    const results = [...(await this.network.prober.run(asked.map(({ probe }) => probe)))];
    for (const [index, { probe, evaluator }] of asked.entries()) {
      // A packet may get lost on a busy machine; one that arrived has arrived.
      if (results[index]?.answered === true || evaluator === "deny") continue;
      const [again] = await this.network.prober.run([probe]);
      if (again !== undefined) results[index] = again;
    }
    return asked.map(({ query, evaluator }, index) => {
      return { query, evaluator, kernel: results[index]?.answered === true ? "allow" : "deny" };
    });
  }
}

/** An answer to a question. */
export interface Met {
  readonly query: object;
  readonly evaluator: Verdict;
  readonly kernel: Verdict;
}

/** `a/x b/y TCP/80` as `eval` asks it; a third word `ICMP`, or `6:TCP/80` for IPv6. */
function queryOf(question: string): object {
  const found = /^(\S+) (\S+) (?:(4|6):)?([A-Z]+|\d+)(?:\/(\d+))?$/.exec(question);
  if (found === null) throw new Error(`not a question: ${question}`);
  const [, from, to, family, protocol, port] = found;
  return {
    from,
    to,
    protocol: /^\d+$/.test(protocol ?? "") ? Number(protocol) : protocol,
    ...(port === undefined ? {} : { port: Number(port) }),
    ...(family === undefined ? {} : { family: Number(family) }),
  };
}

function runningStatus(given: { readonly podIPs?: readonly { readonly ip: string }[] }): object {
  const podIP = given.podIPs?.[0]?.ip;
  return {
    phase: "Running",
    conditions: [{ type: "Ready", status: "True" }],
    ...given,
    ...(podIP === undefined ? {} : { podIP }),
  };
}
