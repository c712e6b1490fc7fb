import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as fc from "fast-check";
import { createLog, type LogOptions } from "./log.ts";
import { printable } from "./printable.ts";

function lines(options: Partial<LogOptions> = {}) {
  const written: string[] = [];
  const write = (line: string) => void written.push(line);
  return { written, log: createLog({ format: "text", level: "info", now: () => 0, write, ...options }) };
}

const hostile = fc.oneof(
  fc.string({ unit: "binary", maxLength: 700 }),
  fc.constantFrom(
    "\u001b[2J\u001b]0;x\u0007",
    'a" level="error',
    "a\nERROR forged",
    "\u202etxt",
    "\\",
    '\\"',
    "\ud800",
  ),
);
/** All that a terminal or a reader of lines acts upon. */
// oxlint-disable-next-line no-control-regex -- exactly these must not reach a log
const acts = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/;

describe("log", () => {
  it("writes one line an event, as a person reads it", () => {
    const { log, written } = lines();
    log.warn("a policy cannot be read", {
      object: "NetworkPolicy/a/b",
      at: "dir/x.yaml:3:7",
      tries: 2,
      left: undefined,
    });
    assert.deepEqual(written, [
      "1970-01-01T00:00:00.000Z WARN  a policy cannot be read object=NetworkPolicy/a/b at=dir/x.yaml:3:7 tries=2\n",
    ]);
  });

  it("leaves out what is less urgent than the level", () => {
    const { log, written } = lines({ level: "warn" });
    log.info("no");
    log.debug("no");
    log.error("yes");
    assert.equal(written.length, 1);
  });

  it("hostile text never ends a line, never moves a cursor, never forges a field", () => {
    fc.assert(
      fc.property(hostile, hostile, (message, value) => {
        const { log, written } = lines();
        log.info(message, { value, last: true });
        const line = written[0] ?? "";
        assert.ok(line.endsWith("\n"));
        assert.ok(!acts.test(line.slice(0, -1)), line);
        // The quoted value ends at the first quote that is not escaped, and what follows it is ours.
        const field = line.slice(line.lastIndexOf(" value="), -1);
        assert.match(field, /^ value=("([^"\\]|\\.)*"|[^\s"=\\]+) last=true$/u);
      }),
    );
  });

  it("JSON lines give back what was said", () => {
    fc.assert(
      fc.property(hostile, (value) => {
        const { log, written } = lines({ format: "json" });
        log.error("x", { value, list: [value], big: 2n ** 60n });
        const line = written[0] ?? "";
        assert.ok(!acts.test(line.slice(0, -1)));
        const read = JSON.parse(line) as Record<string, unknown>;
        assert.deepEqual(read, {
          time: "1970-01-01T00:00:00.000Z",
          level: "error",
          message: "x",
          value: printable(value),
          list: [printable(value)],
          big: (2n ** 60n).toString(),
        });
      }),
    );
  });

  it("cuts what is too long and says how much", () => {
    assert.equal(printable("a".repeat(1000), 10), `${"a".repeat(10)}… (990 more)`);
    const { log, written } = lines({ format: "json" });
    log.info("x", { list: Array.from({ length: 1000 }, () => "y".repeat(10_000)) });
    assert.ok((written[0] ?? "").length < 15_000);
  });
});
