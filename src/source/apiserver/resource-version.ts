const decimal = /^[1-9][0-9]*$/;

/**
 * Whether one version of a resource is newer than another. Versions are decimal numbers that can be compared (KEP-5504,
 * Kubernetes 1.35); of a server whose versions are something else, every version counts as newer.
 */
export function isNewer(version: string, known: string): boolean {
  if (!decimal.test(version) || !decimal.test(known)) return true;
  return version.length === known.length ? version > known : version.length > known.length;
}
