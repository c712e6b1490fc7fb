import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { parse } from "yaml";
import { defaultStateFile } from "../../src/agent/node-state.ts";
import { allGatesOpen } from "../../src/policy/feature-gates.ts";
import { policyKinds, unreadKinds } from "../../src/policy/kinds.ts";
import { agentOf, type Json, onByDefault, one, podSpecOf, read, readFlags, switchesOf } from "./chart-objects.ts";
import {
  alertRules,
  chart,
  helm,
  installManifest,
  type InstallManifest,
  installManifests,
  noHelm,
  objectsOf,
  template,
} from "./helm.ts";

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
      ["featureGates.NodePeers", true],
      ["featureGates.nodePeers", "false"],
      ["dns.service", "kube-system/kube-dns"],
      ["dns.resolvers", ["10.0.0.0/8"]],
      ["dns.queue", 0],
      ["dns.minTtl", "500ms"],
    ];
    for (const [path, value] of wrong) {
      const { status, stderr } = template({ [path]: value });
      assert.notEqual(status, 0, `${path}=${JSON.stringify(value)}`);
      assert.match(stderr, /specifications of the schema/, `${path}=${JSON.stringify(value)}`);
    }
    assert.match(template(switchesOf(onByDefault, false)).stderr, /switch on at least one of policies/);
    assert.match(template({ "metrics.serviceMonitor.enabled": true }).stderr, /needs metrics.service.enabled/);
  });

  it("starts the agent with flags that it has, and each value arrives", () => {
    const plain = readFlags(agentOf(objectsOf()).args.slice(1));
    assert.ok(plain.ok, "the agent takes them");
    assert.deepEqual(plain.settings.exemptNamespaces, [], "no namespace is exempt unless the operator says so");
    assert.equal(plain.settings.audit, false);
    assert.deepEqual(plain.settings.policyKinds?.toSorted(), onByDefault.toSorted());
    assert.deepEqual(plain.settings.featureGates, allGatesOpen);
    assert.deepEqual(plain.settings.dnsService, { namespace: "kube-system", name: "kube-dns" });
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
        "featureGates.nodePeers": false,
        "featureGates.namedPorts": false,
        "dns.service.namespace": "openshift-dns",
        "dns.service.name": "dns-default",
        "dns.resolvers": ["169.254.20.10", "fd00::a"],
        "dns.queue": 77,
        "dns.minTtl": "10s",
        "dns.maxTtl": "30m",
        "dns.grace": "1h30m",
        ...switchesOf(
          unreadKinds.map(({ kind }) => kind),
          true,
        ),
      }),
    );
    const taken = readFlags(args.slice(1));
    assert.ok(taken.ok, "the agent takes them");
    const { settings } = taken;
    assert.equal(settings.podCidrs?.length, 2);
    assert.deepEqual(settings.policyKinds?.toSorted(), [...policyKinds, ...unreadKinds].map(({ kind }) => kind).sort());
    assert.deepEqual([...settings.featureGates], ["DomainNames"]);
    assert.deepEqual(settings.dnsService, { namespace: "openshift-dns", name: "dns-default" });
    assert.deepEqual(settings.dnsResolvers, ["169.254.20.10", "fd00::a"]);
    assert.deepEqual(
      [settings.dnsQueue, settings.dnsMinTtl, settings.dnsMaxTtl, settings.dnsGrace],
      [77, 10, 1800, 5400],
    );
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

  it("deploy/ holds what it renders, with the tiers and without", () => {
    for (const name of Object.keys(installManifests) as InstallManifest[]) {
      const committed = readFileSync(join(chart, "..", "..", "deploy", name), "utf8");
      assert.equal(committed, installManifest(name), "run npm run deploy:render");
    }
  });
});
