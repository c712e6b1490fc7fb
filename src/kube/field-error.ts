/** One step into an object: a field's name or a list index. */
export type PathStep = string | number;

/**
 * An error in one field, in Kubernetes' words (apimachinery `field.Error`):
 * `spec.ingress[0].ports[0].port: Invalid value: 70000: must be between 1 and 65535, inclusive`.
 * `message` is everything after the path; hostile text in it is already quoted and shortened.
 */
export interface FieldError {
  readonly path: readonly PathStep[];
  readonly message: string;
}
