import type { PathStep } from "../../kube/field-error.ts";

/*
 * JSON.parse is by far the fastest reader there is, but it forgets where things stood and lets the last of two equal
 * keys win in silence. These functions look at the text again, only where that is needed.
 */

const quote = '"';

/** The index after the string that starts at `start` (a quote); -1 if it does not end. */
export function stringEnd(text: string, start: number): number {
  for (let at = text.indexOf(quote, start + 1); at !== -1; at = text.indexOf(quote, at + 1)) {
    let backslashes = 0;
    while (text.charCodeAt(at - 1 - backslashes) === 92) backslashes++;
    if (backslashes % 2 === 0) return at + 1;
  }
  return -1;
}

/** The index of the first character at or after `at` that is not JSON white space. */
export function skipSpace(text: string, at: number): number {
  for (;;) {
    const code = text.charCodeAt(at);
    if (code !== 32 && code !== 10 && code !== 13 && code !== 9) return at;
    at++;
  }
}

/** The index after the value that starts at `start`; -1 if the text ends before it does. Judges brackets only. */
export function jsonValueEnd(text: string, start: number): number {
  let depth = 0;
  for (let at = start; at < text.length;) {
    const character = text[at];
    if (character === quote) {
      at = stringEnd(text, at);
      if (at === -1) return -1;
      if (depth === 0) return at;
      continue;
    }
    if (character === "{" || character === "[") depth++;
    else if (character === "}" || character === "]") {
      // The end of the container that a number, true, false or null stands in.
      if (depth === 0) return at;
      depth--;
      if (depth === 0) return at + 1;
    } else if (depth === 0 && (character === "," || skipSpace(text, at) !== at)) return at;
    at++;
  }
  return depth === 0 ? text.length : -1;
}

/** How many keys all objects in the text have together. The text is valid JSON. Costs one look at each string. */
export function countKeysInText(text: string): number {
  let keys = 0;
  for (let at = text.indexOf(quote); at !== -1; at = text.indexOf(quote, at)) {
    at = stringEnd(text, at);
    if (at === -1) break;
    if (text[skipSpace(text, at)] === ":") keys++;
  }
  return keys;
}

/** The same of what JSON.parse made of it: fewer, if an object had a key twice. */
export function countKeysInValue(value: unknown): number {
  let keys = 0;
  const open: object[] = [];
  const visit = (child: unknown): void => {
    if (typeof child === "object" && child !== null) open.push(child);
  };
  visit(value);
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (Array.isArray(next)) for (const child of next) visit(child);
    else {
      const children = Object.values(next);
      keys += children.length;
      for (const child of children) visit(child);
    }
  }
  return keys;
}

interface OpenContainer {
  /** Of an object; null for a list. */
  readonly keys: Set<string> | null;
  step: PathStep;
}

/** Paths of keys that an object has more than once, at most `limit`. The text is valid JSON. One pass. */
export function duplicateKeysIn(text: string, limit: number): readonly (readonly PathStep[])[] {
  const found: PathStep[][] = [];
  const open: OpenContainer[] = [];
  for (let at = 0; at < text.length && found.length < limit; at++) {
    const character = text[at];
    if (character === "{") open.push({ keys: new Set(), step: "" });
    else if (character === "[") open.push({ keys: null, step: 0 });
    else if (character === "}" || character === "]") open.pop();
    const inside = open.at(-1);
    if (inside === undefined) continue;
    if (character === "," && typeof inside.step === "number") inside.step++;
    if (character !== quote) continue;
    const end = stringEnd(text, at);
    if (end === -1) break;
    if (inside.keys !== null && text[skipSpace(text, end)] === ":") {
      const key = JSON.parse(text.slice(at, end)) as string;
      inside.step = key;
      if (inside.keys.has(key)) found.push(open.map((container) => container.step));
      inside.keys.add(key);
    }
    at = end - 1;
  }
  return found;
}

interface Child {
  /** Where its key stands; in a list the value. */
  readonly keyStart: number;
  readonly start: number;
}

function childrenOf(text: string, start: number): ReadonlyMap<PathStep, Child> {
  const children = new Map<PathStep, Child>();
  const list = text[start] === "[";
  let index = 0;
  for (let at = skipSpace(text, start + 1); at < text.length && text[at] !== "}" && text[at] !== "]";) {
    const keyStart = at;
    let step: PathStep = index++;
    if (!list) {
      const keyEnd = stringEnd(text, at);
      step = JSON.parse(text.slice(at, keyEnd)) as string;
      at = skipSpace(text, skipSpace(text, keyEnd) + 1);
    }
    children.set(step, { keyStart, start: at });
    at = skipSpace(text, jsonValueEnd(text, at));
    if (text[at] === ",") at = skipSpace(text, at + 1);
  }
  return children;
}

/**
 * Finds offsets by path in valid JSON whose value starts at `start`: of a scalar its own, of a list or object that
 * of its key, of what is not there that of its nearest parent. The first look into a container costs its length.
 */
export function jsonLocator(text: string, start: number): (path: readonly PathStep[]) => number {
  const known = new Map<number, ReadonlyMap<PathStep, Child>>();
  return (path) => {
    let container = skipSpace(text, start);
    let position = container;
    for (const step of path) {
      if (text[container] !== "{" && text[container] !== "[") break;
      const children = known.get(container) ?? childrenOf(text, container);
      known.set(container, children);
      const child = children.get(step);
      if (child === undefined) break;
      container = child.start;
      position = text[container] === "{" || text[container] === "[" ? child.keyStart : child.start;
    }
    return position;
  };
}
