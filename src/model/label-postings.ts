import type { Labels } from "../kube/labels.ts";

/**
 * Things by their labels. Most label values of a big cluster occur once, so a single thing stands for itself and
 * costs no set.
 */
export interface LabelPostings<Item extends object> {
  add(labels: Labels, item: Item): void;
  remove(labels: Labels, item: Item): void;
  /** How many things have a label with this value. */
  count(key: string, value: string): number;
  with(key: string, value: string): Iterable<Item>;
}

export function createLabelPostings<Item extends object>(): LabelPostings<Item> {
  const byKey = new Map<string, Map<string, Item | Set<Item>>>();
  const addOne = (key: string, value: string, item: Item): void => {
    let byValue = byKey.get(key);
    if (byValue === undefined) byKey.set(key, (byValue = new Map<string, Item | Set<Item>>()));
    const present = byValue.get(value);
    if (present === undefined) byValue.set(value, item);
    else if (present instanceof Set) present.add(item);
    else byValue.set(value, new Set([present, item]));
  };
  const removeOne = (key: string, value: string, item: Item): void => {
    const byValue = byKey.get(key);
    const present = byValue?.get(value);
    if (byValue === undefined || present === undefined) return;
    if (present instanceof Set) {
      present.delete(item);
      if (present.size > 0) return;
    }
    byValue.delete(value);
    if (byValue.size === 0) byKey.delete(key);
  };
  return {
    add: (labels, item) => labels.forEach((value, key) => addOne(key, value, item)),
    remove: (labels, item) => labels.forEach((value, key) => removeOne(key, value, item)),
    count(key, value) {
      const present = byKey.get(key)?.get(value);
      if (present === undefined) return 0;
      return present instanceof Set ? present.size : 1;
    },
    with(key, value) {
      const present = byKey.get(key)?.get(value);
      if (present === undefined) return [];
      return present instanceof Set ? present : [present];
    },
  };
}
