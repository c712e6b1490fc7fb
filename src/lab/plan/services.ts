import { familyOf, type Address } from "../../net/address.ts";
import type { LabObjects } from "../resolve/resolve.ts";
import { backendAddress, backendOf, targetPort } from "./backend.ts";

/** The lab's own table; it stands for kube-proxy and is none of Portcullis'. */
export const servicesTable = "inet lab_services";

function ipWord(address: Address): "ip" | "ip6" {
  return familyOf(address) === 4 ? "ip" : "ip6";
}

function endpoint(address: Address, port: number): string {
  return familyOf(address) === 4 ? `${address}:${port}` : `[${address}]:${port}`;
}

interface Translations {
  readonly rules: readonly string[];
  readonly backends: ReadonlySet<Address>;
}

function translations(objects: LabObjects): Translations {
  const rules: string[] = [];
  const backends = new Set<Address>();
  for (const service of objects.services) {
    const pod = backendOf(service, objects);
    if (pod === null) continue;
    for (const address of [...service.clusterIps, ...service.externalIps]) {
      const backend = backendAddress(pod, objects, familyOf(address));
      if (backend === null) continue;
      backends.add(backend);
      for (const port of service.ports) {
        const target = targetPort(port, pod);
        if (target === null) continue;
        const word = ipWord(address);
        const match = `${word} daddr ${address} ${port.protocol.toLowerCase()} dport ${port.port}`;
        rules.push(`${match} dnat ${word} to ${endpoint(backend, target)}`);
      }
    }
  }
  return { rules, backends };
}

/**
 * nft text that translates Services on a node, for what it forwards and what it sends itself. A backend that reaches
 * itself through its Service is masqueraded, else it would answer itself past the node. Null: no Service has a backend.
 */
export function servicesText(objects: LabObjects): string | null {
  const { rules, backends } = translations(objects);
  if (rules.length === 0) return null;
  const hairpins = [...backends].map((address) => {
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
