/** Service accounts and their tokens, as a kubelet gets them for a pod. */
import { renameSync, writeFileSync } from "node:fs";
import { type ApiAccess, type Identity, RefusedError, type StoredObject } from "./api.ts";

/** A secret that a token is bound to: once it is deleted, the token is worth nothing. */
export async function makeAnchor(api: ApiAccess, namespace: string, name: string): Promise<StoredObject> {
  return await api.create({ apiVersion: "v1", kind: "Secret", metadata: { namespace, name }, type: "Opaque" });
}

/** A token of a service account, good until its anchor is deleted, or for an hour. */
export async function requestToken(api: ApiAccess, account: Identity, anchor: StoredObject | null): Promise<string> {
  const bound =
    anchor === null
      ? {}
      : { boundObjectRef: { apiVersion: "v1", kind: "Secret", name: anchor.metadata.name, uid: anchor.metadata.uid } };
  const path = `${await api.pathOf(account)}/token`;
  const body = {
    apiVersion: "authentication.k8s.io/v1",
    kind: "TokenRequest",
    spec: { expirationSeconds: 3600, ...bound },
  };
  const answer = await api.send("POST", path, JSON.stringify(body));
  if (answer.status >= 300) throw new RefusedError(`POST ${path}`, answer);
  return (JSON.parse(answer.text) as { readonly status: { readonly token: string } }).status.token;
}

/** Replaces a file in one step, as kubelet does with what it mounts. */
export function replaceFile(path: string, content: string): void {
  writeFileSync(`${path}.new`, content, { mode: 0o600 });
  renameSync(`${path}.new`, path);
}
