import { defaultVerdictLabel } from "../../compile/fallback.ts";
import { internLabels } from "../../kube/labels.ts";
import type { ClusterObject, Namespace, ObjectKey } from "../../kube/objects.ts";
import { keyOf } from "../../kube/objects.ts";
import type { Change } from "../../policy/cluster.ts";

/** A Namespace of which only pods were told: what no policy of it decides is denied. */
function closed(name: string): Namespace {
  return {
    kind: "Namespace",
    name,
    labels: internLabels({ "kubernetes.io/metadata.name": name, [defaultVerdictLabel]: "deny" }),
  };
}

const namespaceOfPod = (key: ObjectKey): string | null => {
  const [kind, namespace] = key.split("/", 2);
  return kind === "Pod" && namespace !== undefined ? namespace : null;
};

const namespacePrefix = "Namespace/";

/**
 * Each kind has a watch of its own, so that a pod may be told of before its Namespace is, with the label that denies
 * by default: such a pod would be open for as long as that takes. So it stands in a namespace that denies by default,
 * until the server tells what that namespace is. The same where a Namespace goes before its pods.
 */
export class UnknownNamespaces {
  private readonly known = new Set<string>();
  /** The closed ones, with the pods that are in them. */
  private readonly assumed = new Map<string, Set<ObjectKey>>();

  /** What has to stand beside these objects. Called once, first. */
  begin(objects: readonly ClusterObject[]): readonly ClusterObject[] {
    for (const object of objects) if (object.kind === "Namespace") this.known.add(object.name);
    for (const object of objects) if (object.kind === "Pod") this.place(object.namespace, keyOf(object), []);
    return [...this.assumed.keys()].map(closed);
  }

  /**
   * The same changes, with what namespaces that are not known need. `podsOf` gives the keys of the pods of a namespace
   * as they are after these changes; it is asked only about namespaces that go.
   */
  complete(
    there: readonly Change[],
    gone: readonly Change[],
    podsOf: (namespace: string) => Iterable<ObjectKey>,
  ): readonly Change[] {
    const before: Change[] = [];
    const after: Change[] = [];
    for (const change of there) {
      if (change.kind !== "object" || change.object.kind !== "Namespace") continue;
      this.known.add(change.object.name);
      this.assumed.delete(change.object.name);
    }
    for (const change of there) {
      if (change.kind !== "object" || change.object.kind !== "Pod") continue;
      this.place(change.object.namespace, keyOf(change.object), before);
    }
    for (const change of gone) if (!this.stays(change, podsOf, before)) after.push(change, ...this.left(change));
    return [...before, ...there, ...after];
  }

  private place(namespace: string, key: ObjectKey, opened: Change[]): void {
    if (this.known.has(namespace)) return;
    const pods = this.assumed.get(namespace);
    if (pods !== undefined) {
      pods.add(key);
      return;
    }
    this.assumed.set(namespace, new Set([key]));
    opened.push({ kind: "object", object: closed(namespace) });
  }

  /** Whether it is the end of a Namespace that still has pods: then it is one that is not known. */
  private stays(change: Change, podsOf: (namespace: string) => Iterable<ObjectKey>, opened: Change[]): boolean {
    if (change.kind !== "gone" || !change.key.startsWith(namespacePrefix)) return false;
    const name = change.key.slice(namespacePrefix.length);
    this.known.delete(name);
    for (const key of podsOf(name)) this.place(name, key, opened);
    return this.assumed.has(name);
  }

  /** The closed namespace that this pod was the last of. */
  private left(change: Change): Change[] {
    const namespace = change.kind === "gone" ? namespaceOfPod(change.key) : null;
    if (change.kind !== "gone" || namespace === null) return [];
    const pods = this.assumed.get(namespace);
    if (pods?.delete(change.key) !== true || pods.size > 0) return [];
    this.assumed.delete(namespace);
    return [{ kind: "gone", key: keyOf({ kind: "Namespace", name: namespace }) }];
  }
}
