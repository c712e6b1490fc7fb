import type { Answer } from "./api.ts";

export interface Served {
  readonly apiVersion: string;
  /** Plural. */
  readonly resource: string;
}

async function* once(value: object): AsyncGenerator<Uint8Array, void> {
  yield Buffer.from(JSON.stringify(value));
}

function answer(status: number, value: object): Answer {
  return { status, headers: { "content-type": "application/json" }, body: once(value), leave: () => {} };
}

/** What `/apis/GROUP` and `/apis/GROUP/VERSION` say of these resources. */
export function groupAnswer(path: string, served: readonly Served[]): Answer {
  const groups = [...new Set(served.map((one) => one.apiVersion.split("/")).filter((one) => one.length > 1))];
  if (path === "/apis") return answer(200, { kind: "APIGroupList", groups: groups.map(([name]) => ({ name })) });
  const name = path.replace(/^\/apis\//, "");
  const resources = served.filter((one) => one.apiVersion === name).map((one) => ({ name: one.resource }));
  if (resources.length > 0) return answer(200, { kind: "APIResourceList", groupVersion: name, resources });
  const versions = [...new Set(served.map((one) => one.apiVersion).filter((one) => one.startsWith(`${name}/`)))];
  const [preferred] = versions;
  if (preferred === undefined)
    return answer(404, { kind: "Status", code: 404, reason: "NotFound", message: "not found" });
  return answer(200, {
    kind: "APIGroup",
    name,
    versions: versions.map((groupVersion) => ({ groupVersion })),
    preferredVersion: { groupVersion: preferred },
  });
}
