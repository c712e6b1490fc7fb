import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { commentText, contentHash, kernelName } from "./names.ts";

describe("names of kernel objects", () => {
  it("stay as they are where nft can read them", () => {
    assert.equal(kernelName("NetworkPolicy/alpha/access-nginx/in/0"), "NetworkPolicy/alpha/access-nginx/in/0");
  });

  it("can always be read by nft, whatever comes in", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 400 }), (text) => {
        assert.match(kernelName(text), /^[A-Za-z][A-Za-z0-9/_.-]{0,99}$/);
      }),
    );
  });

  it("differ where the texts differ", () => {
    const hostile = fc.string({ unit: fc.constantFrom("a", "/", "-", '"', "\n", "é", " "), maxLength: 130 });
    fc.assert(
      fc.property(hostile, hostile, (a, b) => {
        assert.equal(kernelName(a) === kernelName(b), a === b);
      }),
    );
  });

  it("are hashed over their parts with the lengths: what moves from one part to the next changes the hash", () => {
    assert.notEqual(contentHash(["ab", "c"]), contentHash(["a", "bc"]));
    assert.notEqual(contentHash(["1:a"]), contentHash(["a", ""]));
  });
});

describe("comments", () => {
  it("hold nothing that could end them or the line, and fit into nft's 128 bytes", () => {
    assert.equal(commentText('a "quoted" \\ name\n'), "a ?quoted? ? name?");
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 500 }), (text) => {
        assert.match(commentText(text), /^[ !#-[\]-~]{0,120}$/);
      }),
    );
  });
});
