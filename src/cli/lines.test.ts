import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { tries } from "../../test/property.ts";
import { lineBatches, longestLine } from "./lines.ts";

async function linesOf(chunks: readonly Uint8Array[]): Promise<(string | null)[]> {
  async function* stream() {
    yield* chunks;
  }
  const lines: (string | null)[] = [];
  for await (const batch of lineBatches(stream())) lines.push(...batch);
  return lines;
}

describe("lines of a stream", () => {
  it("are the same however the stream is cut, in the middle of a character too", async () => {
    const line = fc.string({ unit: "grapheme", maxLength: 8 }).map((text) => text.replaceAll(/[\n\ufeff]/g, ""));
    await fc.assert(
      fc.asyncProperty(fc.array(line), fc.array(fc.nat(40)), async (texts, cuts) => {
        const bytes = new TextEncoder().encode(texts.map((text) => `${text}\n`).join(""));
        const at = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
        const chunks = at.slice(1).map((end, index) => bytes.subarray(at[index], end));
        assert.deepEqual(await linesOf(chunks), texts);
      }),
      tries(200),
    );
  });

  it("need no end of line at the end", async () => {
    assert.deepEqual(await linesOf([new TextEncoder().encode("a\nb")]), ["a", "b"]);
  });

  it("that are too long are null, and do not disturb the others", async () => {
    const long = "x".repeat(longestLine + 1);
    const bytes = new TextEncoder().encode(`a\n${long}\nb\n${long}`);
    const chunks = Array.from({ length: Math.ceil(bytes.length / 65_536) }, (_, index) =>
      bytes.subarray(index * 65_536, (index + 1) * 65_536),
    );
    assert.deepEqual(await linesOf(chunks), ["a", null, "b", null]);
    assert.deepEqual(await linesOf([bytes]), ["a", null, "b", null]);
  });
});
