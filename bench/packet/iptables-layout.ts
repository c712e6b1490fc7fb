import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { clientAddress, serverAddress, serverPort } from "./path.ts";

const restore = ["/usr/sbin/iptables-legacy-restore", "/usr/sbin/iptables-restore"].find((file) => existsSync(file));

/**
 * The layout that Portcullis is measured against, one chain for each pod and each policy, as kube-router lays them out
 * (from knowledge of it, none of its code): four rules a pod in FORWARD, so that bridged traffic is seen too; open
 * connections are accepted in the chain of the first pod that matches; what a policy allows is marked, and marked packets
 * are accepted at the end of FORWARD. The pods that are measured stand in the middle.
 */
export async function loadIptablesLayout(node: string, pods: number): Promise<void> {
  if (restore === undefined) throw new Error("iptables-restore is missing: apt-get install iptables");
  const addresses = otherAddresses(pods);
  addresses.splice(Math.floor(addresses.length / 2), 0, clientAddress, serverAddress);
  const lines = ["*filter", ":FORWARD ACCEPT [0:0]", ":POL-OPEN - [0:0]"];
  addresses.forEach((_, index) => lines.push(`:POD-${index} - [0:0]`, `:POL-${index} - [0:0]`));
  const allowed = "-j MARK --set-xmark 0x10000/0x10000";
  addresses.forEach((address, index) => {
    const jump = `-m comment --comment "traffic of pod ${index}" -j POD-${index}`;
    for (const end of ["-d", "-s"]) {
      lines.push(`-A FORWARD ${end} ${address} ${jump}`);
      lines.push(`-A FORWARD -m physdev --physdev-is-bridged ${end} ${address} ${jump}`);
    }
    lines.push(`-A POD-${index} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT`);
    lines.push(`-A POD-${index} -d ${address} -j POL-${index}`, `-A POD-${index} -s ${address} -j POL-OPEN`);
    lines.push(`-A POD-${index} -m mark ! --mark 0x10000/0x10000 -j DROP`);
    lines.push(
      `-A POD-${index} -j MARK --set-xmark 0x0/0x10000`,
      `-A POD-${index} -j MARK --set-xmark 0x20000/0x20000`,
    );
    for (const protocol of ["tcp", "udp"]) {
      lines.push(`-A POL-${index} -s ${clientAddress} -p ${protocol} --dport ${serverPort} ${allowed}`);
    }
  });
  lines.push(`-A POL-OPEN ${allowed}`, "-A FORWARD -m mark --mark 0x20000/0x20000 -j ACCEPT", "COMMIT", "");
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
