import type { FieldError } from "../../kube/field-error.ts";
import type { ClusterObject } from "../../kube/objects.ts";
import type { Policy } from "../../policy/policy.ts";

/** One object of an answer, as far as we read it. */
export interface Seen {
  /** Null: of a kind without namespaces. */
  readonly namespace: string | null;
  readonly name: string;
  readonly uid: string;
  readonly resourceVersion: string;
  /** 0 where it has none. */
  readonly generation: number;
  /** The newest time that the server wrote on it, milliseconds since the epoch; 0: it says none. */
  readonly stampedAt: number;
  readonly meaning: Meaning;
}

/** What an object is to us; the value is null where it cannot be read, and with errors what is left of it. */
export type Meaning =
  | { readonly kind: "read"; readonly value: ClusterObject | Policy | null; readonly errors: readonly FieldError[] }
  /** It only exists: a policy that this version does not read, a CustomResourceDefinition. */
  | { readonly kind: "exists" };

/** What came on a watch. */
export type WatchEvent =
  | { readonly kind: "there"; readonly seen: Seen }
  | { readonly kind: "gone"; readonly seen: Seen }
  | { readonly kind: "bookmark"; readonly resourceVersion: string; readonly initialEventsEnd: boolean }
  | { readonly kind: "error"; readonly status: ApiStatus }
  /** A type of event that this version does not know. */
  | { readonly kind: "unknown"; readonly type: string };

/** The fields that we read of a meta/v1 Status. */
export interface ApiStatus {
  readonly code: number;
  readonly reason: string;
  readonly message: string;
  /** `metadata.continue`: in place of one that has expired. */
  readonly continue: string;
  /** 0: it does not say. */
  readonly retryAfterSeconds: number;
  readonly causes: readonly string[];
}

/** What an answer to a list says of itself. */
export interface ListMeta {
  readonly resourceVersion: string;
  /** Empty: this was the last page. */
  readonly continue: string;
}

/** An answer that is no answer: cut short, garbled, or of another form than its content type says. */
export class MalformedAnswer extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "MalformedAnswer";
  }
}
