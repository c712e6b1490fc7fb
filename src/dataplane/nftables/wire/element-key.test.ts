import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { tries } from "../../../../test/property.ts";
import { addressFromValue } from "../../../net/address.ts";
import type { KeyType } from "../program.ts";
import { decrement, increment, keySize, readKey, writeKey } from "./element-key.ts";

const texts: Readonly<Record<KeyType, fc.Arbitrary<string>>> = {
  ipv4_addr: fc.bigInt(0n, 2n ** 32n - 1n).map((value) => addressFromValue(4, value)),
  ipv6_addr: fc.bigInt(2n ** 64n, 2n ** 128n - 1n).map((value) => addressFromValue(6, value)),
  inet_service: fc.nat(65535).map(String),
  icmpv6_type: fc.nat(255).map(String),
  mark: fc.nat(0xffffffff).map((value) => `0x${value.toString(16).padStart(8, "0")}`),
};
const types = Object.keys(texts) as KeyType[];

const someKey = fc
  .array(fc.constantFrom(...types), { minLength: 1, maxLength: 3 })
  .chain((key) => fc.record({ key: fc.constant(key), fields: fc.tuple(...key.map((type) => texts[type])) }));

describe("keys of elements", () => {
  it("read back as they were written, and write no byte beside", () => {
    fc.assert(
      fc.property(someKey, ({ key, fields }) => {
        const size = keySize(key);
        const buffer = Buffer.alloc(size + 8, 0xaa);
        writeKey(key, fields.join(" . "), buffer, 4);
        assert.equal(readKey(key, buffer, 4), fields.join(" . "));
        assert.deepEqual(
          [...buffer.subarray(0, 4), ...buffer.subarray(size + 4)],
          Array.from({ length: 8 }, () => 0xaa),
        );
      }),
      tries(300),
    );
  });

  it("have the bytes that the kernel compares", () => {
    const bytes = (key: readonly KeyType[], text: string): string => {
      const buffer = Buffer.alloc(keySize(key));
      writeKey(key, text, buffer, 0);
      return buffer.toString("hex");
    };
    assert.equal(bytes(["ipv4_addr", "inet_service"], "10.0.0.1 . 80"), "0a00000100500000");
    assert.equal(bytes(["inet_service"], "8080"), "1f90");
    assert.equal(bytes(["mark"], "0x00010000"), "00000100");
    assert.equal(bytes(["ipv6_addr"], "fd00::1"), "fd000000000000000000000000000001");
  });

  it("throw where the text is none of the type", () => {
    const buffer = Buffer.alloc(16);
    const wrong: readonly (readonly [KeyType, string])[] = [
      ["ipv4_addr", "10.0.0.256"],
      ["ipv4_addr", "010.0.0.1"],
      ["ipv6_addr", "10.0.0.1"],
      ["inet_service", "65536"],
      ["inet_service", ""],
      ["icmpv6_type", "-1"],
      ["mark", "0x100000000"],
    ];
    for (const [type, text] of wrong) assert.throws(() => writeKey([type], text, buffer, 0), /not a key/, text);
    assert.throws(() => writeKey(["ipv4_addr", "inet_service"], "10.0.0.1", buffer, 0), /not a key/);
  });

  it("have neighbours, but for the last one", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 16 }), (bytes) => {
        const next = Buffer.from(bytes);
        const isLast = bytes.every((byte) => byte === 0xff);
        assert.equal(increment(next, 0, next.length), !isLast);
        if (isLast) return;
        assert.equal(next.compare(bytes), 1);
        decrement(next, 0, next.length);
        assert.deepEqual([...next], [...bytes]);
      }),
      tries(300),
    );
  });
});
