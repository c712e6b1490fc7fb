import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { clientAddress, serverAddress, serverPort } from "./path.ts";

const restore = ["/usr/sbin/iptables-legacy-restore", "/usr/sbin/iptables-restore"].find((file) => existsSync(file));

/**
 * The layout that Portcullis is measured against: a chain for each pod, a chain for each policy, FORWARD walks two
 * rules a pod, a packet of an open connection is accepted in its pod's chain. That is kinder than kube-router, which has four
 * rules a pod and walks both chains for established packets too. The pod that is measured stands in the middle.
 */
export async function loadIptablesLayout(node: string, pods: number): Promise<void> {
  if (restore === undefined) throw new Error("iptables-restore is missing: apt-get install iptables");
  const addresses = otherAddresses(pods);
  addresses.splice(Math.floor(addresses.length / 2), 0, serverAddress);
  const lines = ["*filter", ":FORWARD ACCEPT [0:0]"];
  addresses.forEach((_, index) => lines.push(`:POD-${index} - [0:0]`, `:POL-${index} - [0:0]`));
  addresses.forEach((address, index) => {
    lines.push(`-A FORWARD -d ${address} -j POD-${index}`, `-A FORWARD -s ${address} -j POD-${index}`);
    lines.push(`-A POD-${index} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT`);
    lines.push(`-A POD-${index} -d ${address} -j POL-${index}`);
    lines.push(`-A POD-${index} -m mark ! --mark 0x10000/0x10000 -j DROP`);
    lines.push(`-A POL-${index} -s ${clientAddress} -p tcp --dport ${serverPort} -j MARK --set-mark 0x10000/0x10000`);
    lines.push(`-A POL-${index} -s ${clientAddress} -p udp --dport ${serverPort} -j MARK --set-mark 0x10000/0x10000`);
  });
  lines.push("COMMIT", "");
  execFileSync("ip", ["netns", "exec", node, restore], {
    input: lines.join("\n"),
    stdio: ["pipe", "ignore", "inherit"],
  });
}

/** Addresses of the pods that are not measured. */
export function otherAddresses(pods: number): string[] {
  return Array.from({ length: Math.max(0, pods - 2) }, (_, index) => {
    const n = index + 256;
    return `10.244.${n >> 8}.${n & 255}`;
  });
}
