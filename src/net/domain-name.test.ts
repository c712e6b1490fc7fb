import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { domainMatches, parseDomainName, parseDomainPattern } from "./domain-name.ts";

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

  it("is refused where the CRDs refuse it", () => {
    for (const text of ["", "org", "*", "*.org", "a.*.org", "-a.org", "a-.org", "a..org", ".a.org", "a b.org"]) {
      assert.equal(parseDomainPattern(text), null, text);
    }
    assert.equal(parseDomainPattern(`${"a".repeat(64)}.org`), null);
    assert.equal(parseDomainPattern(`${"a.".repeat(130)}org`), null);
    assert.equal(parseDomainName("*.example.org"), null);
  });
});
