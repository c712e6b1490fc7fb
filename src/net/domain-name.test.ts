import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { domainMatches, parseDomainName, parseDomainPattern, patternHolds } from "./domain-name.ts";

function matches(pattern: string, name: string): boolean {
  const [one, other] = [parseDomainPattern(pattern), parseDomainName(name)];
  assert.ok(one !== null && other !== null, `${pattern} ${name}`);
  return domainMatches(one, other);
}

describe("a domain pattern", () => {
  it("without a wildcard means exactly its name, whatever the case and a trailing dot", () => {
    assert.ok(matches("Example.ORG.", "example.org"));
    assert.ok(matches("example.org", "EXAMPLE.org."));
    assert.ok(!matches("example.org", "www.example.org"));
    assert.ok(!matches("example.org", "badexample.org"));
  });

  it("with a wildcard means one or more labels before it, never the name itself", () => {
    assert.ok(matches("*.example.org", "www.example.org"));
    assert.ok(matches("*.example.org", "a.b.example.org"));
    assert.ok(!matches("*.example.org", "example.org"));
    assert.ok(!matches("*.example.org", "badexample.org"));
  });

  it("holds another where every name of that is one of its own", () => {
    const holds = (wide: string, narrow: string): boolean => {
      const [one, other] = [parseDomainPattern(wide), parseDomainPattern(narrow)];
      assert.ok(one !== null && other !== null);
      return patternHolds(one, other);
    };
    for (const narrow of ["*.example.org", "www.example.org", "a.b.example.org", "*.b.example.org"])
      assert.ok(holds("*.example.org", narrow), narrow);
    for (const narrow of ["example.org", "badexample.org", "*.badexample.org", "example.net"])
      assert.ok(!holds("*.example.org", narrow), narrow);
    assert.ok(holds("example.org", "example.org"));
    assert.ok(!holds("b.example.org", "*.b.example.org"));
    assert.ok(!holds("*.b.example.org", "*.example.org"));
  });

  it("is refused where the CRDs refuse it", () => {
    for (const text of ["", "org", "*", "*.org", "a.*.org", "-a.org", "a-.org", "a..org", ".a.org", "a b.org"]) {
      assert.equal(parseDomainPattern(text), null, text);
    }
    assert.equal(parseDomainPattern(`${"a".repeat(64)}.org`), null);
    assert.equal(parseDomainPattern(`${"a.".repeat(130)}org`), null);
    assert.equal(parseDomainName("*.example.org"), null);
  });
});
