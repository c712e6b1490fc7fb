import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import type { Command } from "commander";
import { buildProgram } from "../../src/cli/program.ts";

const root = join(import.meta.dirname, "..", "..");
const pages = ["README.md", "CONTRIBUTING.md", ...globSync("docs/**/*.md", { cwd: root })].sort();
const scripts = (JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { scripts: Record<string, string> })
  .scripts;

interface Shown {
  readonly page: string;
  readonly words: readonly string[];
}

/** Command lines in fenced `sh` blocks, and the lines after a prompt in `console` blocks. */
function commandLines(page: string): Shown[] {
  const text = readFileSync(join(root, page), "utf8");
  const blocks = text.matchAll(/```(sh|console)\n([\s\S]*?)```/g);
  return [...blocks].flatMap(([, language, body = ""]) =>
    body
      .replaceAll("\\\n", " ")
      .split("\n")
      .filter((line) => language === "sh" || line.startsWith("$ "))
      .map((line) => line.replace(/^\$ /, "").replace(/\s+#.*$/, ""))
      .filter((line) => line.trim() !== "" && !line.startsWith("#"))
      // Each part of a pipe is a command of its own; redirections are the shell's.
      .flatMap((line) => line.split(/\s\|\s|&&/))
      .map((part) => ({
        page,
        words: part
          .trim()
          .replace(/\s[<>].*$/, "")
          .split(/\s+/),
      })),
  );
}

const withoutSudo = ({ page, words }: Shown): Shown => ({ page, words: words[0] === "sudo" ? words.slice(1) : words });
const shown = pages.flatMap(commandLines).map(withoutSudo);
const ours = shown.filter(({ words }) => /(^|\/)(kubectl-)?portcullis$/.test(words[0] ?? ""));
const unquote = (word: string): string => word.replaceAll(/^['"]|['"]$/g, "");

/** The real program, except that nothing is carried out and errors are thrown. */
async function parseOnly(words: readonly string[]): Promise<void> {
  const program = await buildProgram();
  const silence = (command: Command): void => {
    command.exitOverride().configureOutput({ writeOut: () => undefined, writeErr: () => undefined });
    command.action(() => undefined);
    command.commands.forEach(silence);
  };
  program.commands.forEach(silence);
  program.exitOverride().configureOutput({ writeOut: () => undefined, writeErr: () => undefined });
  try {
    await program.parseAsync(words.slice(1).map(unquote), { from: "user" });
  } catch (error) {
    const code = (error as { code?: string }).code ?? "";
    if (code !== "commander.help" && code !== "commander.helpDisplayed") throw error;
  }
}

describe("docs", () => {
  it("show command lines that the binary parses", async () => {
    assert.ok(ours.length >= 10, "the docs show commands");
    for (const { page, words } of ours) {
      await assert.doesNotReject(parseOnly(words), `${page}: ${words.join(" ")}`);
    }
  });

  it("a flag that does not exist would be found", async () => {
    await assert.rejects(parseOnly(["portcullis", "eval", "--no-such-flag"]));
  });

  it("show npm scripts that exist", () => {
    const npm = shown.filter(({ words }) => words[0] === "npm");
    assert.ok(npm.length >= 2);
    for (const { page, words } of npm) {
      const script = words[1] === "run" ? (words[2] ?? "") : (words[1] ?? "");
      assert.ok(["ci", "install"].includes(script) || script in scripts, `${page}: ${words.join(" ")}`);
    }
  });

  it("list every command and every flag of the binary", async () => {
    const reference = readFileSync(join(root, "docs", "command-line.md"), "utf8");
    const missing: string[] = [];
    const visit = (command: Command, path: string): void => {
      const section = sectionOf(reference, path);
      if (section === null) missing.push(`## ${path}`);
      for (const option of command.options) {
        const flag = option.long ?? option.short ?? "";
        if (!option.hidden && section !== null && !section.includes(`\`${flag}`)) missing.push(`${path}: ${flag}`);
      }
      for (const sub of command.commands) visit(sub, `${path} ${sub.name()}`);
    };
    const program = await buildProgram();
    for (const command of program.commands) visit(command, `portcullis ${command.name()}`);
    assert.deepEqual(missing, []);
  });

  it("list no flag that the binary does not have", async () => {
    const reference = readFileSync(join(root, "docs", "command-line.md"), "utf8");
    const unknown: string[] = [];
    const visit = (command: Command, path: string): void => {
      const leaf = command.commands.length === 0;
      const listed = leaf ? [...(sectionOf(reference, path) ?? "").matchAll(/^\| `(--[a-z-]+)`/gm)] : [];
      for (const [, flag = ""] of listed) {
        if (!command.options.some(({ long }) => long === flag)) unknown.push(`${path}: ${flag}`);
      }
      for (const sub of command.commands) visit(sub, `${path} ${sub.name()}`);
    };
    for (const command of (await buildProgram()).commands) visit(command, `portcullis ${command.name()}`);
    assert.deepEqual(unknown, []);
  });

  it("link only to pages that exist", () => {
    const broken = pages.flatMap((page) => {
      const text = readFileSync(join(root, page), "utf8").replaceAll(/```[\s\S]*?```/g, "");
      return [...text.matchAll(/\]\((?!https?:|#)([^)#\s]+)/g)]
        .map(([, target = ""]) => join(page, "..", target))
        .filter((target) => globSync(target, { cwd: root }).length === 0)
        .map((target) => `${page}: ${target}`);
    });
    assert.deepEqual(broken, []);
  });
});

/** The text below the heading for exactly this command, up to the next heading of the same or a higher level. */
function sectionOf(reference: string, path: string): string | null {
  const lines = reference.split("\n");
  const start = lines.findIndex(
    (line) => /^#{2,3} /.test(line) && line.replaceAll(/[#`]/g, "").trim().startsWith(path),
  );
  if (start < 0) return null;
  const level = /^#+/.exec(lines[start] ?? "")?.[0].length ?? 2;
  const end = lines.findIndex(
    (line, index) => index > start && /^#+ /.test(line) && (/^#+/.exec(line)?.[0].length ?? 9) <= level,
  );
  return lines.slice(start, end < 0 ? undefined : end).join("\n");
}
