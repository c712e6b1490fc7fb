import assert from "node:assert/strict";
import type { Http2ServerResponse } from "node:http2";
import { join } from "node:path";
import { after, it } from "node:test";
import { runProgram } from "../../src/system/program.ts";
import { createAuthority } from "./authority.ts";
import { startServer } from "./server.ts";

const authority = createAuthority("the cluster's CA");
after(() => authority.remove());
const identity = authority.issue("/CN=kube-apiserver", ["IP:127.0.0.1"]);
const piece = Buffer.alloc(1 << 16, "x");

for (const version of ["h2", "http/1.1"] as const) {
  it(`a slow reader of a watch costs its window, not what the server sends: ${version}`, async (t) => {
    let sent = 0;
    const pour = (response: Http2ServerResponse): void => {
      while (!response.writableEnded && !response.destroyed) {
        sent += piece.length;
        if (!response.write(piece)) break;
      }
    };
    const server = await startServer({
      identity,
      version,
      answer: (seen, response) => {
        if (seen.path === "/list") response.end("list");
        else {
          response.on("drain", () => pour(response));
          pour(response);
        }
      },
    });
    try {
      const site = join(import.meta.dirname, "slow-reader-site.ts");
      const args = [site, `https://127.0.0.1:${server.port}`, authority.certificate];
      let sentWhileSlow = 0;
      const timer = setTimeout(() => (sentWhileSlow = sent), 1500);
      const { code, stdout, stderr } = await runProgram(process.execPath, args, { timeLimit: 30_000 });
      clearTimeout(timer);
      assert.equal(code, 0, stderr);
      const report = JSON.parse(stdout) as { grown: number; milliseconds: number; list: string; read: number };
      const mebibytes = Math.round(sentWhileSlow / (1 << 20));
      t.diagnostic(
        `sent to it ${mebibytes} MiB while it slept, grown by ${report.grown} MiB, list in ${report.milliseconds} ms`,
      );
      assert.equal(report.list, "list");
      assert.ok(report.read > 1 << 20);
      assert.ok(mebibytes < 32, "the server was made to wait");
      assert.ok(report.grown < 100);
    } finally {
      await server.close();
    }
  });
}
