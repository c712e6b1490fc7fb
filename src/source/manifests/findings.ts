import type { Finding } from "../source.ts";

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function compareFindings(a: Finding, b: Finding): number {
  const byFile = compareText(a.position?.file ?? "", b.position?.file ?? "");
  if (byFile !== 0) return byFile;
  const byLine = (a.position?.line ?? 0) - (b.position?.line ?? 0);
  if (byLine !== 0) return byLine;
  return (a.position?.column ?? 0) - (b.position?.column ?? 0) || compareText(a.message, b.message);
}

/** In the order in which a reader meets them: by file, line, column. */
export function sortFindings(findings: readonly Finding[]): readonly Finding[] {
  return [...findings].sort(compareFindings);
}
