import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as fc from "fast-check";
import { tries } from "../../../test/property.ts";
import { fieldErrorText } from "../field-error.ts";
import type { Pod } from "../objects.ts";
import { keyOf, podKey } from "../objects.ts";
import { decodePod } from "./pod.ts";

const metadata = { name: "web-0", namespace: "prod", labels: { app: "web" } };

function pod(object: object): Pod {
  const { value, errors } = decodePod({ metadata, ...object });
  assert.deepEqual(errors, []);
  assert.ok(value !== null);
  return value;
}

/** The beginnings of the errors of a pod, in order. */
function assertErrors(object: object, beginnings: readonly string[]): Pod | null {
  const { value, errors } = decodePod({ metadata, ...object });
  assert.equal(errors.length, beginnings.length, errors.map(fieldErrorText).join("\n"));
  errors.forEach((error, index) =>
    assert.ok(fieldErrorText(error).startsWith(beginnings[index] ?? "?"), fieldErrorText(error)),
  );
  return value;
}

describe("a Pod", () => {
  it("is read with all that we need of it", () => {
    const decoded = pod({
      metadata: {
        ...metadata,
        uid: "1-2",
        creationTimestamp: "2026-01-02T03:04:05Z",
        ownerReferences: [
          { kind: "Node", name: "n", uid: "0" },
          { kind: "ReplicaSet", name: "web", uid: "9", controller: true },
        ],
      },
      spec: {
        nodeName: "node-1",
        containers: [
          {
            ports: [
              { name: "http", containerPort: 8080 },
              { containerPort: 53, protocol: "UDP" },
            ],
          },
        ],
      },
      status: {
        phase: "Running",
        podIP: "10.0.0.1",
        podIPs: [{ ip: "10.0.0.1" }, { ip: "FD00::1" }],
        conditions: [{ type: "Ready", status: "True" }],
      },
    });
    assert.deepEqual(decoded, {
      kind: "Pod",
      namespace: "prod",
      name: "web-0",
      uid: "1-2",
      created: Date.UTC(2026, 0, 2, 3, 4, 5) / 1000,
      labels: new Map([["app", "web"]]),
      nodeName: "node-1",
      hostNetwork: false,
      finished: false,
      ready: true,
      addresses: ["10.0.0.1", "fd00::1"],
      ports: [
        { name: "http", protocol: "TCP", port: 8080 },
        { name: null, protocol: "UDP", port: 53 },
      ],
      owner: { kind: "ReplicaSet", name: "web", uid: "9" },
    });
    assert.equal(keyOf(decoded), podKey("prod", "web-0"));
  });

  it("may leave out nearly everything, or say null", () => {
    for (const object of [
      {},
      { spec: null, status: null },
      { spec: { containers: null, hostNetwork: null }, status: { podIPs: null, phase: null } },
    ]) {
      const decoded = pod(object);
      assert.deepEqual(
        [decoded.addresses, decoded.ports, decoded.ready, decoded.finished, decoded.owner],
        [[], [], true, false, null],
      );
    }
    assert.equal(pod({ metadata: { name: "a" } }).namespace, "default");
  });

  it("keeps its own ports and owner, though equal ones are shared between pods", () => {
    const port = fc.record({
      name: fc.constantFrom("a", "b"),
      containerPort: fc.integer({ min: 1, max: 3 }),
      protocol: fc.constantFrom("TCP", "UDP"),
    });
    const owner = fc.record({
      kind: fc.constantFrom("Job", "X"),
      name: fc.constantFrom("a", "b"),
      uid: fc.constantFrom("", "1"),
    });
    fc.assert(
      fc.property(fc.array(port, { maxLength: 3 }), owner, (ports, reference) => {
        const ownerReferences = [{ ...reference, controller: true }];
        const decoded = pod({ metadata: { ...metadata, ownerReferences }, spec: { containers: [{ ports }] } });
        assert.deepEqual(
          decoded.ports,
          ports.map(({ name, containerPort, protocol }) => ({ name, protocol, port: containerPort })),
        );
        assert.deepEqual(decoded.owner, { ...reference });
      }),
      tries(500),
    );
  });

  it("declares the ports of sidecars, not those of other init containers", () => {
    const ports = (number: number): object[] => [{ containerPort: number }];
    const decoded = pod({
      spec: {
        initContainers: [{ ports: ports(1) }, { ports: ports(2), restartPolicy: "Always" }],
        containers: [{ ports: ports(3) }],
      },
    });
    assert.deepEqual(
      decoded.ports.map(({ port }) => port),
      [3, 2],
    );
  });

  it("is finished when it has succeeded or failed, and ready when it says so", () => {
    for (const phase of ["Succeeded", "Failed"]) {
      const decoded = pod({ status: { phase, conditions: [{ type: "Ready", status: "True" }] } });
      assert.deepEqual([decoded.finished, decoded.ready], [true, false]);
    }
    assert.equal(pod({ status: { phase: "Running", conditions: [{ type: "Ready", status: "False" }] } }).ready, false);
    assert.equal(pod({ status: { phase: "Pending" } }).ready, false);
    const deleted = { name: "a", deletionTimestamp: "2026-01-01T00:00:00Z" };
    const going = pod({
      metadata: deleted,
      status: { phase: "Running", conditions: [{ type: "Ready", status: "True" }] },
    });
    assert.deepEqual([going.ready, going.finished], [false, false]);
    assert.equal(
      pod({ status: { phase: "Running", conditions: [{ type: "Initialized", status: "False" }] } }).ready,
      true,
    );
  });

  it("has addresses as Kubernetes reads them", () => {
    assert.deepEqual(
      pod({ status: { podIPs: [{ ip: "010.0.0.010" }, { ip: "::ffff:10.0.0.10" }], podIP: "10.0.0.10" } }).addresses,
      ["10.0.0.10"],
    );
  });

  it("is nobody without its name, namespace, labels or network", () => {
    assert.equal(
      assertErrors({ metadata: null }, ["metadata.name: Required value: name or generateName is required"]),
      null,
    );
    assert.equal(
      assertErrors({ metadata: [] }, ['metadata: Invalid value: "array": metadata in body must be of type object']),
      null,
    );
    assert.equal(assertErrors({ metadata: { name: 5 } }, ['metadata.name: Invalid value: "integer"']), null);
    assert.equal(
      assertErrors({ metadata: { name: "A", namespace: "a.b" } }, [
        'metadata.name: Invalid value: "A"',
        'metadata.namespace: Invalid value: "a.b": must not contain dots',
      ]),
      null,
    );
    assert.equal(
      assertErrors({ metadata: { ...metadata, labels: { app: 1, tier: true } } }, [
        'metadata.labels.app: Invalid value: "integer"',
        'metadata.labels.tier: Invalid value: "boolean"',
      ]),
      null,
    );
    assert.equal(
      assertErrors({ metadata: { ...metadata, labels: { "a b": "c d" } } }, [
        'metadata.labels: Invalid value: "a b": name part',
        'metadata.labels: Invalid value: "c d": a valid label',
      ]),
      null,
    );
    assert.equal(assertErrors({ spec: { hostNetwork: "true" } }, ['spec.hostNetwork: Invalid value: "string"']), null);
    assert.equal(assertErrors({ spec: { nodeName: "Node" } }, ['spec.nodeName: Invalid value: "Node"']), null);
    assert.equal(assertErrors({ spec: "x" }, ['spec: Invalid value: "string"']), null);
  });

  it("loses only the address or port that cannot be read", () => {
    const broken = assertErrors(
      {
        spec: {
          containers: [
            {
              ports: [
                { containerPort: 0 },
                { containerPort: 70000 },
                { containerPort: "80" },
                { containerPort: 80, protocol: "tcp" },
                { containerPort: 81, name: "HTTP" },
                { containerPort: 82, protocol: "" },
              ],
            },
            "x",
          ],
        },
        status: { phase: "Gone", podIPs: [{ ip: "10.0.0.256" }, { ip: "10.0.0.1" }, 7] },
      },
      [
        "spec.containers[0].ports[0].containerPort: Required value",
        "spec.containers[0].ports[1].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive",
        'spec.containers[0].ports[2].containerPort: Invalid value: "string"',
        'spec.containers[0].ports[3].protocol: Unsupported value: "tcp": supported values: "TCP", "UDP", "SCTP"',
        'spec.containers[0].ports[4].name: Invalid value: "HTTP": must contain only',
        'spec.containers[0].ports[4].name: Invalid value: "HTTP": must contain at least one letter',
        'spec.containers[1]: Invalid value: "string"',
        'status.phase: Unsupported value: "Gone"',
        'status.podIPs[0].ip: Invalid value: "10.0.0.256": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
        'status.podIPs[2]: Invalid value: "integer"',
      ],
    );
    assert.deepEqual([broken?.addresses, broken?.ports], [["10.0.0.1"], [{ name: null, protocol: "TCP", port: 82 }]]);
  });
});
