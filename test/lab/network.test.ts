import assert from "node:assert/strict";
import { test } from "node:test";
import { answersOf, manifestFile, runProgram } from "./run-lab.ts";

/** The lab's own network, without any agent: everything that it should carry, it carries. */

const labels = { app: "web" };

function pod(namespace: string, name: string, nodeName: string, ips: readonly string[], extra: object = {}): object {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { namespace, name, labels },
    spec: { nodeName, containers: [{ name: "c", ports: [{ name: "http", containerPort: 8080 }] }], ...extra },
    status: { phase: "Running", podIPs: ips.map((ip) => ({ ip })), conditions: [{ type: "Ready", status: "True" }] },
  };
}

function node(name: string, ips: readonly string[], podCIDRs: readonly string[]): object {
  const addresses = ips.map((address) => ({ type: "InternalIP", address }));
  return { apiVersion: "v1", kind: "Node", metadata: { name }, spec: { podCIDRs }, status: { addresses } };
}

function service(name: string, clusterIPs: readonly string[], externalIPs: readonly string[]): object {
  const ports = [{ port: 80, targetPort: "http" }];
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { namespace: "x", name },
    spec: { selector: labels, clusterIP: clusterIPs[0], clusterIPs, externalIPs, ports },
  };
}

const ranges = [
  ["10.244.1.0/24", "fd00:244:1::/64"],
  ["10.244.2.0/24", "fd00:244:2::/64"],
] as const;

function cluster(withRanges: boolean): readonly object[] {
  return [
    node("node-1", ["192.168.5.1", "fd05::1"], withRanges ? ranges[0] : []),
    node("node-2", ["192.168.5.2", "fd05::2"], withRanges ? ranges[1] : []),
    pod("x", "a", "node-1", ["10.244.1.10", "fd00:244:1::10"]),
    pod("x", "b", "node-1", ["10.244.1.11", "fd00:244:1::11"]),
    pod("x", "c", "node-2", ["10.244.2.10", "fd00:244:2::10"]),
    // Its addresses are of the other node's ranges.
    pod("x", "d", "node-2", ["10.244.1.12", "fd00:244:1::12"]),
    pod("x", "host", "node-2", ["192.168.5.2", "fd05::2"], { hostNetwork: true }),
    service("web", ["10.96.0.1", "fd00:96::1"], ["203.0.113.5"]),
  ];
}

const ends = ["x/a", "x/b", "x/c", "x/d", "x/host", "node/node-1", "198.51.100.7", "2001:db8::7"];
const protocols = [
  { protocol: "TCP", port: 8080 },
  { protocol: "UDP", port: 53 },
  { protocol: "SCTP", port: 9 },
  { protocol: "ICMP" },
  { protocol: 47 },
  { protocol: 99 },
];

function queries(strangers: readonly string[]): readonly object[] {
  const asked: object[] = [];
  for (const from of ends) {
    for (const to of [...ends, ...strangers]) {
      for (const family of [4, 6]) {
        const addresses = [from, to].filter((end) => !end.includes("/"));
        if (addresses.some((address) => address.includes(":") !== (family === 6))) continue;
        for (const what of protocols) {
          asked.push({ id: `${from} ${to} ${family} ${what.protocol}`, from, to, family, ...what });
        }
      }
    }
    for (const to of ["x/svc/web", "10.96.0.1", "203.0.113.5", "fd00:96::1"]) {
      if (!from.includes("/") && to.includes("/") && from.includes(":") !== to.includes(":")) continue;
      if (!from.includes("/") && !to.includes("/") && from.includes(":") !== to.includes(":")) continue;
      asked.push({ id: `${from} ${to}`, from, to, protocol: "TCP", port: 80 });
    }
  }
  return asked;
}

for (const topology of ["routed", "bridged"]) {
  for (const withRanges of [true, false]) {
    test(`${topology}, pod ranges ${withRanges ? "known" : "not known"}: every host reaches every other`, async () => {
      const file = manifestFile(cluster(withRanges));
      try {
        // The gateways of the ranges, and an address of a range that no pod has.
        const asked = queries(withRanges ? ["10.244.1.1", "fd00:244:2::1", "10.244.1.77"] : []);
        const flags = ["lab", "run", "-f", file.path, "--topology", topology, "--no-enforce", "--unknown-pods=accept"];
        const lines = asked.map((query) => `${JSON.stringify(query)}\n`).join("");
        const { code, stdout, stderr } = await runProgram([...flags, "--probe", "-"], lines);
        const answers = [...answersOf(stdout)];
        const failed = answers.filter(([, { verdict }]) => verdict !== "allow");
        assert.deepEqual(failed, [], stderr);
        assert.equal(answers.length, asked.length);
        assert.equal(code, 0, stderr);
      } finally {
        file.dispose();
      }
    });
  }
}

test("what cannot be asked is said, the rest is answered", async () => {
  const file = manifestFile(cluster(false));
  try {
    const lines = [
      '{"id":"port 0","from":"x/a","to":"x/b","protocol":"TCP","port":0}',
      '{"id":"loopback","from":"x/a","to":"127.0.0.1","protocol":"TCP","port":80}',
      '{"id":"header","from":"x/a","to":"x/b","protocol":44}',
      '{"id":"nobody","from":"x/none","to":"x/b","protocol":"ICMP"}',
      "no json",
      '{"id":"fine","from":"x/a","to":"x/b","protocol":"ICMP"}',
    ];
    const args = ["lab", "run", "-f", file.path, "--no-enforce", "--probe", "-"];
    const { code, stdout } = await runProgram(args, lines.join("\n"));
    const answers = answersOf(stdout);
    assert.equal(answers.get("fine")?.verdict, "allow");
    for (const id of ["port 0", "loopback", "header", "nobody", "null"]) {
      assert.equal(typeof answers.get(id)?.error, "string", id);
    }
    assert.equal(code, 3);
  } finally {
    file.dispose();
  }
});
