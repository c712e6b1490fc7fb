import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { isMap, isScalar, parse, parseDocument } from "yaml";
import { dataplaneNames } from "../../src/dataplane/registry.ts";
import { defaultStateFile } from "../../src/agent/node-state.ts";
import { readSettings, settingNames, type SettingName } from "../../src/agent/settings.ts";
import { policyKinds, unreadKinds } from "../../src/policy/kinds.ts";
import { type Manifest, alertRules, chart, helm, installManifest, noHelm, objectsOf, template } from "./helm.ts";

type Json = Readonly<Record<string, unknown>>;
const read = (...path: readonly string[]): string => readFileSync(join(chart, ...path), "utf8");
const isObject = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const one = (objects: readonly Manifest[], kind: string, name = "portcullis"): Manifest => {
  const found = objects.find((object) => object.kind === kind && object.metadata.name === name);
  assert.ok(found, `there is a ${kind} ${name}`);
  return found;
};

/** Everything a test looks at of the agents' pods. */
interface PodSpec {
  readonly hostNetwork: boolean;
  readonly priorityClassName: string;
  readonly tolerations: readonly Json[];
  readonly securityContext: Json;
  readonly initContainers?: readonly Container[];
  readonly containers: readonly Container[];
  readonly volumes: readonly Json[];
}
interface Container {
  readonly name: string;
  readonly command: readonly string[];
  readonly args: readonly string[];
  readonly image: string;
  readonly securityContext: Json;
  readonly volumeMounts: readonly Json[];
}
const podSpecOf = (workload: Manifest): PodSpec => (workload["spec"] as { template: { spec: PodSpec } }).template.spec;
const agentOf = (objects: readonly Manifest[]): Container => {
  const [container] = podSpecOf(one(objects, "DaemonSet")).containers;
  assert.ok(container);
  return container;
};
/** As the values name a kind. */
const lower = (kind: string): string => `${kind.slice(0, 1).toLowerCase()}${kind.slice(1)}`;
const rulesOf = (role: Manifest): readonly Json[] => role["rules"] as readonly Json[];

/** The settings that flags amount to, read as the agent reads them. */
function readFlags(args: readonly string[]) {
  const texts = new Map<SettingName, string[]>();
  for (const arg of args) {
    const [, name = "", value = "true"] = /^--([a-z-]+)(?:=(.*))?$/s.exec(arg) ?? [];
    const known = settingNames.find((setting) => setting === name);
    assert.ok(known, `${arg} is a flag of the agent`);
    texts.set(known, [...(texts.get(known) ?? []), value]);
  }
  const written = [...texts].map(([name, list]) => [name, { texts: list, place: `--${name}` }] as const);
  return readSettings(new Map([...written, ["node-name", { texts: ["n"], place: "NODE_NAME" }]]), dataplaneNames);
}

describe("the chart's values", () => {
  const schema = JSON.parse(read("values.schema.json")) as Json;

  it("are all in the schema, which knows no others and leaves nothing open", () => {
    const compare = (value: unknown, node: unknown, path: string): void => {
      assert.ok(isObject(node), `${path} is in the schema`);
      const properties = node["properties"];
      if (!isObject(properties)) return;
      assert.equal(node["additionalProperties"], false, `${path} takes no other values`);
      assert.ok(isObject(value), `${path} is in values.yaml`);
      const known = Object.keys(properties).filter((name) => path !== "" || name !== "global");
      // Requests and limits: any resource.
      assert.deepEqual(Object.keys(value).sort(), known.sort(), `${path}: values.yaml and schema name the same`);
      for (const [name, child] of Object.entries(value)) compare(child, properties[name], `${path}.${name}`);
    };
    compare(parse(read("values.yaml")), schema, "");
  });

  it("are each documented where they stand", () => {
    const undocumented: string[] = [];
    const visit = (node: unknown, path: string): void => {
      if (!isMap(node)) return;
      node.items.forEach((pair, index) => {
        const key = isScalar(pair.key) ? String(pair.key.value) : "";
        const name = `${path}.${key}`;
        const before = isScalar(pair.key) ? pair.key.commentBefore : null;
        // The comment before a map's first key stands at the map.
        const comment = before ?? (index === 0 ? node.commentBefore : null);
        const isGroup = isMap(pair.value) && pair.value.items.length > 0 && name !== ".agent.resources";
        if (isGroup && name !== ".agent.nodeSelector") visit(pair.value, name);
        else if (typeof comment !== "string" || comment.trim().length < 15) undocumented.push(name);
      });
    };
    visit(parseDocument(read("values.yaml")).contents, "");
    assert.deepEqual(undocumented, []);
  });

  it("have a switch for each policy kind, and only NetworkPolicy is on", () => {
    const kinds = [...policyKinds.map(({ kind }) => kind), ...unreadKinds.map(({ kind }) => kind)];
    const switches = (parse(read("values.yaml")) as { policies: Record<string, { enabled: boolean }> }).policies;
    const named = kinds.map((kind) => lower(kind));
    assert.deepEqual(Object.keys(switches).sort(), named.sort());
    const on = Object.entries(switches).filter(([, { enabled }]) => enabled);
    assert.deepEqual(
      on.map(([name]) => name),
      ["networkPolicy"],
    );
  });
});

describe("the chart", { skip: noHelm }, () => {
  it("passes helm lint without a warning", () => {
    const { status, stdout, stderr } = helm("lint", "--strict", chart);
    assert.equal(status, 0, stdout + stderr);
    assert.doesNotMatch(stdout, /\[(WARNING|ERROR)\]/);
  });

  it("takes no wrong value", () => {
    const wrong: readonly (readonly [string, unknown])[] = [
      ["enforcment.audit", true],
      ["enforcement.audit", "yes"],
      ["enforcement.unknownPods", "deny"],
      ["enforcement.exemptNamespaces", ["Kube_System"]],
      ["enforcement.podCIDRs", ["10.0.0.0"]],
      ["enforcement.syncPeriod", "often"],
      ["enforcement.ctMarkMask", "ffff0000"],
      ["metrics.port", 0],
      ["metrics.host", "$(HOST)"],
      ["image.digest", "sha256:1"],
      ["policies.networkPolicy", true],
      ["agent.maxUnavailable", "0%"],
      ["agent.maxUnavailable", 0],
      ["agent.socketFolder", "run"],
      ["boot.stateFolder", "/"],
      ["uninstall.removeRules", "true"],
      ["dropLog.group", 70_000],
      ["logging", null],
    ];
    for (const [path, value] of wrong) {
      const { status, stderr } = template({ [path]: value });
      assert.notEqual(status, 0, `${path}=${JSON.stringify(value)}`);
      assert.match(stderr, /specifications of the schema/, `${path}=${JSON.stringify(value)}`);
    }
    assert.match(template({ "policies.networkPolicy.enabled": false }).stderr, /switch on at least one of policies/);
    assert.match(template({ "metrics.serviceMonitor.enabled": true }).stderr, /needs metrics.service.enabled/);
  });

  it("starts the agent with flags that it has, and each value arrives", () => {
    const plain = readFlags(agentOf(objectsOf()).args.slice(1));
    assert.ok(plain.ok, "the agent takes them");
    assert.deepEqual(plain.settings.exemptNamespaces, [], "no namespace is exempt unless the operator says so");
    assert.equal(plain.settings.audit, false);
    assert.deepEqual(plain.settings.policyKinds, ["NetworkPolicy"]);
    assert.equal(plain.settings.stateFile, defaultStateFile);
    assert.deepEqual(plain.settings.uninstallFrom, { namespace: "kube-system", name: "portcullis" });
    const { args } = agentOf(
      objectsOf({
        "enforcement.podCIDRs": ["10.244.0.0/16", "fd00:244::/56"],
        "enforcement.unknownPods": "accept",
        "enforcement.established": "keep",
        "enforcement.defaultVerdict": "deny",
        "enforcement.exemptNamespaces": ["kube-system", "monitoring"],
        "enforcement.audit": true,
        "enforcement.syncPeriod": "30s",
        "enforcement.ctMarkMask": "0x0ff00000",
        "dropLog.enabled": false,
        "logging.format": "text",
        "logging.verbose": true,
        "metrics.host": "::1",
        "metrics.port": 9181,
        "serviceAccount.name": "other",
        ...Object.fromEntries(unreadKinds.map(({ kind }) => [`policies.${lower(kind)}.enabled`, true])),
      }),
    );
    const taken = readFlags(args.slice(1));
    assert.ok(taken.ok, "the agent takes them");
    const { settings } = taken;
    assert.equal(settings.podCidrs?.length, 2);
    assert.deepEqual(settings.policyKinds?.toSorted(), [...policyKinds, ...unreadKinds].map(({ kind }) => kind).sort());
    assert.deepEqual(settings.exemptNamespaces, ["kube-system", "monitoring"]);
    assert.deepEqual(settings.bind, { kind: "tcp", host: "::1", port: 9181 });
    assert.deepEqual(settings.uninstallFrom, { namespace: "kube-system", name: "other" });
    assert.deepEqual(
      [settings.unknownPods, settings.established, settings.defaultVerdict, settings.audit, settings.syncPeriod],
      ["accept", "keep", "deny", true, 30_000],
    );
    assert.deepEqual(
      [settings.ctMarkMask, settings.dropLogGroup, settings.logFormat, settings.verbose],
      [0x0ff00000, null, "text", true],
    );
  });

  it("gives the agent's containers one capability, a read-only root and nothing more", () => {
    const spec = podSpecOf(one(objectsOf(), "DaemonSet"));
    const containers = [...(spec.initContainers ?? []), ...spec.containers];
    assert.deepEqual(
      containers.map(({ name }) => name),
      ["close", "agent"],
    );
    for (const { securityContext } of containers) {
      assert.deepEqual(securityContext, {
        runAsUser: 0,
        runAsGroup: 0,
        privileged: false,
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ["ALL"], add: ["NET_ADMIN"] },
      });
    }
    assert.deepEqual(spec.securityContext, { seccompProfile: { type: "RuntimeDefault" } });
    assert.equal(spec.hostNetwork, true);
    assert.equal(spec.priorityClassName, "system-node-critical");
    assert.deepEqual(spec.tolerations, [{ operator: "Exists" }]);
    const paths = spec.volumes.map(({ hostPath }) => (hostPath as Json)["path"]);
    assert.deepEqual(paths, ["/run/portcullis", "/var/lib/portcullis"]);
  });

  it("gives exactly the rights to read what is watched, kind by kind", () => {
    const resources = (values: Json) =>
      rulesOf(one(objectsOf(values), "ClusterRole")).flatMap(({ resources: list, verbs }) =>
        (list as readonly string[]).map((resource) => `${resource}: ${(verbs as readonly string[]).join(" ")}`),
      );
    const base = ["pods", "namespaces", "nodes"].map((name) => `${name}: get list watch`);
    const events = "events: create";
    assert.deepEqual(resources({}), [...base, "networkpolicies: get list watch", events]);
    const definitions = "customresourcedefinitions: list watch";
    const admin = { "policies.networkPolicy.enabled": false, "policies.adminNetworkPolicy.enabled": true };
    const ofKind = "adminnetworkpolicies: get list watch";
    assert.deepEqual(resources(admin), [...base, ofKind, definitions, events]);
    for (const { kind, resource } of unreadKinds) {
      const name = `policies.${lower(kind)}.enabled`;
      assert.ok(resources({ [name]: true }).includes(`${resource}: get list watch`), kind);
    }
  });

  it("removes the rules before it is removed, or leaves them where that is wanted", () => {
    const hooks = (values: Json) =>
      objectsOf(values).filter(({ metadata }) => metadata.annotations?.["helm.sh/hook"] !== undefined);
    assert.deepEqual(hooks({ "uninstall.removeRules": false }), []);
    const made = hooks({});
    assert.deepEqual(made.map(({ kind }) => kind).sort(), ["Job", "Role", "RoleBinding", "ServiceAccount"]);
    assert.ok(made.every(({ metadata }) => metadata.annotations?.["helm.sh/hook"] === "pre-delete"));
    const [container] = podSpecOf(one(made, "Job", "portcullis-uninstall")).containers;
    assert.deepEqual(container?.args.slice(0, 3), [
      "uninstall",
      "--namespace=kube-system",
      "--service-account=portcullis",
    ]);
    assert.deepEqual(container?.securityContext["capabilities"], { drop: ["ALL"] });
    // An upgrade after an uninstall that did not finish takes the sign back.
    assert.deepEqual(one(objectsOf(), "ServiceAccount").metadata.annotations, { "portcullis.dev/uninstall": "no" });
  });

  it("makes monitoring objects where they are wanted", () => {
    const kinds = ["Service", "PodMonitor", "ServiceMonitor", "PrometheusRule"];
    assert.deepEqual(
      objectsOf().filter(({ kind }) => kinds.includes(kind)),
      [],
    );
    const values = Object.fromEntries(
      ["service", "podMonitor", "serviceMonitor", "prometheusRule"].map((name) => [`metrics.${name}.enabled`, true]),
    );
    const made = objectsOf({ ...values, "metrics.podMonitor.labels": { release: "prometheus" } });
    assert.deepEqual(
      made
        .map(({ kind }) => kind)
        .filter((kind) => kinds.includes(kind))
        .sort(),
      kinds.sort(),
    );
  });

  it("makes a PrometheusRule of the alerts of docs/prometheus", () => {
    const rules = readFileSync(alertRules, "utf8");
    assert.equal(read("files", "rules.yaml"), rules, "run npm run deploy:render");
    const made = one(objectsOf({ "metrics.prometheusRule.enabled": true }), "PrometheusRule");
    assert.deepEqual(made["spec"], parse(rules));
  });

  it("refuses labels and annotations that are its own", () => {
    for (const [path, name] of [
      ["agent.podLabels", "app.kubernetes.io/name"],
      ["agent.podAnnotations", "kubectl.kubernetes.io/default-container"],
      ["serviceAccount.annotations", "portcullis.dev/uninstall"],
    ] as const) {
      assert.throws(() => objectsOf({ [path]: { [name]: "x" } }), /schema|not allowed|propertyName/i, path);
      assert.doesNotThrow(() => objectsOf({ [path]: { "example.com/x": "x" } }), path);
    }
  });

  it("a name that YAML would take for a number or a word of its own stays a name", () => {
    const odd = objectsOf({ fullnameOverride: "123", "serviceAccount.name": "true" });
    for (const { kind, metadata, roleRef, subjects } of odd as readonly Json[]) {
      assert.equal(typeof (metadata as Json)["name"], "string", String(kind));
      for (const reference of [roleRef, ...((subjects as readonly Json[] | undefined) ?? [])])
        if (reference !== undefined) assert.equal(typeof (reference as Json)["name"], "string", String(kind));
    }
  });

  it("deploy/install.yaml is what it renders", () => {
    const committed = readFileSync(join(chart, "..", "..", "deploy", "install.yaml"), "utf8");
    assert.equal(committed, installManifest(), "run npm run deploy:render");
  });
});
