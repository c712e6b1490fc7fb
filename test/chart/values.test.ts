import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { isMap, isScalar, parse, parseDocument } from "yaml";
import { featureGates } from "../../src/policy/feature-gates.ts";
import { policyKinds, unreadKinds } from "../../src/policy/kinds.ts";
import { isObject, type Json, lower, onByDefault, read } from "./chart-objects.ts";

describe("the chart's values", () => {
  const schema = JSON.parse(read("values.schema.json")) as Json;

  it("are all in the schema, which knows no others and leaves nothing open", () => {
    const compare = (value: unknown, node: unknown, path: string): void => {
      assert.ok(isObject(node), `${path} is in the schema`);
      const properties = node["properties"];
      if (!isObject(properties)) return;
      assert.equal(node["additionalProperties"], false, `${path} takes no other values`);
      assert.ok(isObject(value), `${path} is in values.yaml`);
      const known = Object.keys(properties).filter((name) => path !== "" || name !== "global");
      // Requests and limits: any resource.
      assert.deepEqual(Object.keys(value).sort(), known.sort(), `${path}: values.yaml and schema name the same`);
      for (const [name, child] of Object.entries(value)) compare(child, properties[name], `${path}.${name}`);
    };
    compare(parse(read("values.yaml")), schema, "");
  });

  it("are each documented where they stand", () => {
    const undocumented: string[] = [];
    const visit = (node: unknown, path: string): void => {
      if (!isMap(node)) return;
      node.items.forEach((pair, index) => {
        const key = isScalar(pair.key) ? String(pair.key.value) : "";
        const name = `${path}.${key}`;
        const before = isScalar(pair.key) ? pair.key.commentBefore : null;
        // The comment before a map's first key stands at the map.
        const comment = before ?? (index === 0 ? node.commentBefore : null);
        const isGroup = isMap(pair.value) && pair.value.items.length > 0 && name !== ".agent.resources";
        if (isGroup && name !== ".agent.nodeSelector") visit(pair.value, name);
        else if (typeof comment !== "string" || comment.trim().length < 15) undocumented.push(name);
      });
    };
    visit(parseDocument(read("values.yaml")).contents, "");
    assert.deepEqual(undocumented, []);
  });

  it("have a switch for each policy kind, which is on where the kind is read", () => {
    const kinds = [...policyKinds.map(({ kind }) => kind), ...unreadKinds.map(({ kind }) => kind)];
    const switches = (parse(read("values.yaml")) as { policies: Record<string, { enabled: boolean }> }).policies;
    const named = kinds.map((kind) => lower(kind));
    assert.deepEqual(Object.keys(switches).sort(), named.sort());
    const on = Object.entries(switches).filter(([, { enabled }]) => enabled);
    assert.deepEqual(on.map(([name]) => name).sort(), onByDefault.map(lower).sort());
  });

  it("have a switch for each experimental field, and all are on", () => {
    const gates = (parse(read("values.yaml")) as { featureGates: Record<string, boolean> }).featureGates;
    assert.deepEqual(gates, Object.fromEntries(featureGates.map((gate) => [lower(gate), true])));
  });
});
