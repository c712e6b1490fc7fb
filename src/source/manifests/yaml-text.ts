import { Composer, isAlias, isCollection, isMap, isScalar, isSeq, Lexer, Parser } from "yaml";
import type { Alias, CST, Document, Node, Pair, Scalar as ScalarNode, YAMLMap, YAMLSeq } from "yaml";
import type { PathStep } from "../../kube/field-error.ts";
import { duplicateKeyMarker } from "./document.ts";
import type { Limits } from "./limits.ts";
import { keyText, resolvePlain, resolveTagged } from "./yaml-scalar.ts";
import type { Scalar } from "./yaml-scalar.ts";

/** One YAML document as JSON has it. Offsets count from the start of the text that was parsed. */
export interface YamlDocument {
  readonly value: unknown;
  readonly duplicates: readonly (readonly PathStep[])[];
  /** Where the field at this path stands, or the nearest thing above it. */
  locate(path: readonly PathStep[]): number;
}

/** Why a text is no YAML that we read. */
export class YamlError extends Error {
  override readonly name = "YamlError";
  readonly offset: number;
  constructor(offset: number, message: string) {
    super(message);
    this.offset = offset;
  }
}

/** Duplicate keys reported of one document; the marker stands for all of them. */
const mostDuplicates = 100;

const yamlTagPrefix = "tag:yaml.org,2002:";

interface Anchored {
  readonly value: unknown;
  /** Number of values in it, itself included and aliases followed. */
  readonly size: number;
}

/** Turns nodes into what JSON has: aliases followed, keys as text, `<<` merged. */
class Conversion {
  readonly duplicates: (readonly PathStep[])[] = [];
  readonly targets = new Map<Alias, Node>();
  private readonly limits: Limits;
  private readonly anchors = new Map<string, Node>();
  private readonly finished = new Map<Node, Anchored>();
  private readonly path: PathStep[] = [];
  private size = 0;

  constructor(limits: Limits) {
    this.limits = limits;
  }

  convert(node: Node | null): unknown {
    if (node === null) return null;
    this.grow(node, 1);
    if (isAlias(node)) return this.follow(node);
    const { anchor } = node;
    if (anchor !== undefined) this.anchors.set(anchor, node);
    const before = this.size;
    const value = isScalar(node) ? scalarValue(node) : isMap(node) ? this.mapping(node) : this.list(node);
    if (anchor !== undefined) this.finished.set(node, { value, size: this.size - before + 1 });
    return value;
  }

  private grow(node: Node, by: number): void {
    this.size += by;
    if (this.size > this.limits.yamlValues) throw new YamlError(offsetOf(node), "document contains excessive aliasing");
  }

  private follow(alias: Alias): unknown {
    const target = this.anchors.get(alias.source);
    if (target === undefined) throw new YamlError(offsetOf(alias), `unknown anchor '${alias.source}' referenced`);
    const anchored = this.finished.get(target);
    if (anchored === undefined) {
      throw new YamlError(offsetOf(alias), `anchor '${alias.source}' value contains itself`);
    }
    this.targets.set(alias, target);
    this.grow(alias, anchored.size);
    return anchored.value;
  }

  private list(node: YAMLSeq): unknown[] {
    return node.items.map((item, index) => {
      this.path.push(index);
      const value = this.convert(item as Node | null);
      this.path.pop();
      return value;
    });
  }

  private mapping(node: YAMLMap): Record<string, unknown> {
    const result: Record<string, unknown> = {};
    const own = new Set<string>();
    const merges: Node[] = [];
    for (const pair of node.items as Pair<Node | null, Node | null>[]) {
      if (isMergeKey(pair.key)) {
        if (pair.value !== null) merges.push(pair.value);
        continue;
      }
      const key = this.key(pair.key, node);
      this.path.push(key);
      const value = this.convert(pair.value);
      const twice = own.has(key);
      if (twice && this.duplicates.length < mostDuplicates) this.duplicates.push([...this.path]);
      setField(result, key, twice ? duplicateKeyMarker : value);
      own.add(key);
      this.path.pop();
    }
    for (const merge of merges) this.merge(merge, result, own);
    return result;
  }

  /** The keys of a mapping itself come before those that it merges, and the first of several merged ones wins. */
  private merge(node: Node, into: Record<string, unknown>, own: Set<string>): void {
    const value = this.convert(node);
    for (const source of Array.isArray(value) ? (value as unknown[]) : [value]) {
      if (typeof source !== "object" || source === null || Array.isArray(source)) {
        throw new YamlError(offsetOf(node), "map merge requires map or sequence of maps as the value");
      }
      for (const [key, field] of Object.entries(source)) {
        this.grow(node, 1);
        if (!own.has(key)) setField(into, key, field);
        own.add(key);
      }
    }
  }

  private key(node: Node | null, map: Node): string {
    const value = this.convert(node);
    const text = typeof value === "object" ? null : keyText(value as Scalar);
    if (text === null) throw new YamlError(offsetOf(node ?? map), "a key of a map must be a string, number or boolean");
    return text;
  }
}

function offsetOf(node: Node): number {
  return node.range?.[0] ?? 0;
}

/** Also right for `__proto__`, which plain assignment would take for the prototype. */
function setField(object: Record<string, unknown>, key: string, value: unknown): void {
  if (key === "__proto__") {
    Object.defineProperty(object, key, { value, enumerable: true, writable: true, configurable: true });
  } else object[key] = value;
}

function isMergeKey(node: Node | null): boolean {
  if (!isScalar(node)) return false;
  return (
    node.tag === `${yamlTagPrefix}merge` || (node.type === "PLAIN" && node.source === "<<" && node.tag === undefined)
  );
}

function scalarValue(node: ScalarNode): Scalar {
  // The failsafe schema makes every scalar text.
  const text = typeof node.value === "string" ? node.value : "";
  if (node.tag === undefined) return node.type === "PLAIN" ? resolvePlain(text) : text;
  if (!node.tag.startsWith(yamlTagPrefix)) return text;
  const value = resolveTagged(node.tag.slice(yamlTagPrefix.length), text);
  if (value === undefined) throw new YamlError(offsetOf(node), `cannot read this value as ${node.tag}`);
  return value;
}

type PairsByKey = ReadonlyMap<string, Pair<Node, Node | null>>;

function pairsOf(map: YAMLMap, targets: ReadonlyMap<Alias, Node>): PairsByKey {
  const pairs = new Map<string, Pair<Node, Node | null>>();
  for (const pair of map.items as Pair<Node, Node | null>[]) {
    const key = isAlias(pair.key) ? targets.get(pair.key) : pair.key;
    const text = isScalar(key) && !isMergeKey(key) ? keyText(scalarValue(key)) : null;
    if (text !== null) pairs.set(text, pair);
  }
  return pairs;
}

function locator(root: Node | null, targets: ReadonlyMap<Alias, Node>): YamlDocument["locate"] {
  const known = new Map<YAMLMap, PairsByKey>();
  return (path) => {
    let node: Node | null | undefined = root;
    let offset = root === null ? 0 : offsetOf(root);
    for (const step of path) {
      if (isAlias(node)) node = targets.get(node);
      if (isMap(node)) {
        const pairs: PairsByKey = known.get(node) ?? pairsOf(node, targets);
        known.set(node, pairs);
        const pair: Pair<Node, Node | null> | undefined = pairs.get(String(step));
        if (pair === undefined) break;
        node = pair.value;
        offset = offsetOf(node === null || isCollection(node) ? pair.key : node);
      } else if (isSeq(node)) {
        node = node.items[Number(step)] as Node | null | undefined;
        if (node === null || node === undefined) break;
        offset = offsetOf(node);
      } else break;
    }
    return offset;
  };
}

/** Where the parser's several ways to point at a place point. */
function offsetOfSource(source: unknown): number {
  if (typeof source === "number") return source;
  const first: unknown = Array.isArray(source) ? source[0] : (source as { offset?: unknown } | null)?.offset;
  return typeof first === "number" ? first : 0;
}

/**
 * Ends at the first error: the parser would collect them, and a hostile text can hold a million. It catches what is
 * thrown in a collection and reports that again at its start; the first report stands.
 */
function stopAtFirstError(): (source: unknown, code: string, message: string, warning?: boolean) => void {
  let first: YamlError | null = null;
  return (source, _code, message, warning) => {
    if (warning === true) return;
    first ??= new YamlError(offsetOfSource(source), message);
    throw first;
  };
}

/** Composes with an eye on size and depth. */
function* compose(text: string, limits: Limits): Generator<Document> {
  const composer = new Composer({ version: "1.1", schema: "failsafe", uniqueKeys: false, resolveKnownTags: false });
  Object.assign(composer, { onError: stopAtFirstError() });
  const parser = new Parser();
  let tokens = 0;
  function* taken(parsed: Iterable<CST.Token>): Generator<Document> {
    for (const token of parsed) {
      if (token.type === "error") throw new YamlError(token.offset, token.message);
      yield* composer.next(token) as Generator<Document>;
    }
  }
  for (const lexeme of new Lexer().lex(text)) {
    if (++tokens > limits.yamlTokens) throw new YamlError(parser.offset, "the document is too large");
    yield* taken(parser.next(lexeme));
    if (parser.stack.length > limits.yamlDepth) throw new YamlError(parser.offset, "the document is nested too deeply");
  }
  yield* taken(parser.end());
  yield* composer.end(false, text.length) as Generator<Document>;
}

/** Reads all documents of a text. Throws YamlError at the first thing that is wrong. */
export function parseYaml(text: string, limits: Limits): readonly YamlDocument[] {
  const documents: YamlDocument[] = [];
  for (const document of compose(text, limits)) {
    const error = document.errors[0];
    if (error !== undefined) throw new YamlError(error.pos[0], error.message);
    if (document.directives?.yaml.explicit === true && document.directives.yaml.version !== "1.1") {
      throw new YamlError(0, "found incompatible YAML document: only version 1.1 is read");
    }
    const root = document.contents;
    const conversion = new Conversion(limits);
    const value = conversion.convert(root);
    documents.push({ value, duplicates: conversion.duplicates, locate: locator(root, conversion.targets) });
  }
  return documents;
}
