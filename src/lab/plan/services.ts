import type { Pod, Service } from "../../kube/objects.ts";
import { familyOf, type Address } from "../../net/address.ts";
import { backendOf } from "../../evaluate/service.ts";
import type { LabObjects } from "../resolve/resolve.ts";

/** The lab's own table; it stands for kube-proxy and is none of Portcullis'. */
export const servicesTable = "inet lab_services";

/** One Service port of one address, and the one backend that the lab sends it to. */
interface Translation {
  readonly address: Address;
  readonly port: number;
  readonly protocol: string;
  readonly backend: Address;
  readonly target: number;
  /** Where the backend runs. */
  readonly node: string;
}

/** The addresses that a Service is reached by. */
export function serviceAddresses(service: Service): readonly Address[] {
  return [...service.clusterIps, ...service.externalIps];
}

/** A hostNetwork pod has its node's addresses already (resolve.ts). */
function backendAddress(pod: Pod, address: Address): Address | undefined {
  return pod.addresses.find((each) => familyOf(each) === familyOf(address));
}

/**
 * Where each Service's ports lead: to its first ready backend by name alone, since that is the one that the evaluator
 * is asked about (cli.md, `eval`).
 */
function translationsOf(objects: LabObjects): readonly Translation[] {
  const translations: Translation[] = [];
  for (const service of objects.services) {
    const pods = objects.pods.filter(({ namespace }) => namespace === service.namespace);
    for (const { protocol, port } of service.ports) {
      for (const address of serviceAddresses(service)) {
        const found = backendOf(service, pods, { protocol, port }, new Set([familyOf(address)]));
        if ("error" in found) continue;
        const backend = backendAddress(found.pod, address);
        if (backend === undefined) continue;
        translations.push({ address, port, protocol, backend, target: found.port, node: found.pod.nodeName });
      }
    }
  }
  return translations;
}

/** What the nodes and the fabric do about Services. */
export interface ServicePlan {
  /** nft text for every node; null where no Service has a backend. */
  readonly onNodes: string | null;
  /** nft text for the fabric: what the node that `routes` names cannot translate. */
  readonly onFabric: string | null;
  /** The node to which hosts outside send what they have for a Service's address: that of a backend. */
  readonly routes: readonly { readonly address: Address; readonly node: string }[];
}

/** Lays out the translation of all Services. */
export function planServices(objects: LabObjects): ServicePlan {
  const translations = translationsOf(objects);
  const routes = new Map<Address, string>();
  for (const { address, node } of translations) if (!routes.has(address)) routes.set(address, node);
  // Answers of a backend elsewhere would reach the host outside untranslated: the fabric is on their way back.
  const elsewhere = translations.filter(({ address, node }) => routes.get(address) !== node);
  return {
    onNodes: translationText(translations),
    onFabric: translationText(elsewhere),
    routes: [...routes].map(([address, node]) => ({ address, node })),
  };
}

function ipWord(address: Address): "ip" | "ip6" {
  return familyOf(address) === 4 ? "ip" : "ip6";
}

function ruleText({ address, port, protocol, backend, target }: Translation): string {
  const word = ipWord(address);
  const to = word === "ip" ? `${backend}:${target}` : `[${backend}]:${target}`;
  return `${word} daddr ${address} ${protocol.toLowerCase()} dport ${port} dnat ${word} to ${to}`;
}

/**
 * For what is forwarded and what the namespace sends itself. A backend that reaches itself through its Service is
 * masqueraded, else it would answer itself past the node.
 */
function translationText(translations: readonly Translation[]): string | null {
  if (translations.length === 0) return null;
  const rules = translations.map(ruleText);
  const hairpins = [...new Set(translations.map(({ backend }) => backend))].map((address) => {
    const word = ipWord(address);
    return `${word} saddr ${address} ${word} daddr ${address} ct status dnat masquerade`;
  });
  const chain = (name: string, hook: string, lines: readonly string[]): string =>
    [`  chain ${name} {`, `    type nat hook ${hook};`, ...lines.map((line) => `    ${line}`), "  }"].join("\n");
  return [
    `table ${servicesTable} {`,
    chain("to_services", "prerouting priority -100", rules),
    chain("from_node", "output priority -100", rules),
    chain("hairpin", "postrouting priority 100", hairpins),
    "}\n",
  ].join("\n");
}
