import type { ApiObject } from "../../../kube/decode/fields.ts";
import { field, isApiObject } from "../../../kube/decode/fields.ts";
import type { ApiStatus } from "../seen.ts";

const text = (object: ApiObject, name: string): string => {
  const value = field(object, name);
  return typeof value === "string" ? value : "";
};

const number = (object: ApiObject, name: string): number => {
  const value = field(object, name);
  return typeof value === "number" && Number.isFinite(value) ? value : 0;
};

const inner = (object: ApiObject, name: string): ApiObject => {
  const value = field(object, name);
  return isApiObject(value) ? value : {};
};

/** Reads a meta/v1 Status as JSON gives it; whatever is missing or of another type is empty. */
export function statusOf(value: unknown): ApiStatus {
  const status = isApiObject(value) ? value : {};
  const details = inner(status, "details");
  const causes = field(details, "causes");
  return {
    code: number(status, "code"),
    reason: text(status, "reason"),
    message: text(status, "message"),
    continue: text(inner(status, "metadata"), "continue"),
    retryAfterSeconds: number(details, "retryAfterSeconds"),
    causes: (Array.isArray(causes) ? causes : []).filter(isApiObject).map((one) => text(one, "reason")),
  };
}

export const noStatus: ApiStatus = statusOf(null);
