import { printable } from "../../observe/printable.ts";

type Colour = "bold" | "dim" | "red" | "green" | "cyan";

const codes: Readonly<Record<Colour, readonly [number, number]>> = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  green: [32, 39],
  cyan: [36, 39],
};

/** Where the story is written to: colours and a line of progress on a terminal, plain text in a pipe. */
export class Teller {
  readonly #colours: boolean;
  readonly #progress: boolean;
  readonly #write: (text: string) => void;

  constructor(terminal: { readonly colours: boolean; readonly progress: boolean }, write: (text: string) => void) {
    this.#colours = terminal.colours;
    this.#progress = terminal.progress;
    this.#write = write;
  }

  paint(colour: Colour, text: string): string {
    const [on, off] = codes[colour];
    return this.#colours ? `\u001b[${on}m${text}\u001b[${off}m` : text;
  }

  /** One line; the text is safe to print whatever it holds, colours are put in by `paint` alone. */
  line(text = "", colour?: Colour): void {
    this.#clear();
    const safe = printable(text, 400);
    this.#write(`${colour === undefined ? safe : this.paint(colour, safe)}\n`);
  }

  /** Lines of two columns. */
  columns(rows: readonly (readonly [string, string])[], indent: string): void {
    const width = Math.min(64, Math.max(...rows.map(([left]) => left.length)));
    for (const [left, right] of rows) {
      this.#clear();
      const padded = printable(left, 300).padEnd(width);
      const note = right === "" ? "" : `  ${this.paint("dim", printable(right, 200))}`;
      this.#write(`${`${indent}${padded}${note}`.trimEnd()}\n`);
    }
  }

  heading(number: number, text: string): void {
    this.line();
    this.line(`${number}. ${text}`, "bold");
  }

  /** What is being done just now; on a terminal only, and gone with the next line. */
  doing(text: string): void {
    if (!this.#progress) return;
    this.#clear();
    this.#write(`${this.paint("dim", `… ${text}`)}\r`);
  }

  #clear(): void {
    if (this.#progress) this.#write("\u001b[2K\r");
  }
}
