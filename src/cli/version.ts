import type { Command } from "commander";
import packageJson from "../../package.json" with { type: "json" };
import { writeOut } from "./output.ts";

/** `portcullis version`. */
export function registerVersion(program: Command): void {
  program
    .command("version")
    .description("say which Portcullis and which Node this is")
    .option("-o, --output <format>", "text or json", "text")
    .action(async ({ output }: { readonly output: string }) => {
      const node = process.version;
      const { version } = packageJson;
      if (output !== "json") await writeOut(`portcullis ${version} (node ${node})\n`);
      else await writeOut(`${JSON.stringify({ apiVersion: "portcullis.dev/v1", kind: "Version", version, node })}\n`);
    });
}
