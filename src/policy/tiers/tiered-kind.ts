import type { ApiObject } from "../../kube/decode/fields.ts";
import type { FieldError, FieldPath } from "../../kube/field-error.ts";
import type { ObjectSchema } from "../../kube/schema/schema.ts";
import type { FeatureGates } from "../feature-gates.ts";
import type { Action, Policy, PortMatch } from "../policy.ts";

/** Where a policy stands. */
export type Place = Pick<Policy, "tier" | "priority">;

/** What tells one of the kinds of network-policy-api from the others. */
export interface TieredKind {
  readonly kind: string;
  readonly apiVersion: string;
  /** Plural. */
  readonly resource: string;
  /** What the CRD demands of `spec`. */
  schema(gates: FeatureGates): ObjectSchema;
  /** What each word for an action does. */
  readonly actions: ReadonlyMap<string, Action>;
  /** The action that may have domain names as peers. */
  readonly accepts: string;
  /** The field of a rule that has its ports. */
  readonly ports: string;
  /** Reads one of them, of which the CRD has nothing to say. Null, and reported, where it cannot be read. */
  decodePort(port: ApiObject, at: FieldPath, errors: FieldError[]): PortMatch | null;
  /** Null where it cannot be told, which the schema has reported. */
  placeOf(spec: ApiObject, name: string | null): Place | null;
  /** What it demands of the name beyond its syntax. */
  nameError?(name: string | null): FieldError | null;
}
