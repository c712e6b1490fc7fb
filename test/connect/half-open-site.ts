/**
 * Runs in a network namespace of its own: watches, of one version of HTTP each, over the namespace's loopback; then
 * every packet between client and server is dropped. Prints how many milliseconds later each watch broke, and how.
 */
import { execFileSync } from "node:child_process";
import { openCluster } from "../../src/source/apiserver/connect/open.ts";
import { configFor, failure, get, runNothing, textOf } from "./asking.ts";
import { createAuthority } from "./authority.ts";
import { startServer } from "./server.ts";

const authority = createAuthority("the cluster's CA");
const identity = authority.issue("/CN=kube-apiserver", ["IP:127.0.0.1"]);

async function watchOver(version: "h2" | "http/1.1") {
  const server = await startServer({
    identity,
    version,
    answer: (_, response) => {
      response.writeHead(200);
      response.write("first\n");
    },
  });
  const config = configFor(`https://127.0.0.1:${server.port}`, authority.certificate);
  const client = openCluster(config, { run: runNothing, now: Date.now });
  const watch = await get(client, "/watch");
  return { version, port: server.port, broken: failure(textOf(watch)) };
}

const watches = await Promise.all([watchOver("h2"), watchOver("http/1.1")]);
// Silent, but alive: nothing may break by itself.
const quiet = await Promise.race([
  ...watches.map(({ broken }) => broken),
  new Promise<null>((resolve) => setTimeout(resolve, 2000, null)),
]);
const ports = watches.map(({ port }) => port).join(", ");
execFileSync("nft", ["-f", "-"], {
  input:
    `table inet cut { chain in { type filter hook prerouting priority -300; policy accept;\n` +
    `tcp sport { ${ports} } drop\ntcp dport { ${ports} } drop\n}\n}\n`,
});
const cut = performance.now();
const results = await Promise.all(
  watches.map(async ({ version, broken }) => {
    const message = await broken;
    return { version, milliseconds: Math.round(performance.now() - cut), message };
  }),
);
authority.remove();
process.stdout.write(JSON.stringify({ quiet, results }));
process.exit(0);
