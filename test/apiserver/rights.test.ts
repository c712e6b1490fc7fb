import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { namespace } from "../ask.ts";
import { replaceFile, requestToken } from "./accounts.ts";
import { type ApiAccess, type Method, openApi } from "./api.ts";
import { whySkipped } from "./available.ts";
import { chartObjects } from "./chart.ts";
import { allowFrom, denyIngress, idOf, web } from "./scene.ts";
import { untilSighted } from "./sight.ts";
import { Site } from "./site.ts";
import { installTiers, resourceNameOf, tierPolicyKinds } from "./tiers.ts";

const home = "portcullis-system";
const account = { apiVersion: "v1", kind: "ServiceAccount", metadata: { namespace: home, name: "portcullis" } };
/** Where kubelet puts the token of a pod's service account. /run is the suites' own. */
const mounted = "/var/run/secrets/kubernetes.io/serviceaccount";

interface Rule {
  readonly verbs: readonly string[];
  readonly apiGroups?: readonly string[];
  readonly resources?: readonly string[];
  readonly resourceNames?: readonly string[];
}

/** One line for each right: `get pods`, `create events.events.k8s.io`, `get serviceaccounts:portcullis`. */
function rightsOf(rules: readonly Rule[]): readonly string[] {
  const lines = rules.flatMap(({ verbs, apiGroups = [""], resources = [], resourceNames }) =>
    verbs.flatMap((verb) =>
      apiGroups.flatMap((group) =>
        resources.flatMap((resource) => {
          const what = `${verb} ${resource}${group === "" ? "" : `.${group}`}`;
          return resourceNames === undefined ? [what] : resourceNames.map((name) => `${what}:${name}`);
        }),
      ),
    ),
  );
  return lines.sort();
}

/** What everybody who is known may do: ask about himself. */
const everybodys = /^create self.*\.(authorization|authentication)\.k8s\.io$/;

const read = (...resources: readonly string[]): readonly string[] =>
  resources.flatMap((resource) => ["get", "list", "watch"].map((verb) => `${verb} ${resource}`));
const everywhere = [
  ...read("pods", "namespaces", "nodes", "networkpolicies.networking.k8s.io", ...tierPolicyKinds.map(resourceNameOf)),
  ...["list", "watch"].map((verb) => `${verb} customresourcedefinitions.apiextensions.k8s.io`),
  "create events.events.k8s.io",
];

/** The agent as the chart installs it: that service account, those rights, nothing else. */
describe("the chart's service account", { skip: whySkipped() }, () => {
  let site: Site;
  let own: ApiAccess;
  before(async () => {
    site = await Site.start({ nodes: ["node-1", "node-2"], agents: false });
    await site.apply(namespace(home), namespace("x"));
    await site.apply(...chartObjects(home));
    const token = await requestToken(site.api, account, null);
    own = openApi({ server: site.plane.urlAt("127.0.0.1"), authority: site.plane.authority(), token });
    mkdirSync(mounted, { recursive: true });
    replaceFile(join(mounted, "token"), token);
    replaceFile(join(mounted, "namespace"), home);
    replaceFile(join(mounted, "ca.crt"), readFileSync(site.plane.credentials.authority, "utf8"));
  });
  after(async () => {
    own?.close();
    await site?.down();
  });

  it("is all that an agent needs to enforce, in a pod as it is installed", async () => {
    const flags = [`--uninstall-from=${home}/portcullis`];
    for (const name of ["node-1", "node-2"]) {
      const env = { KUBERNETES_SERVICE_HOST: site.serverAddressOf(name), KUBERNETES_SERVICE_PORT: "6443" };
      site.startAgent(name, null, { env, flags });
    }
    await site.apply(denyIngress("x/deny"), allowFrom("x/allow", { app: "client" }, { app: "server" }, 80));
    await site.run(web("x/client", "node-1", 11, { app: "client" }), web("x/server", "node-2", 11, { app: "server" }));
    await site.settle();
    await site.expect({ "x/client x/server TCP/80": "allow", "x/client x/server TCP/8080": "deny" });
    await site.api.remove(idOf("NetworkPolicy", "x/allow"));
    await site.settle();
    await site.expect({ "x/client x/server TCP/80": "deny" });
    await installTiers(site.api, "experimental");
    const egress = [
      { action: "Allow", to: [{ domainNames: ["example.org"] }] },
      { action: "Deny", to: [{ nodes: {} }] },
    ];
    const spec = { priority: 1, subject: { namespaces: {} }, egress };
    const kind = "AdminNetworkPolicy";
    await site.apply({ apiVersion: "policy.networking.k8s.io/v1alpha1", kind, metadata: { name: "all" }, spec });
    await site.settle();
    await site.expect({ "x/client node/node-2 TCP/9999": "deny" });
    for (const agent of site.agents.values()) {
      await untilSighted(agent, true);
      // Nothing that it tried was refused.
      assert.doesNotMatch(readFileSync(agent.process.log, "utf8"), /forbidden|\b403\b/i);
    }
  });

  for (const where of ["x", "kube-system", home]) {
    it(`may do exactly that much in ${where}`, async () => {
      const body = {
        apiVersion: "authorization.k8s.io/v1",
        kind: "SelfSubjectRulesReview",
        spec: { namespace: where },
      };
      const path = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews";
      const { text } = await own.send("POST", path, JSON.stringify(body));
      const { status } = JSON.parse(text) as {
        readonly status: { readonly resourceRules: readonly Rule[]; readonly incomplete: boolean };
      };
      const ofItsAccount = where === home ? read("serviceaccounts").map((right) => `${right}:portcullis`) : [];
      const ofDns = where === "kube-system" ? read("services").map((right) => `${right}:kube-dns`) : [];
      assert.deepEqual(
        rightsOf(status.resourceRules).filter((right) => !everybodys.test(right)),
        [...everywhere, ...ofItsAccount, ...ofDns].sort(),
      );
    });
  }

  const forbidden: readonly (readonly [Method, string, object?])[] = [
    ["GET", "/api/v1/secrets"],
    ["GET", `/api/v1/namespaces/${home}/secrets`],
    ["GET", "/api/v1/configmaps"],
    ["GET", "/api/v1/services"],
    ["GET", "/api/v1/namespaces/kube-system/services"],
    ["GET", "/api/v1/namespaces/x/services/kube-dns"],
    ["DELETE", "/apis/policy.networking.k8s.io/v1alpha1/adminnetworkpolicies/all"],
    ["GET", "/api/v1/serviceaccounts"],
    ["GET", "/api/v1/namespaces/x/serviceaccounts/default"],
    ["GET", "/apis/rbac.authorization.k8s.io/v1/clusterroles"],
    ["GET", "/api/v1/namespaces/x/pods/client/log"],
    ["POST", "/api/v1/namespaces/x/pods/client/exec?command=id&stdout=true"],
    ["POST", "/api/v1/namespaces/x/pods", { apiVersion: "v1", kind: "Pod", metadata: { name: "more" } }],
    ["PATCH", "/api/v1/namespaces/x/pods/client", { metadata: { labels: { app: "server" } } }],
    ["PATCH", "/api/v1/namespaces/x/pods/client/status", { status: { phase: "Failed" } }],
    ["DELETE", "/api/v1/namespaces/x/pods/client"],
    ["PATCH", "/api/v1/nodes/node-1", { metadata: { labels: { a: "b" } } }],
    ["PATCH", "/api/v1/nodes/node-1/status", { status: {} }],
    ["PATCH", "/api/v1/namespaces/x", { metadata: { labels: { a: "b" } } }],
    ["DELETE", "/api/v1/namespaces/x"],
    ["DELETE", "/apis/networking.k8s.io/v1/namespaces/x/networkpolicies/deny"],
    ["PATCH", "/apis/networking.k8s.io/v1/namespaces/x/networkpolicies/deny", { spec: { podSelector: {} } }],
    ["PATCH", `/api/v1/namespaces/${home}/serviceaccounts/portcullis`, { metadata: { annotations: { a: "b" } } }],
    ["POST", `/api/v1/namespaces/${home}/serviceaccounts/portcullis/token`, {}],
    ["POST", "/api/v1/namespaces/x/events", { apiVersion: "v1", kind: "Event", metadata: { name: "e" } }],
    ["GET", "/apis/events.k8s.io/v1/events"],
    ["DELETE", "/apis/events.k8s.io/v1/namespaces/x/events"],
  ];
  it(`is refused everything else that could do harm (${forbidden.length} requests)`, async () => {
    const answers: Record<string, number> = {};
    for (const [method, path, body] of forbidden) {
      const type = method === "PATCH" ? "application/merge-patch+json" : "application/json";
      const sent = body === undefined ? undefined : JSON.stringify(body);
      answers[`${method} ${path}`] = (await own.send(method, path, sent, type)).status;
    }
    const wanted = Object.fromEntries(forbidden.map(([method, path]) => [`${method} ${path}`, 403]));
    assert.deepEqual(answers, wanted);
  });
});
