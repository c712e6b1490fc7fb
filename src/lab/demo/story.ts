import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { explain } from "../../evaluate/explain.ts";
import { readQuery } from "../../evaluate/query.ts";
import { createResolver } from "../../evaluate/resolve.ts";
import type { Address } from "../../net/address.ts";
import { inNamespace } from "../../system/namespace.ts";
import { outputOf } from "../../system/program.ts";
import { plainAgents } from "../agents.ts";
import { Lab } from "../lab.ts";
import { namespaceName, podDevice } from "../plan/names.ts";
import type { RawObject } from "../resolve/raw.ts";
import { inputOf } from "../standing-lab.ts";
import { access, allowAccess, cluster, denyAll, everyone, followed, servers, service, stranger } from "./cast.ts";
import { chainOf, setsOf, wayTo } from "./follow.ts";
import { blocksOf, changesBetween } from "./table-text.ts";
import type { Teller } from "./teller.ts";
import { Web } from "./web.ts";

/** How long the demo waits for a page: longer than anything that is allowed takes, short enough to watch. */
const patience = 1000;

type Snapshots = ReadonlyMap<string, string>;
type Client = typeof access | typeof stranger;

interface Expectation {
  readonly client: Client;
  readonly comes: boolean;
}

/** The guided story: what policies do to real packets, and where in the kernel that stands. */
export class Story {
  readonly #lab: Lab;
  readonly #web = new Web();
  readonly #teller: Teller;
  readonly #keep: string | null;
  readonly #kept: string[] = [];
  #asTold = true;
  #snapshots: Snapshots = new Map();
  #lastTime = 0;

  constructor(name: string, teller: Teller, keep: string | null) {
    const options = { topology: "routed", flags: plainAgents, detached: false, enforce: true } as const;
    this.#lab = new Lab({ name, ...options });
    this.#teller = teller;
    this.#keep = keep;
  }

  /** Tells it all; true if every probe came out as told. */
  async tell(): Promise<boolean> {
    const say = this.#teller;
    say.line("Portcullis demo: two nodes, four pods, a Service, real packets through this machine's kernel.", "bold");
    say.line("The cluster is made of network namespaces that go when the demo ends; nothing leaves them.");
    await this.#bring([], "building the cluster");
    for (const pod of servers) this.#serve(pod);
    say.line();
    const rows = everyone.map((pod) => [`${pod.namespace}/${pod.name}`, `${pod.address} on ${pod.node}`] as const);
    say.columns([...rows, [`Service alpha/${service.name}`, `${service.address} port ${service.port}`]], "  ");
    this.#snapshots = this.#snapshot();

    say.heading(1, "Nothing isolates anybody: everything is open.");
    this.#fetch([
      { client: access, comes: true },
      { client: stranger, comes: true },
    ]);

    say.heading(2, "alpha-deny: a policy for all pods of alpha that allows nothing.");
    await this.#change([denyAll]);
    this.#fetch([{ client: access, comes: false }]);
    this.#showChanges();
    this.#showWay();

    say.heading(
      3,
      "access-nginx: a second policy lets pods labelled run=access of alpha reach those labelled run=nginx.",
    );
    await this.#change([denyAll, allowAccess]);
    this.#fetch([{ client: access, comes: true }]);
    this.#showChanges();
    this.#showWay();
    this.#showSets();

    say.heading(4, "A pod with the same label in namespace beta is still denied.");
    this.#fetch([{ client: stranger, comes: false }]);
    this.#showReason([denyAll, allowAccess]);

    say.heading(5, "Both policies are removed: everything is open again.");
    await this.#change([]);
    this.#fetch([
      { client: access, comes: true },
      { client: stranger, comes: true },
    ]);
    this.#showChanges();
    say.line();
    for (const path of this.#kept) say.line(`kept ${path}`);
    if (this.#asTold) say.line("Every probe came out as told.", "green");
    else say.line("Not every probe came out as told.", "red");
    return this.#asTold;
  }

  #namespaceOf(pod: { readonly namespace: string; readonly name: string }): string {
    return namespaceName(this.#lab.options.name, "pod", pod.namespace, pod.name);
  }

  #serve(pod: (typeof servers)[number]): void {
    const text = `Hello from ${pod.namespace}/${pod.name}`;
    this.#web.serve(this.#namespaceOf(pod), pod.address as Address, service.port, text);
  }

  async #bring(policies: readonly RawObject[], what: string): Promise<number> {
    this.#teller.doing(what);
    const started = performance.now();
    await this.#lab.bring(await inputOf(this.#lab.options, [...cluster, ...policies], []));
    return performance.now() - started;
  }

  async #change(policies: readonly RawObject[]): Promise<void> {
    const milliseconds = await this.#bring(policies, "waiting until both nodes enforce it");
    this.#teller.line(`   in force on both nodes after ${milliseconds.toFixed(0)} ms`, "dim");
  }

  /** Fetches the page through the Service, and tells whether what happens is what should. */
  #fetch(expectations: readonly Expectation[]): void {
    this.#teller.doing("fetching");
    const fetches = expectations.map(({ client }) => ({
      namespace: this.#namespaceOf(client),
      source: client.address as Address,
      destination: service.address as Address,
      port: service.port,
    }));
    const results = this.#web.fetchAll(fetches, patience);
    for (const [index, { client, comes }] of expectations.entries()) {
      const result = results[index];
      const asTold = (result?.kind === "page") === comes;
      this.#asTold &&= asTold;
      const what = `   ${client.namespace}/${client.name} fetches http://${service.address}/`;
      const met =
        result?.kind === "page"
          ? `"${result.text}" after ${result.milliseconds.toFixed(1)} ms`
          : `${result?.reason ?? "nothing"} after ${result?.milliseconds.toFixed(0)} ms`;
      this.#teller.line(
        `${what}: ${met}${asTold ? "" : ` (this should have ${comes ? "come" : "failed"})`}`,
        asTold ? "green" : "red",
      );
    }
  }

  /** What is in each node's kernel; the counters' values are left out. */
  #snapshot(): Snapshots {
    const texts = new Map<string, string>();
    const time = Math.max(Math.floor(Date.now() / 1000), this.#lastTime + 1);
    this.#lastTime = time;
    for (const { role, of, name } of this.#lab.plan.namespaces) {
      if (role !== "node") continue;
      const list = ["-s", "list", "table", "inet", "portcullis"];
      const text = inNamespace(name, () => outputOf("nft", list));
      texts.set(of, text);
      if (this.#keep !== null) this.#keepFile(this.#keep, `${of}.${time}`, text);
    }
    return texts;
  }

  #keepFile(folder: string, name: string, text: string): void {
    if (!existsSync(folder)) mkdirSync(folder, { recursive: true });
    const path = join(folder, name);
    writeFileSync(path, text);
    this.#kept.push(path);
  }

  #showChanges(): void {
    const say = this.#teller;
    const after = this.#snapshot();
    for (const [node, text] of after) {
      say.line();
      say.line(`   What changed in the kernel of ${node}:`, "cyan");
      for (const change of changesBetween(this.#snapshots.get(node) ?? "", text)) {
        const comment = change.comment === "" ? "" : `  (${change.comment})`;
        say.line(`     ${change.title}${change.state === "changed" ? "" : `, ${change.state}`}${comment}`);
        for (const line of change.removed) say.line(`       - ${line}`, "red");
        for (const line of change.added) say.line(`       + ${line}`, "green");
      }
    }
    this.#snapshots = after;
  }

  #blocks() {
    return blocksOf(this.#snapshots.get(followed.node) ?? "");
  }

  #showWay(): void {
    const say = this.#teller;
    const blocks = this.#blocks();
    const { namespace, name, node, address } = followed;
    say.line();
    say.line(`   The way to ${namespace}/${name} (${address}), rule by rule:`, "cyan");
    const facts = [
      ["node", `${node} (network namespace ${namespaceName(this.#lab.options.name, "node", node)})`],
      ["interface", podDevice(namespace, name)],
      ["chain", chainOf(blocks, "in4", address) ?? "none"],
    ];
    for (const [what = "", which = ""] of facts) say.line(`     ${what.padEnd(10)}${which}`);
    for (const { chain, steps } of wayTo(blocks, address)) {
      say.line(`     chain ${chain}`);
      say.columns(steps, "       ");
    }
  }

  #showSets(): void {
    const say = this.#teller;
    const blocks = this.#blocks();
    for (const { name, members } of setsOf(blocks, chainOf(blocks, "in4", followed.address) ?? "")) {
      say.line();
      say.line(`   The set ${name} on ${followed.node}:`, "cyan");
      for (const member of members) {
        const pod = everyone.find(({ address }) => address === member);
        say.line(`     ${member}  ${pod === undefined ? "" : `${pod.namespace}/${pod.name}`}`);
      }
    }
  }

  /** Why the evaluator denies the stranger; the kernel has just done the same. */
  #showReason(policies: readonly RawObject[]): void {
    const say = this.#teller;
    const { cluster: state } = this.#lab;
    const query = readQuery({
      from: `${stranger.namespace}/${stranger.name}`,
      to: `alpha/svc/${service.name}`,
      protocol: "TCP",
      port: service.port,
    });
    if ("error" in query) throw new Error(query.error);
    const connection = createResolver(state, []).resolve(query);
    if ("error" in connection) throw new Error(connection.error);
    const { verdict, ingress } = explain(state, connection);
    if (verdict !== "deny" || ingress.isolatedBy.length !== policies.length) this.#asTold = false;
    say.line(`     ${ingress.subject ?? ""}: ${ingress.reason}`);
    for (const id of ingress.isolatedBy) say.line(`       isolated by ${id}`);
    for (const { policy, rule, mismatches } of ingress.nearest) {
      say.line(`       ${policy} rule ${rule} does not match: ${mismatches.map(({ text }) => text).join("; ")}`);
    }
  }
}
