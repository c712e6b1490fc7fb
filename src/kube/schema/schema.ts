/**
 * The part of a CustomResourceDefinition's schema (openAPIV3Schema) that checks values, as data: each word is the
 * schema's own. What an API server would refuse can so be told without one.
 */
export type Schema = StringSchema | IntegerSchema | ListSchema | MapSchema | ObjectSchema | ShutSchema;

/** An entry of x-kubernetes-validations. It is only asked of values of the right type, whatever is inside them. */
export interface Validation {
  /** As it stands in the CRD, in CEL. */
  readonly rule: string;
  readonly message: string;
  /** The same in our words. */
  readonly holds: (value: unknown) => boolean;
  /** Whether a value that it forbids still says what it means; absent: never. */
  readonly isReadable?: (value: unknown) => boolean;
}

interface Validated {
  readonly validations?: readonly Validation[];
}

export interface StringSchema extends Validated {
  readonly type: "string";
  readonly enum?: readonly string[];
  /** In characters. */
  readonly maxLength?: number;
  readonly pattern?: string;
  /** What an absent field counts as. */
  readonly default?: string;
}

export interface IntegerSchema extends Validated {
  readonly type: "integer";
  readonly format: "int32";
  readonly minimum: number;
  readonly maximum: number;
}

export interface ListSchema extends Validated {
  readonly type: "array";
  readonly items: Schema;
  readonly minItems?: number;
  readonly maxItems?: number;
  /** Whether it is a set: no text twice. */
  readonly unique?: true;
}

export interface MapSchema extends Validated {
  readonly type: "map";
  readonly values: Schema;
}

export interface ObjectSchema extends Validated {
  readonly type: "object";
  readonly properties: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly minProperties?: number;
  readonly maxProperties?: number;
}

/** A field that is there in the CRD, but counts as unknown: `why` says it. */
export interface ShutSchema {
  readonly type: "shut";
  readonly why: string;
}

const text: StringSchema = { type: "string" };

/** meta/v1 LabelSelector, as every CRD has it. Operators, keys and values are not looked at: `decodeSelector` does. */
export const selectorSchema: ObjectSchema = {
  type: "object",
  properties: {
    matchExpressions: {
      type: "array",
      items: {
        type: "object",
        properties: { key: text, operator: text, values: { type: "array", items: text } },
        required: ["key", "operator"],
      },
    },
    matchLabels: { type: "map", values: text },
  },
};
