/** The longest line that is read; more is no query, however long it goes on. */
export const longestLine = 1 << 20;

/**
 * Splits a stream into lines, in batches as they arrive: the lines that each chunk ends. Null stands for a line that
 * is too long. The last line needs no end. Holds one chunk and one unfinished line, never the whole stream.
 */
export async function* lineBatches(input: AsyncIterable<Uint8Array>): AsyncGenerator<readonly (string | null)[]> {
  const decoder = new TextDecoder();
  let unfinished = "";
  let tooLong = false;
  for await (const chunk of input) {
    const lines: (string | null)[] = (unfinished + decoder.decode(chunk, { stream: true })).split("\n");
    unfinished = lines.pop() ?? "";
    if (tooLong && lines.length > 0) {
      lines[0] = null;
      tooLong = false;
    }
    if (unfinished.length > longestLine) tooLong = true;
    if (tooLong) unfinished = "";
    if (lines.length > 0) yield lines.map((line) => (line !== null && line.length > longestLine ? null : line));
  }
  unfinished += decoder.decode();
  if (tooLong) yield [null];
  else if (unfinished !== "") yield [unfinished];
}
