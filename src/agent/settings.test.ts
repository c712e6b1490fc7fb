import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { allGatesOpen } from "../policy/feature-gates.ts";
import { formatBindAddress, readBindAddress } from "./bind-address.ts";
import { readConfig } from "./config-file.ts";
import { retryDelay } from "./retry.ts";
import { readDuration, readMarkMask, readNetns, readNodeName, readSyncPeriod } from "./setting-values.ts";
import { type SettingName, readSettings } from "./settings.ts";

const written = (values: Partial<Record<SettingName, string | string[]>>) =>
  new Map(
    Object.entries(values).map(([name, value]) => [name as SettingName, { texts: [value].flat(), place: `--${name}` }]),
  );

const valueOf = <T>(read: { ok: true; value: T } | { ok: false; reason: string }): T | string =>
  read.ok ? read.value : read.reason;

describe("setting values", () => {
  it("durations", () => {
    assert.equal(valueOf(readDuration("30s")), 30_000);
    assert.equal(valueOf(readDuration("500ms")), 500);
    assert.equal(valueOf(readDuration("1m30s")), 90_000);
    assert.equal(valueOf(readDuration("1.5h")), 5_400_000);
    for (const text of ["", "5", "m", "-1s", "1 s", "1S", "1d", "NaNs", "1e3s", "\u0661s"])
      assert.equal(readDuration(text).ok, false, text);
    assert.equal(readSyncPeriod("100ms").ok, true);
    assert.equal(readSyncPeriod("99ms").ok, false);
    assert.equal(readSyncPeriod("25h").ok, false);
  });

  it("mark masks: one run of at least eight bits", () => {
    assert.equal(valueOf(readMarkMask("0xffff0000")), 0xffff0000);
    assert.equal(valueOf(readMarkMask("0xff")), 0xff);
    assert.equal(valueOf(readMarkMask("0xFFFFFFFF")), 0xffffffff);
    for (const text of ["0x7f", "0x0", "0xff00ff00", "0xfffffffff", "255", "ffff0000", "0x", "0xzz"]) {
      assert.equal(readMarkMask(text).ok, false, text);
    }
  });

  it("network namespaces by name or path, nodes by name", () => {
    assert.equal(valueOf(readNetns("node-1")), "node-1");
    assert.equal(valueOf(readNetns("/proc/7/ns/net")), "/proc/7/ns/net");
    for (const text of ["", "..", ".", "../x", "a/b", "a\0b"]) assert.equal(readNetns(text).ok, false, text);
    assert.equal(valueOf(readNodeName("ip-10-0-0-1.eu")), "ip-10-0-0-1.eu");
    for (const text of ["", "A", "-a", "a_b", "a\nb", "a".repeat(254)])
      assert.equal(readNodeName(text).ok, false, text);
  });

  it("addresses to listen on", () => {
    for (const text of [":9080", "127.0.0.1:80", "[::1]:1", "localhost:0", "unix:/run/p.sock"]) {
      const read = readBindAddress(text);
      assert.ok(read.ok, text);
      assert.equal(formatBindAddress(read.value), text);
    }
    for (const text of ["", "9080", ":65536", "::1:80", "unix:", `unix:/${"x".repeat(107)}`, "a:b:1"]) {
      assert.equal(readBindAddress(text).ok, false, text);
    }
  });

  it("retries wait longer and longer, to ten seconds, with up to half off", () => {
    assert.deepEqual(
      [1, 2, 3].map((n) => retryDelay(n, () => 0)),
      [100, 200, 400],
    );
    assert.equal(
      retryDelay(1e6, () => 0),
      10_000,
    );
    assert.equal(
      retryDelay(1, () => 0.999),
      100 * (1 - 0.999 / 2),
    );
  });
});

describe("settings", () => {
  it("have the documented defaults", () => {
    const read = readSettings(written({ "node-name": "n1" }), ["nftables"]);
    assert.ok(read.ok);
    assert.deepEqual(read.settings, {
      nodeName: "n1",
      folder: null,
      kubeconfig: null,
      context: null,
      policyKinds: null,
      featureGates: allGatesOpen,
      dataplane: "nftables",
      netns: null,
      dryRun: false,
      podCidrs: null,
      unknownPods: "drop",
      established: "cut",
      defaultVerdict: "accept",
      exemptNamespaces: [],
      syncPeriod: 60_000,
      ctMarkMask: 0xffff0000,
      audit: false,
      bind: { kind: "tcp", host: null, port: 9080 },
      socket: { kind: "unix", path: "/run/portcullis/agent.sock" },
      dropLogGroup: 9080,
      dnsService: { namespace: "kube-system", name: "kube-dns" },
      dnsResolvers: [],
      dnsQueue: 9053,
      dnsMinTtl: 5,
      dnsMaxTtl: 3600,
      dnsGrace: 300,
      stateFile: null,
      uninstallFrom: null,
      logFormat: "text",
      verbose: false,
    });
  });

  it("where a folder is followed there is no socket by itself, and no cluster", () => {
    const read = readSettings(written({ "node-name": "n1", filename: "/m" }), ["nftables"]);
    assert.ok(read.ok);
    assert.equal(read.settings.socket, null);
    const named = readSettings(written({ "node-name": "n1", filename: "/m", socket: "/tmp/s" }), ["nftables"]);
    assert.ok(named.ok);
    assert.deepEqual(named.settings.socket, { kind: "unix", path: "/tmp/s" });
    const off = readSettings(written({ "node-name": "n1", socket: "", "drop-log-group": "0" }), ["nftables"]);
    assert.ok(off.ok);
    assert.deepEqual([off.settings.socket, off.settings.dropLogGroup], [null, null]);
    const both = readSettings(written({ "node-name": "n1", filename: "/m", kubeconfig: "/k" }), ["nftables"]);
    assert.ok(!both.ok);
    assert.match(both.problems.join(), /--kubeconfig and -f exclude each other/);
    assert.equal(readSettings(written({ "node-name": "n1", "drop-log-group": "65536" }), ["nftables"]).ok, false);
  });

  it("of a cluster name namespaces, kinds and objects that can be", () => {
    const read = readSettings(
      written({
        "node-name": "n1",
        "exempt-namespace": ["kube-system", "b"],
        "policy-kinds": ["NetworkPolicy"],
        "state-file": "/var/lib/portcullis/node.json",
        "uninstall-from": "kube-system/portcullis",
      }),
      ["nftables"],
    );
    assert.ok(read.ok);
    assert.deepEqual(read.settings.exemptNamespaces, ["kube-system", "b"]);
    assert.deepEqual(read.settings.uninstallFrom, { namespace: "kube-system", name: "portcullis" });
    const wrong = {
      "exempt-namespace": ["Kube", "a/b", "", "a.b"],
      "policy-kinds": ["networkpolicy", "Pod"],
      "state-file": "node.json",
      "uninstall-from": "portcullis",
    };
    const refused = readSettings(written({ "node-name": "n1", ...wrong }), ["nftables"]);
    assert.ok(!refused.ok);
    assert.equal(refused.problems.length, 7);
    const folder = written({ "node-name": "n1", filename: "/m", "uninstall-from": "a/b" });
    assert.equal(readSettings(folder, ["nftables"]).ok, false);
  });

  it("of policies are lists with commas, given once or several times, in a cluster and with -f", () => {
    const given = {
      "node-name": "n1",
      filename: "/m",
      "policy-kinds": ["NetworkPolicy", "MultiNetworkPolicy,NetworkPolicy"],
    };
    const read = readSettings(written({ ...given, "feature-gates": ["NodePeers=false,NamedPorts=true"] }), [
      "nftables",
    ]);
    assert.ok(read.ok);
    assert.deepEqual(read.settings.policyKinds, ["NetworkPolicy", "MultiNetworkPolicy"]);
    assert.deepEqual([...read.settings.featureGates], ["DomainNames", "NamedPorts"]);
    for (const gates of [
      "",
      "NodePeers",
      "NodePeers=no",
      "Nodes=true",
      "NodePeers=true,NodePeers=false",
      "NodePeers=true=",
    ]) {
      const refused = readSettings(written({ ...given, "feature-gates": gates }), ["nftables"]);
      assert.ok(!refused.ok && refused.problems.length === 1, gates);
    }
    assert.equal(readSettings(written({ ...given, "policy-kinds": "" }), ["nftables"]).ok, false);
  });

  it("of domain names", () => {
    const names = {
      "dns-service": "dns/core",
      "dns-resolver": ["169.254.20.10", "fd00:0::a"],
      "dns-queue": "0",
      "dns-min-ttl": "0s",
      "dns-max-ttl": "24h",
      "dns-grace": "90s",
    };
    const read = readSettings(written({ "node-name": "n1", ...names }), ["nftables"]);
    assert.ok(read.ok);
    const { dnsService, dnsResolvers, dnsQueue, dnsMinTtl, dnsMaxTtl, dnsGrace } = read.settings;
    assert.deepEqual(dnsService, { namespace: "dns", name: "core" });
    assert.deepEqual(dnsResolvers, ["169.254.20.10", "fd00::a"]);
    assert.deepEqual([dnsQueue, dnsMinTtl, dnsMaxTtl, dnsGrace], [null, 0, 86_400, 90]);
    const wrong = {
      "dns-service": "kube-dns",
      "dns-resolver": ["10.0.0.0/8", "dns.example"],
      "dns-queue": "65536",
      "dns-min-ttl": "500ms",
      "dns-max-ttl": "25h",
      "dns-grace": "5",
    };
    const refused = readSettings(written({ "node-name": "n1", ...wrong }), ["nftables"]);
    assert.ok(!refused.ok);
    assert.equal(refused.problems.length, 7);
    const crossed = readSettings(written({ "node-name": "n1", "dns-min-ttl": "2h" }), ["nftables"]);
    assert.ok(!crossed.ok);
    assert.match(crossed.problems.join(), /--dns-min-ttl is longer than --dns-max-ttl/);
  });

  it("report everything that is wrong at once, each with its place", () => {
    const read = readSettings(
      written({
        established: "maybe",
        "sync-period": "soon",
        "pod-cidr": ["10.0.0.0/8", "10.0.0.1/8x"],
        netns: ["a", "b"],
      }),
      ["nftables"],
    );
    assert.ok(!read.ok);
    assert.equal(read.problems.length, 5);
    const text = read.problems.join("\n");
    for (const part of [
      "--node-name",
      '--established: "maybe" is none of: cut, keep',
      "--sync-period",
      "10.0.0.1/8x",
      "--netns: netns can be given only once",
    ]) {
      assert.ok(text.includes(part), `${part} in ${text}`);
    }
  });
});

describe("the configuration file", () => {
  it("has the flags' names and texts", () => {
    const read = readConfig(
      "node-name: n1\nct-mark-mask: 0xff000000\npod-cidr: [10.0.0.0/24, 'fd00::/64']\naudit: true\n",
      "a.yaml",
    );
    assert.ok(read.ok);
    assert.deepEqual(
      [...read.written].map(([name, { texts, place }]) => [name, texts, place]),
      [
        ["node-name", ["n1"], "a.yaml:1:1"],
        ["ct-mark-mask", ["0xff000000"], "a.yaml:2:1"],
        ["pod-cidr", ["10.0.0.0/24", "fd00::/64"], "a.yaml:3:1"],
        ["audit", ["true"], "a.yaml:4:1"],
      ],
    );
  });

  const problemsOf = (text: string): readonly string[] => {
    const read = readConfig(text, "a.yaml");
    return read.ok ? [] : read.problems;
  };

  it("unknown keys, doubles and odd values are problems with their position", () => {
    assert.deepEqual(problemsOf("audit: true\n\nsync-perod: 1m\n"), ['a.yaml:3:1: unknown key "sync-perod"']);
    assert.match(problemsOf("audit: true\naudit: false\n")[0] ?? "", /^a\.yaml:2:1: .*unique/);
    assert.match(problemsOf("netns: {a: b}\n")[0] ?? "", /^a\.yaml:1:1: netns must be a value/);
    assert.match(problemsOf("a: &x [1]\nnetns: *x\n").join(), /unknown key "a".*netns must be a value/);
    assert.match(problemsOf("- a\n")[0] ?? "", /not a mapping/);
    assert.match(problemsOf("a: [\n")[0] ?? "", /^a\.yaml:2:1: /);
    assert.deepEqual(problemsOf(""), []);
    assert.match(problemsOf("? [a, b]\n: c\n")[0] ?? "", /unknown key ""/);
  });
});
