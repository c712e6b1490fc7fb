import type { Reader } from "./read/reader.ts";

/** One collection of the API server that is followed. */
export interface Resource {
  /** `pods`, `networkpolicies.networking.k8s.io`: for people, and to tell resources apart. */
  readonly name: string;
  /** `/api/v1/pods`. */
  readonly path: string;
  readonly apiVersion: string;
  readonly kind: string;
  /** Only the objects that it picks; empty: all. */
  readonly fieldSelector: string;
  readonly reader: Reader;
  /**
   * What not being allowed to read it means. `required`: nothing may be enforced without it. `wanted`: it is told, and
   * the rest enforced. `extra`: nothing depends on it.
   */
  readonly need: "required" | "wanted" | "extra";
  /** Said of each of its objects, which have no effect; null: they are read. */
  readonly unread: string | null;
}
