import { after, before, describe, it } from "node:test";
import { namespace } from "../ask.ts";
import { podAddresses } from "../random-cluster.ts";
import { whySkipped } from "./available.ts";
import { allowFrom, denyIngress, idOf, web } from "./scene.ts";
import { Site } from "./site.ts";

const address = podAddresses("node-1", 11)[0];

/** An address that a pod left, in whose hands soever it is: the evaluator knows nothing of the past. */
const shut = { evaluator: false } as const;

describe("a cluster whose Nodes do not tell pod ranges", { skip: whySkipped() }, () => {
  let site: Site;
  before(async () => {
    site = await Site.start({ nodes: ["node-1", "node-2"], tellRanges: false, mentioned: [address] });
    await site.apply(
      namespace("x"),
      namespace("y"),
      denyIngress("x/deny"),
      allowFrom("x/allow", { app: "client" }, { app: "server" }, 80),
    );
    await site.run(web("x/server", "node-1", 12, { app: "server" }), web("y/open", "node-1", 13));
    await site.settle();
  });
  after(() => site.down());

  it("an address is shut when its pod is gone, until the next pod is known", async () => {
    await site.expect({ [`${address} y/open TCP/80`]: "allow" });
    await site.run(web("x/client", "node-1", 11, { app: "client" }));
    await site.settle();
    await site.expect({ "x/client x/server TCP/80": "allow", "x/client y/open TCP/80": "allow" });
    await site.api.remove(idOf("Pod", "x/client"));
    await site.settle();
    await site.expect({ [`${address} y/open TCP/80`]: "deny", [`y/open ${address} TCP/80`]: "deny" }, shut);
    await site.run(web("y/next", "node-1", 11));
    await site.settle();
    await site.expect({ "y/next y/open TCP/80": "allow", "y/next x/server TCP/80": "deny" });
    // It moves on to another node: known there, so not denied here.
    await site.api.remove(idOf("Pod", "y/next"));
    await site.run(web("x/client", "node-2", 11, { app: "client" }));
    await site.settle();
    await site.expect({ "x/client x/server TCP/80": "allow" });
    await site.api.remove(idOf("Pod", "x/client"));
  });
});
