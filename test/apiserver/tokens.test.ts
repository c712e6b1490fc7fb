import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { namespace } from "../ask.ts";
import { makeAnchor, replaceFile, requestToken } from "./accounts.ts";
import { openApi, type StoredObject } from "./api.ts";
import { whySkipped } from "./available.ts";
import { chartObjects } from "./chart.ts";
import { until } from "./process.ts";
import { allowFrom, denyIngress, idOf, web } from "./scene.ts";
import { assertReady, untilSighted } from "./sight.ts";
import { Site } from "./site.ts";

const home = "portcullis-system";
const account = { apiVersion: "v1", kind: "ServiceAccount", metadata: { namespace: home, name: "portcullis" } };

/** Tokens in a file that is replaced, the old ones revoked. */
describe("tokens that rotate", { skip: whySkipped() }, () => {
  let site: Site;
  let file: string;
  let anchor: StoredObject;
  let token: string;
  const rotate = async (name: string): Promise<void> => {
    anchor = await makeAnchor(site.api, home, name);
    token = await requestToken(site.api, account, anchor);
    replaceFile(file, token);
  };
  /** The API server remembers for some seconds that a token was good. */
  const untilRefused = async (old: string): Promise<void> => {
    const api = openApi({ server: site.plane.urlAt("127.0.0.1"), authority: site.plane.authority(), token: old });
    const isRefused = async (): Promise<true | null> =>
      (await api.send("GET", "/api/v1/pods?limit=1")).status === 401 ? true : null;
    await until("the old token is refused", isRefused, 60_000);
    api.close();
  };
  before(async () => {
    site = await Site.start({ nodes: ["node-1"], agents: false });
    file = join(site.plane.folder, "token");
    await site.apply(namespace(home), namespace("x"), ...chartObjects(home));
    await site.apply(denyIngress("x/deny"), allowFrom("x/allow", { app: "client" }, { app: "server" }, 80));
    await site.run(web("x/client", "node-1", 11, { app: "client" }), web("x/server", "node-1", 12, { app: "server" }));
    await rotate("first");
    site.startAgent("node-1", site.kubeconfigOf("node-1", { tokenFile: file }));
    await site.settle();
  });
  after(() => site.down());

  it("a new token is in the file before the old one is revoked: nothing is missed", async () => {
    await site.expect({ "x/client x/server TCP/80": "allow" });
    const old = { token, anchor };
    await rotate("second");
    await site.api.remove(old.anchor);
    await untilRefused(old.token);
    // Every connection is made anew, and nobody knows the old token any more.
    await site.plane.stopServer("SIGTERM");
    await site.plane.startServer();
    await site.api.remove(idOf("NetworkPolicy", "x/allow"));
    await site.settle();
    await untilSighted(site.agent("node-1"), true);
    await site.expect({ "x/client x/server TCP/80": "deny" });
  });

  it("revoked before there is a new one: the rules stay, and the new one is taken when it comes", async () => {
    const agent = site.agent("node-1");
    await site.api.remove(anchor);
    await untilRefused(token);
    await site.plane.stopServer("SIGKILL");
    await site.plane.startServer();
    await untilSighted(agent, false);
    await assertReady(agent);
    const saysWhy = async (): Promise<true | null> =>
      /401|nauthorized/.test((await agent.readiness())?.degraded ?? "") ? true : null;
    await until("the agent says that its token is refused", saysWhy, 60_000, [agent.process]);
    await site.apply(allowFrom("x/allow", { app: "client" }, { app: "server" }, 80));
    await site.expect({ "x/client x/server TCP/80": "deny" });
    await rotate("third");
    await site.settle();
    await untilSighted(agent, true);
    await site.expect({ "x/client x/server TCP/80": "allow" });
  });
});
