/** Labels of one object. Objects with equal labels share one map (interned), so never changed. */
export type Labels = ReadonlyMap<string, string>;
