import assert from "node:assert/strict";
import { it } from "node:test";
import { node, pod, service } from "../../test/ask.ts";
import type { ApiObject } from "../../test/cluster-of.ts";
import { clusterOf } from "../../test/cluster-of.ts";
import type { ObjectKey } from "../kube/objects.ts";
import type { Address } from "../net/address.ts";
import type { Change } from "../policy/cluster.ts";
import { createCompiler } from "./incremental.ts";

const read = (...objects: readonly ApiObject[]): Change[] =>
  clusterOf(objects).objects.map((one): Change => ({ kind: "object", object: one }));
const goes = (key: string): Change[] => [{ kind: "gone", key: key as ObjectKey }];

const dnsPod = (name: string, address: string): ApiObject =>
  pod(`kube-system/${name}`, address, { labels: { "k8s-app": "kube-dns" } });
const dns = (spec: object): ApiObject =>
  service("kube-system/kube-dns", [{ port: 53, protocol: "UDP" }], { selector: { "k8s-app": "kube-dns" }, ...spec });

function compilerOf(...objects: readonly ApiObject[]) {
  const compiler = createCompiler({
    nodeName: "node-1",
    podCidrs: null,
    unknownPods: "drop",
    established: "cut",
    defaultVerdict: "accept",
    logGroup: null,
    names: {
      queue: 9053,
      service: { namespace: "kube-system", name: "kube-dns" },
      resolvers: ["169.254.20.10" as Address],
    },
  });
  compiler.load(clusterOf([node("node-1", ["192.168.50.1"], ["10.244.1.0/24"]), ...objects]));
  return compiler;
}

it("are those that are named, the Service and its pods, as they come and go; who they are denies nothing", () => {
  const compiler = compilerOf();
  const resolvers = () => compiler.ruleset().node.names?.resolvers.join(" ");
  assert.equal(resolvers(), "169.254.20.10");
  const after = (changes: readonly Change[]): string => {
    const change = compiler.apply(changes);
    assert.equal(change.canDeny, false);
    assert.equal(change.node?.names?.resolvers.join(" "), resolvers());
    return resolvers() ?? "";
  };
  const clusterIPs = ["10.96.0.10", "fd00:10:96::a"];
  assert.equal(
    after(read(dns({ clusterIP: "10.96.0.10", clusterIPs, externalIPs: ["203.0.113.5"] }))),
    "10.96.0.10 169.254.20.10 fd00:10:96::a",
  );
  assert.equal(after(read(dnsPod("one", "10.244.2.3"))), "10.96.0.10 10.244.2.3 169.254.20.10 fd00:10:96::a");
  assert.equal(after(read(dns({ clusterIP: "None" }))), "10.244.2.3 169.254.20.10", "headless: its pods");
  assert.equal(after(read(dnsPod("one", "10.244.2.4"), dnsPod("two", "10.244.2.3"))).split(" ").length, 3);
  assert.equal(after(goes("Pod/kube-system/one")), "10.244.2.3 169.254.20.10");
  assert.equal(after(read(dns({ clusterIP: "10.96.0.10", selector: {} }))), "10.96.0.10 169.254.20.10", "no selector");
  assert.equal(after(goes("Service/kube-system/kube-dns")), "169.254.20.10");
});

it("are not changed by other Services, other pods, or what says nothing new", () => {
  const compiler = compilerOf(dns({ clusterIP: "10.96.0.10" }), dnsPod("one", "10.244.2.3"));
  for (const changes of [
    read(dns({ clusterIP: "10.96.0.10" })),
    read(
      service("kube-system/other", [{ port: 53 }], { selector: { "k8s-app": "kube-dns" }, clusterIP: "10.96.0.11" }),
    ),
    read(pod("default/one", "10.244.2.9", { labels: { "k8s-app": "kube-dns" } })),
    read(pod("kube-system/web", "10.244.2.8")),
    goes("Service/kube-system/other"),
    goes("Service/default/kube-dns"),
  ]) {
    assert.equal(compiler.apply(changes).node, null);
  }
});
