import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { networkPolicy, node, pod, refusal, service } from "../../test/ask.ts";
import type { ApiObject } from "../../test/cluster-of.ts";
import { clusterOf } from "../../test/cluster-of.ts";
import type { WorkloadPods } from "./end.ts";
import { readQuery } from "./query.ts";
import { createResolver } from "./resolve.ts";

const workload = (kind: string, name: string, pods: readonly string[]): WorkloadPods => ({
  kind,
  namespace: "x",
  name,
  pods,
});
const workloads = [
  workload("Deployment", "web", ["x/web-0", "x/web-1"]),
  workload("DaemonSet", "one", ["x/web-0"]),
  workload("Job", "done", ["x/done"]),
  workload("StatefulSet", "none", []),
];
const web = (name: string, addresses: readonly string[], more: object = {}) =>
  pod(`x/${name}`, addresses, { labels: { app: "web" }, ports: [{ containerPort: 8080, name: "http" }], ...more });
const hostSpec = { spec: { hostNetwork: true, nodeName: "n1", containers: [] } };
const objects: readonly ApiObject[] = [
  node("n1", ["192.168.0.1", "192.168.9.1", "fd00:99::1"]),
  web("web-0", ["10.0.0.1", "fd00::1"]),
  web("web-1", ["10.0.0.2", "fd00::2"]),
  pod("x/done", "10.0.0.9", { status: { phase: "Succeeded" } }),
  pod("x/pod", "10.0.0.3"),
  pod("x/bare", []),
  pod("x/six", "fd00::6"),
  pod("x/host", "172.16.0.1", hostSpec),
  pod("x/stray", "172.16.0.2", { spec: { hostNetwork: true, nodeName: "n9", containers: [] } }),
  pod("node/n1", "10.0.0.4"),
  service(
    "x/web",
    [
      { name: "http", port: 80, targetPort: "http" },
      { name: "dns", port: 81, protocol: "UDP" },
    ],
    {
      selector: { app: "web" },
      clusterIP: "10.96.0.1",
      externalIPs: ["198.51.100.1"],
    },
  ),
];

/** Where a query leads: `SOURCE DESTINATION PORT`, with ` of NODE` where a node sends; or why it leads nowhere. */
function lead(query: object, more: readonly ApiObject[] = []): string {
  const read = readQuery({ protocol: "TCP", port: 80, ...query });
  if ("error" in read) return read.error;
  const connection = createResolver(clusterOf([...objects, ...more]), workloads).resolve(read);
  if ("error" in connection) return connection.error;
  const { source, destination, domain, port, sourceNode } = connection;
  return `${source} ${destination ?? domain} ${port}${sourceNode === null ? "" : ` of ${sourceNode}`}`;
}
const to = (end: string, query: object = {}) => lead({ from: "x/pod", to: end, ...query });
const from = (end: string, query: object = {}) => lead({ from: end, to: "x/pod", ...query });

describe("ENDs", () => {
  it("name pods in two ways, workloads, nodes and addresses", () => {
    assert.equal(to("x/web-0"), "10.0.0.3 10.0.0.1 80");
    assert.equal(to("x/pod/web-0"), "10.0.0.3 10.0.0.1 80");
    assert.equal(to("x/Pod/web-0"), "10.0.0.3 10.0.0.1 80");
    assert.equal(to("x/Deployment/web"), "10.0.0.3 10.0.0.1 80");
    assert.equal(to("x/deployment/web"), "10.0.0.3 10.0.0.1 80");
    assert.equal(to("203.0.113.1"), "10.0.0.3 203.0.113.1 80");
    assert.equal(from("x/pod/web-0"), "10.0.0.1 10.0.0.3 80");
  });
  it("a node is its first InternalIP of the family, also for hostNetwork pods", () => {
    assert.equal(from("node/n1"), "192.168.0.1 10.0.0.3 80 of n1");
    assert.equal(from("x/host"), "192.168.0.1 10.0.0.3 80 of n1");
    assert.equal(to("x/host"), "10.0.0.3 192.168.0.1 80");
    assert.equal(lead({ from: "node/n1", to: "x/six" }), "fd00:99::1 fd00::6 80 of n1");
    assert.equal(from("x/stray"), "172.16.0.2 10.0.0.3 80 of n9");
  });
  it("the prefixes node/ and dns/ win over namespaces of that name", () => {
    assert.equal(to("node/n1"), "10.0.0.3 192.168.0.1 80");
    assert.equal(to("node/pod/n1"), 'to: "node/pod/n1": there is no such Node');
    assert.equal(to("dns/n1.test"), "10.0.0.3 n1.test 80");
    assert.match(from("dns/example.org"), /a domain can only be `to`/);
  });
  it("a domain is `to` only, one name, in any case, with or without a trailing dot", () => {
    assert.equal(to("dns/WWW.Example.org."), "10.0.0.3 www.example.org 80");
    assert.equal(lead({ from: "node/n1", to: "dns/example.org" }), "192.168.0.1 example.org 80 of n1");
    assert.match(to("dns/*.example.org"), /a pattern is no END: ask for one name/);
    assert.match(to("dns/10.0.0.1"), /is an address: ask for it without dns/);
    for (const text of ["", "org", "a b.org", "example.org/80", "-.org", `${"a".repeat(64)}.org`, "10.0.0.1/x"]) {
      assert.match(to(`dns/${text}`), /is no domain name/);
    }
  });
  it("a domain is asked in the query's family, else in IPv4 if the source has it, else in IPv6", () => {
    assert.equal(lead({ from: "x/web-0", to: "dns/a.test" }), "10.0.0.1 a.test 80");
    assert.equal(lead({ from: "x/six", to: "dns/a.test" }), "fd00::6 a.test 80");
    assert.equal(lead({ from: "x/web-0", to: "dns/a.test", family: 6 }), "fd00::1 a.test 80");
    assert.match(lead({ from: "x/six", to: "dns/a.test", family: 4 }), /x\/six has no address of IPv4/);
    assert.match(lead({ from: "x/bare", to: "dns/a.test" }), /x\/bare has no address of its own/);
  });
  it("if both name one workload, `to` is its second pod", () => {
    assert.equal(lead({ from: "x/Deployment/web", to: "x/Deployment/web" }), "10.0.0.1 10.0.0.2 80");
    assert.match(lead({ from: "x/DaemonSet/one", to: "x/DaemonSet/one" }), /has only one pod/);
  });
  it("that cannot be asked are errors that say why", () => {
    assert.match(to("x/done"), /the Pod is finished/);
    assert.match(to("x/Job/done"), /the Job has no pods/);
    assert.match(to("x/StatefulSet/none"), /the StatefulSet has no pods/);
    assert.match(to("x/bare"), /x\/bare has no address/);
    assert.match(to("x/nobody"), /there is no such Pod/);
    assert.match(to("x/Widget/web"), /"Widget" is no kind of workload/);
    assert.match(to("node/n7"), /there is no such Node/);
    for (const end of ["", "x", "/x", "x/", "x//y", "a/b/c/d", "10.0.0", "010.0.0.1"]) assert.match(to(end), /^to: "/);
    assert.ok(to("x".repeat(100_000)).length < 300);
  });
});

describe("the family", () => {
  it("is IPv4 if both ends have it, else IPv6", () => {
    assert.equal(lead({ from: "x/web-0", to: "x/web-1" }), "10.0.0.1 10.0.0.2 80");
    assert.equal(lead({ from: "x/web-0", to: "x/six" }), "fd00::1 fd00::6 80");
    assert.equal(lead({ from: "x/web-0", to: "2001:db8::1" }), "fd00::1 2001:db8::1 80");
  });
  it("is the query's where it chooses", () => {
    assert.equal(lead({ from: "x/web-0", to: "x/web-1", family: 6 }), "fd00::1 fd00::2 80");
    assert.match(lead({ from: "x/pod", to: "x/web-1", family: 6 }), /no address of IPv6 at both ends/);
    assert.match(lead({ from: "x/pod", to: "x/six" }), /no address in common/);
    assert.match(lead({ from: "x/pod", to: "x/web-1", family: 5 }), /family: 5 is neither 4 nor 6/);
  });
});

describe("a Service", () => {
  it("is its first ready backend by name, with the port translated, also by its addresses", () => {
    for (const end of ["x/svc/web", "10.96.0.1", "198.51.100.1"]) assert.equal(to(end), "10.0.0.3 10.0.0.1 8080");
    assert.equal(to("x/svc/web", { protocol: "UDP", port: 81 }), "10.0.0.3 10.0.0.1 81");
  });
  it("passes over backends that are not ready, finished, or declare no port of the name", () => {
    const conditions = [{ type: "Ready", status: "False" }];
    const before = [
      web("a-unready", ["10.0.0.5"], { status: { conditions } }),
      web("b-finished", ["10.0.0.6"], { status: { phase: "Failed" } }),
      web("c-unnamed", ["10.0.0.7"], { ports: [] }),
      pod("y/other", "10.0.0.8", { labels: { app: "web" }, ports: [{ containerPort: 1, name: "http" }] }),
    ];
    assert.equal(lead({ from: "x/pod", to: "x/svc/web" }, before), "10.0.0.3 10.0.0.1 8080");
    const spec = { selector: { app: "web" }, publishNotReadyAddresses: true };
    const early = service("x/early", [{ port: 80, targetPort: 7 }], spec);
    assert.equal(lead({ from: "x/pod", to: "x/svc/early" }, [...before, early]), "10.0.0.3 10.0.0.5 7");
  });
  it("of one family leads to the backend's address of that family", () => {
    const six = service("x/six", [{ port: 80 }], { selector: { app: "web" }, clusterIP: "fd00:96::1" });
    assert.equal(lead({ from: "x/web-1", to: "x/svc/six" }, [six]), "fd00::2 fd00::1 80");
    assert.match(lead({ from: "x/pod", to: "x/svc/six" }, [six]), /no address in common/);
  });
  it("of both families leads to the first backend that has an address of the family that is asked", () => {
    const spec = { selector: { app: "some" }, clusterIPs: ["10.96.0.7", "fd00:96::7"] };
    const some = (name: string, address: string) => pod(`x/${name}`, address, { labels: { app: "some" } });
    const dual = [service("x/dual", [{ port: 80 }], spec), some("s-0", "10.0.0.40"), some("s-1", "fd00::41")];
    assert.equal(lead({ from: "x/pod", to: "x/svc/dual" }, dual), "10.0.0.3 10.0.0.40 80");
    assert.equal(lead({ from: "x/web-0", to: "fd00:96::7" }, dual), "fd00::1 fd00::41 80");
    assert.equal(lead({ from: "x/web-0", to: "x/svc/dual", family: 6 }, dual), "fd00::1 fd00::41 80");
  });
  it("that cannot be asked is an error that says why", () => {
    assert.match(to("x/svc/none"), /there is no such Service/);
    assert.match(to("x/svc/web", { port: 99 }), /has no port TCP\/99/);
    assert.match(to("x/svc/web", { protocol: "ICMP" }), /has no port ICMP/);
    assert.match(from("x/svc/web"), /a Service can only be `to`/);
    const blind = [service("x/blind", [{ port: 80 }]), service("x/empty", [{ port: 80 }], { selector: { app: "no" } })];
    for (const end of ["x/svc/blind", "x/svc/empty"]) {
      assert.match(lead({ from: "x/pod", to: end }, blind), /no ready backend/);
    }
  });
  it("a Service's address as `from` is an address like any other", () => {
    assert.equal(from("10.96.0.1"), "10.96.0.1 10.0.0.3 80");
  });
});

describe("protocol and port of a query", () => {
  const over = (query: object) => {
    const read = readQuery({ from: "a/b", to: "c/d", ...query });
    return "error" in read ? read.error : `${read.protocol} ${read.port}`;
  };
  it("by name and by number", () => {
    const given = ["TCP", "udp", 6, 17, 132, 1, 58, "47", 0, 255].map((protocol) => over({ protocol, port: 9 }));
    assert.deepEqual(given, [
      "TCP 9",
      "UDP 9",
      "TCP 9",
      "UDP 9",
      "SCTP 9",
      "ICMP 0",
      "ICMP 0",
      "other 0",
      "other 0",
      "other 0",
    ]);
  });
  it("what is no protocol or port is an error; a port is needed where the protocol has ports", () => {
    for (const protocol of [undefined, null, "HTTP", "", "1e1", 256, -1, 1.5, {}]) {
      assert.match(over({ protocol, port: 80 }), /^protocol: /);
    }
    for (const port of [-1, 65536, 1.5, "80", {}]) assert.match(over({ protocol: "TCP", port }), /^port: /);
    assert.equal(over({ protocol: "TCP" }), "port: missing; TCP needs one");
    assert.equal(over({ protocol: "ICMP" }), "ICMP 0");
    assert.equal(over({ protocol: "TCP", port: 0 }), "TCP 0");
  });
  it("secondary networks are refused, not ignored", () => {
    assert.match(over({ protocol: "TCP", port: 80, network: "x/net" }), /^network: /);
    const policy = networkPolicy("x/p", {});
    assert.match(
      refusal([...objects, policy], { from: 7, to: "x/pod", protocol: "TCP", port: 80 }),
      /^from: 7 is no END/,
    );
  });
});
