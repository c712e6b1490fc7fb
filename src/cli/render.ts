import { Option, type Command } from "commander";
import { readAddress, readQueueNumber } from "../agent/dns-settings.ts";
import {
  readCidr,
  readLogGroup,
  readMarkMask,
  readNamespacedName,
  readNamespaceName,
} from "../agent/setting-values.ts";
import { defaultSettings } from "../agent/settings.ts";
import type { NamesOptions } from "../compile/options.ts";
import { compileWhole } from "../compile/whole.ts";
import { dataplaneNames, openDataplane } from "../dataplane/registry.ts";
import type { Cidr } from "../net/cidr.ts";
import type { Cluster } from "../policy/cluster.ts";
import { systemClock } from "../system/clock.ts";
import { exitCodes } from "./exit.ts";
import { flagValue } from "./flag-value.ts";
import type { ObjectOptions, VerdictOptions } from "./input.ts";
import { addObjectOptions, addVerdictOptions, readObjects } from "./input.ts";
import { say, writeOut } from "./output.ts";

interface RenderOptions extends ObjectOptions, VerdictOptions {
  readonly node: string;
  readonly dataplane: string;
  readonly podCidr?: readonly string[];
  readonly established: "cut" | "keep";
  readonly ctMarkMask: string;
  readonly exemptNamespace?: readonly string[];
  readonly dnsService: string;
  readonly dnsResolver?: readonly string[];
  readonly dnsQueue: string;
}

/** An agent of a name that nothing in the input speaks of has rules too; but it may be a slip of the pen. */
function warnOfUnknown({ objects }: Cluster, name: string): void {
  const isKnown = objects.some(
    (one) => (one.kind === "Node" && one.name === name) || (one.kind === "Pod" && one.nodeName === name),
  );
  if (!isKnown) say(`no Node and no pod of the input is called or runs on ${JSON.stringify(name)}: it has no pods`);
}

function namesOf({ dnsService, dnsResolver = [], dnsQueue }: RenderOptions): NamesOptions | null {
  const { queue } = flagValue("--dns-queue", readQueueNumber(dnsQueue));
  const service = flagValue("--dns-service", readNamespacedName(dnsService));
  const resolvers = dnsResolver.map((text) => flagValue("--dns-resolver", readAddress(text)));
  return queue === null ? null : { queue, service, resolvers };
}

async function run(options: RenderOptions): Promise<void> {
  const { node, unknownPods, established, defaultVerdict } = options;
  const ctMarkMask = flagValue("--ct-mark-mask", readMarkMask(options.ctMarkMask));
  const podCidrs = options.podCidr?.map((text): Cidr => flagValue("--pod-cidr", readCidr(text))) ?? null;
  const exempt = options.exemptNamespace?.map((text) => flagValue("--exempt-namespace", readNamespaceName(text)));
  const { group: logGroup } = flagValue("--drop-log-group", readLogGroup(defaultSettings["drop-log-group"]));
  const names = namesOf(options);
  const read = await readObjects(options);
  warnOfUnknown(read.cluster, node);
  const ruleset = compileWhole(read.cluster, {
    nodeName: node,
    podCidrs,
    unknownPods,
    established,
    defaultVerdict,
    logGroup,
    exemptNamespaces: new Set(exempt),
    names,
  });
  const dataplane = openDataplane(options.dataplane, { netns: null, ctMarkMask, clock: systemClock });
  await writeOut(dataplane.render(ruleset));
  process.exitCode = read.findings.length > 0 ? exitCodes.unreadable : exitCodes.yes;
}

/** `portcullis render`: what the agent would load on a node, without touching a kernel. */
export function registerRender(program: Command): void {
  const command = program
    .command("render")
    .description("print exactly what the agent would load on a node; touches no kernel, needs no root")
    .requiredOption("--node <name>", "the node")
    .addOption(
      new Option("--dataplane <name>", "whose program").choices(dataplaneNames).default(defaultSettings.dataplane),
    )
    .option("--pod-cidr <block...>", "pod ranges of the node (default: the Node's podCIDRs)")
    .addOption(
      new Option("--established <what>", "what happens to open connections that a change denies")
        .choices(["cut", "keep"])
        .default(defaultSettings.established),
    )
    .option("--exempt-namespace <name...>", "no policy isolates the pods of these namespaces")
    .option(
      "--dns-service <namespace/name>",
      "the Service of the cluster's DNS servers",
      defaultSettings["dns-service"],
    )
    .option("--dns-resolver <address...>", "DNS servers beside those of the Service")
    .option("--dns-queue <number>", "NFQUEUE by which names are learned; 0: off", defaultSettings["dns-queue"])
    .option("--ct-mark-mask <hex>", "bits of the connection mark that are ours", defaultSettings["ct-mark-mask"]);
  addVerdictOptions(addObjectOptions(command)).action(run);
}
