import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { formatCidr } from "../../net/cidr.ts";
import { fieldErrorText } from "../field-error.ts";
import { workloadKinds } from "../objects.ts";
import type { Decoded } from "./fields.ts";
import { decodeNamespace } from "./namespace.ts";
import { decodeNode } from "./node.ts";
import { decodeService } from "./service.ts";
import { decodeWorkload } from "./workload.ts";

function value<T>(decoded: Decoded<T>): T {
  assert.deepEqual(decoded.errors.map(fieldErrorText), []);
  assert.ok(decoded.value !== null);
  return decoded.value;
}

function assertErrors<T>(decoded: Decoded<T>, beginnings: readonly string[]): T | null {
  const texts = decoded.errors.map(fieldErrorText);
  assert.equal(texts.length, beginnings.length, texts.join("\n"));
  texts.forEach((text, index) => assert.ok(text.startsWith(beginnings[index] ?? "?"), text));
  return decoded.value;
}

describe("a Namespace", () => {
  it("always has the label of its name", () => {
    const labels = { team: "a", "kubernetes.io/metadata.name": "lie" };
    assert.deepEqual(
      [...value(decodeNamespace({ metadata: { name: "prod", labels } })).labels],
      [
        ["kubernetes.io/metadata.name", "prod"],
        ["team", "a"],
      ],
    );
    assert.deepEqual(
      [...value(decodeNamespace({ metadata: { name: "prod" } })).labels],
      [["kubernetes.io/metadata.name", "prod"]],
    );
  });

  it("is named by a label", () => {
    assert.equal(
      assertErrors(decodeNamespace({ metadata: { name: "a.b" } }), [
        'metadata.name: Invalid value: "a.b": must not contain dots',
      ]),
      null,
    );
    assert.equal(assertErrors(decodeNamespace("x"), ['<nil>: Invalid value: "string"']), null);
  });
});

describe("a Node", () => {
  it("has blocks and addresses, host names left out", () => {
    const node = value(
      decodeNode({
        metadata: { name: "node-1" },
        spec: { podCIDR: "10.1.0.0/24", podCIDRs: ["10.1.0.7/24", "fd00:1::/64"] },
        status: {
          addresses: [
            { type: "InternalIP", address: "192.0.2.1" },
            { type: "Hostname", address: "node-1" },
            { type: "ExternalIP", address: "2001:DB8::1" },
          ],
        },
      }),
    );
    assert.deepEqual(node.podCidrs.map(formatCidr), ["10.1.0.0/24", "fd00:1::/64"]);
    assert.deepEqual(node.addresses, [
      { type: "InternalIP", address: "192.0.2.1" },
      { type: "ExternalIP", address: "2001:db8::1" },
    ]);
  });

  it("loses only the block that cannot be read", () => {
    const node = assertErrors(
      decodeNode({ metadata: { name: "n" }, spec: { podCIDRs: ["10.0.0.0/33", "fd00::/64", 1] } }),
      [
        'spec.podCIDRs[0]: Invalid value: "10.0.0.0/33": must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)',
        'spec.podCIDRs[2]: Invalid value: "integer"',
      ],
    );
    assert.deepEqual(node?.podCidrs.map(formatCidr), ["fd00::/64"]);
  });
});

describe("a Service", () => {
  const metadata = { name: "web", namespace: "prod" };
  const service = (spec: unknown): ReturnType<typeof decodeService> => decodeService({ metadata, spec });

  it("is read with all that we need of it", () => {
    const spec = {
      clusterIP: "10.96.0.1",
      clusterIPs: ["10.96.0.1", "fd00:96::1"],
      externalIPs: ["192.0.2.9"],
      selector: { app: "web" },
      publishNotReadyAddresses: true,
      ports: [
        { name: "http", port: 80, targetPort: "web", nodePort: 30080 },
        { name: "dns", port: 53, protocol: "UDP" },
        { name: "n", port: 1, targetPort: 2 },
      ],
    };
    assert.deepEqual(value(service(spec)), {
      kind: "Service",
      namespace: "prod",
      name: "web",
      clusterIps: ["10.96.0.1", "fd00:96::1"],
      externalIps: ["192.0.2.9"],
      selector: new Map([["app", "web"]]),
      publishNotReady: true,
      ports: [
        { name: "http", protocol: "TCP", port: 80, targetPort: "web", nodePort: 30080 },
        { name: "dns", protocol: "UDP", port: 53, targetPort: 53, nodePort: null },
        { name: "n", protocol: "TCP", port: 1, targetPort: 2, nodePort: null },
      ],
    });
  });

  it("has no address when it is headless or external, and no selector when that is empty", () => {
    assert.deepEqual(value(service({ clusterIP: "None", clusterIPs: ["None"] })).clusterIps, []);
    assert.deepEqual(value(service({ clusterIP: "" })).clusterIps, []);
    const external = value(
      service({ type: "ExternalName", externalName: "x.y", selector: { a: "b" }, clusterIP: "10.0.0.1" }),
    );
    assert.deepEqual([external.clusterIps, external.selector], [[], null]);
    assert.equal(value(service({ selector: {} })).selector, null);
    assert.equal(value(service(null)).selector, null);
  });

  it("is unusable when it cannot be told what it picks", () => {
    assert.equal(
      assertErrors(service({ selector: { app: 1 } }), ['spec.selector.app: Invalid value: "integer"']),
      null,
    );
    assert.equal(assertErrors(service({ type: "Magic" }), ['spec.type: Unsupported value: "Magic"']), null);
  });

  it("loses only the address or port that cannot be read", () => {
    const spec = {
      clusterIPs: ["x", "10.0.0.1"],
      ports: [
        { port: 0, name: "a" },
        { port: 80, targetPort: "80", name: "b" },
        { port: 80, targetPort: {}, name: "c" },
        { port: 81, nodePort: 70000, name: "d" },
        { port: 82, name: "e" },
        { port: 83, name: "e" },
        { port: 84 },
        { port: 85, name: "f", targetPort: 70000 },
      ],
    };
    const decoded = assertErrors(service(spec), [
      'spec.clusterIPs[0]: Invalid value: "x": must be a valid IP address',
      "spec.ports[0].port: Required value",
      'spec.ports[1].targetPort: Invalid value: "80": must contain at least one letter (a-z)',
      'spec.ports[2].targetPort: Invalid value: "object"',
      "spec.ports[3].nodePort: Invalid value: 70000: must be between 1 and 65535, inclusive",
      'spec.ports[5].name: Duplicate value: "e"',
      "spec.ports[6].name: Required value",
      "spec.ports[7].targetPort: Invalid value: 70000",
    ]);
    assert.deepEqual(
      decoded?.ports.map(({ port }) => port),
      [82, 83, 84],
    );
    assert.deepEqual(decoded?.clusterIps, ["10.0.0.1"]);
  });
});

describe("a workload", () => {
  const template = {
    metadata: { labels: { app: "web" } },
    spec: { hostNetwork: true, containers: [{ ports: [{ containerPort: 80 }] }] },
  };
  const workload = (kind: string, spec: object): ReturnType<typeof decodeWorkload> =>
    decodeWorkload({ kind, metadata: { name: "web" }, spec: kind === "CronJob" ? { jobTemplate: { spec } } : spec });

  it("of every kind gives what its pods would be", () => {
    for (const kind of workloadKinds) {
      const decoded = value(workload(kind, { template }));
      assert.equal(decoded.kind, kind);
      assert.equal(decoded.replicas, 1);
      assert.deepEqual(decoded.template, {
        labels: new Map([["app", "web"]]),
        nodeName: "",
        hostNetwork: true,
        ports: [{ name: null, protocol: "TCP", port: 80 }],
      });
    }
  });

  it("says how many", () => {
    const count = (kind: string, spec: object): number => value(workload(kind, { template, ...spec })).replicas;
    assert.equal(count("Deployment", { replicas: 7 }), 7);
    assert.equal(count("StatefulSet", { replicas: 0 }), 0);
    assert.equal(count("DaemonSet", { replicas: 7 }), 1);
    assert.equal(count("Job", { parallelism: 3 }), 3);
    assert.equal(count("CronJob", { parallelism: 3, completions: 2 }), 2);
  });

  it("that cannot be read gives no pods, and says where", () => {
    assert.equal(
      assertErrors(decodeWorkload({ kind: "Pod", metadata: { name: "a" } }), ['kind: Unsupported value: "Pod"']),
      null,
    );
    assert.equal(
      assertErrors(workload("Deployment", { template, replicas: -1 }), [
        "spec.replicas: Invalid value: -1: must be greater than or equal to 0",
      ]),
      null,
    );
    assert.equal(
      assertErrors(workload("CronJob", { template: { metadata: { labels: { a: "b c" } } } }), [
        'spec.jobTemplate.spec.template.metadata.labels: Invalid value: "b c"',
      ]),
      null,
    );
    assert.equal(
      assertErrors(workload("Deployment", { template: 5 }), ['spec.template: Invalid value: "integer"']),
      null,
    );
  });
});
