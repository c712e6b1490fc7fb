import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as fc from "fast-check";
import { anyValue, placesOf, replaced } from "../../../test/replaced-values.ts";
import { tries } from "../../../test/property.ts";
import { decodeNamespace } from "../../kube/decode/namespace.ts";
import { decodeNode } from "../../kube/decode/node.ts";
import { decodePod } from "../../kube/decode/pod.ts";
import { decodeService } from "../../kube/decode/service.ts";
import { decodeWorkload } from "../../kube/decode/workload.ts";
import type { FieldError } from "../../kube/field-error.ts";
import { fieldErrorText } from "../../kube/field-error.ts";
import { networkPolicyKind } from "./network-policy.ts";

const metadata = {
  name: "a",
  namespace: "b",
  uid: "c",
  creationTimestamp: "2026-01-01T00:00:00Z",
  labels: { d: "e" },
  annotations: {},
  ownerReferences: [{ kind: "Job", name: "f", controller: true }],
};
const selector = { matchLabels: { g: "h" }, matchExpressions: [{ key: "i", operator: "In", values: ["j"] }] };
const rule = (peers: string): object => ({
  ports: [{ port: 80, endPort: 90, protocol: "UDP" }, { port: "http" }],
  [peers]: [
    { podSelector: selector, namespaceSelector: selector },
    { ipBlock: { cidr: "10.0.0.0/8", except: ["10.1.0.0/16"] } },
  ],
});
const podSpec = {
  nodeName: "n",
  hostNetwork: false,
  containers: [{ ports: [{ name: "http", containerPort: 80, protocol: "TCP" }] }],
  initContainers: [{ restartPolicy: "Always", ports: [{ containerPort: 1 }] }],
};
const template = { metadata: { labels: { a: "b" } }, spec: podSpec };

type Decoder = (object: unknown) => { readonly errors: readonly FieldError[] };

const objects: readonly (readonly [Decoder, object])[] = [
  [
    (object) => networkPolicyKind.decode(object),
    {
      metadata,
      spec: {
        podSelector: selector,
        policyTypes: ["Ingress", "Egress"],
        ingress: [rule("from"), {}],
        egress: [rule("to")],
      },
    },
  ],
  [
    decodePod,
    {
      metadata,
      spec: podSpec,
      status: {
        phase: "Running",
        podIP: "10.0.0.1",
        podIPs: [{ ip: "fd00::1" }],
        conditions: [{ type: "Ready", status: "True" }],
      },
    },
  ],
  [decodeNamespace, { metadata }],
  [
    decodeNode,
    {
      metadata,
      spec: { podCIDR: "10.0.0.0/24", podCIDRs: ["fd00::/64"] },
      status: { addresses: [{ type: "InternalIP", address: "10.0.0.1" }] },
    },
  ],
  [
    decodeService,
    {
      metadata,
      spec: {
        type: "NodePort",
        clusterIP: "10.0.0.1",
        clusterIPs: ["10.0.0.1"],
        externalIPs: ["10.0.0.2"],
        selector: { a: "b" },
        ports: [{ name: "x", port: 1, targetPort: "y", nodePort: 30000 }],
      },
    },
  ],
  [decodeWorkload, { kind: "Deployment", metadata, spec: { replicas: 2, template } }],
  [
    decodeWorkload,
    { kind: "CronJob", metadata, spec: { jobTemplate: { spec: { parallelism: 1, completions: 2, template } } } },
  ],
];

describe("decoders given anything", () => {
  it("accept the objects that are changed below", () => {
    for (const [decode, object] of objects) assert.deepEqual(decode(object).errors.map(fieldErrorText), []);
  });

  it("never throw, and report in short printable lines at places that exist or are missing", () => {
    fc.assert(
      fc.property(fc.constantFrom(...objects), fc.nat(), anyValue, ([decode, object], choice, value) => {
        const places = placesOf(object);
        const { errors } = decode(replaced(object, places[choice % places.length] ?? [], value));
        for (const error of errors.map(fieldErrorText)) {
          assert.ok(error.length < 2000, `${error.length} characters`);
          assert.doesNotMatch(error, /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u);
        }
      }),
      tries(4000),
    );
  });

  it("never let a broken rule of a policy match, nor change what its other rules match", () => {
    const places = placesOf(rule("from"));
    fc.assert(
      fc.property(fc.nat(), anyValue, (choice, value) => {
        const broken = replaced(rule("from"), places[choice % places.length] ?? [], value);
        const { policy, errors } = networkPolicyKind.decode({
          metadata,
          spec: { ingress: [{}, broken, rule("from")] },
        });
        const whole = networkPolicyKind.decode({ metadata, spec: { ingress: [{}, {}, rule("from")] } }).policy;
        assert.equal(policy?.ingress?.length, 3);
        assert.deepEqual([policy.ingress[0], policy.ingress[2]], [whole?.ingress?.[0], whole?.ingress?.[2]]);
        if (errors.length > 0) assert.deepEqual([policy.ingress[1]?.peers, policy.ingress[1]?.ports], [[], []]);
      }),
      tries(2000),
    );
  });
});
