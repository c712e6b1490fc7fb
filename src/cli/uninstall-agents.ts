import { readJson } from "../agent/api-object.ts";
import type { NamespacedName } from "../agent/setting-values.ts";
import { removeRules, uninstallAnnotation } from "../agent/uninstall.ts";
import type { ApiClient } from "../source/apiserver/client.ts";
import type { Clock } from "../system/clock.ts";

/** A pod of an agent as the API server knows it. */
export interface AgentPod {
  readonly name: string;
  readonly uid: string;
  /** Null: it runs nowhere yet. */
  readonly node: string | null;
  readonly ready: boolean;
  /** When that changed last, milliseconds since the epoch; null: not known. */
  readonly since: number | null;
  /** Its container runs and its node is heard of: only then "not ready" is the agent's own word. */
  readonly speaks: boolean;
  readonly restarts: number;
}

/** What became of the rules, node by node. */
export interface Uninstalled {
  /** Agents that were ready when the sign was given, and are not any more: theirs are gone. */
  readonly removed: readonly AgentPod[];
  /** Agents that are still ready: they enforce. */
  readonly enforcing: readonly AgentPod[];
  /** Agents that were not ready before, or went away without a word: nobody knows. */
  readonly doubtful: readonly AgentPod[];
}

export interface UninstallParts {
  readonly client: ApiClient;
  readonly serviceAccount: NamespacedName;
  readonly selector: string;
  /** Milliseconds. */
  readonly timeout: number;
  readonly clock: Clock;
}

const pageSize = 500;
const largestPage = 64 << 20;
/** Milliseconds between two looks at the agents. */
const period = 1000;

type Json = Readonly<Record<string, unknown>>;

const objectOf = (value: unknown): Json =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Json) : {};
const listOf = (value: unknown): readonly Json[] => (Array.isArray(value) ? value.map(objectOf) : []);
const timeOf = (value: unknown): number | null => {
  const time = typeof value === "string" ? Date.parse(value) : NaN;
  return Number.isNaN(time) ? null : time;
};
const textOf = (value: unknown): string => (typeof value === "string" ? value : "");

function podOf(pod: Json): AgentPod {
  const { name, uid } = objectOf(pod["metadata"]);
  const conditions = listOf(objectOf(pod["status"])["conditions"]);
  const condition = conditions.find(({ type }) => type === "Ready");
  const node = textOf(objectOf(pod["spec"])["nodeName"]);
  const containers = listOf(objectOf(pod["status"])["containerStatuses"]);
  const runs = containers.every(({ state }) => objectOf(state)["running"] !== undefined);
  return {
    name: textOf(name),
    uid: textOf(uid),
    node: node === "" ? null : node,
    ready: condition?.["status"] === "True",
    since: timeOf(condition?.["lastTransitionTime"]),
    // So the controller of nodes says it of a node that it has not heard of for a while.
    speaks: runs && condition?.["reason"] !== "NodeNotReady",
    restarts: containers.reduce((sum, { restartCount }) => sum + Number(restartCount ?? 0), 0),
  };
}

/** When the annotation got the value that it has, as the API server keeps it; null: not known. */
function signTime(account: Json): number | null {
  const field = `f:${uninstallAnnotation}`;
  const owner = listOf(objectOf(account["metadata"])["managedFields"]).find(({ fieldsV1 }) => {
    const annotations = objectOf(objectOf(objectOf(fieldsV1)["f:metadata"])["f:annotations"]);
    return annotations[field] !== undefined;
  });
  return timeOf(owner?.["time"]);
}

async function refused(client: ApiClient, what: string, status: number): Promise<never> {
  throw new Error(`${client.server} refused to ${what}: HTTP ${status}`);
}

/** The agents' pods, all pages. */
async function listAgents(parts: UninstallParts, signal: AbortSignal): Promise<readonly AgentPod[]> {
  const { client, serviceAccount, selector } = parts;
  const pods: AgentPod[] = [];
  for (let next = ""; ;) {
    const query = new URLSearchParams({ labelSelector: selector, limit: String(pageSize) });
    if (next !== "") query.set("continue", next);
    const path = `/api/v1/namespaces/${serviceAccount.namespace}/pods?${query.toString()}`;
    const response = await client.request({ method: "GET", path }, signal);
    if (response.status !== 200) {
      response.discard();
      return refused(client, "list the agents' pods", response.status);
    }
    const list = objectOf(await readJson(response, largestPage));
    pods.push(...listOf(list["items"]).map(podOf));
    next = textOf(objectOf(list["metadata"])["continue"]);
    if (next === "") return pods;
  }
}

/**
 * Tells all agents to remove their rules, or, with `value` null, to enforce again. Gives when they were told so first;
 * null: not known.
 */
export async function giveSign(
  { client, serviceAccount }: Pick<UninstallParts, "client" | "serviceAccount">,
  value: typeof removeRules | null,
  signal: AbortSignal,
): Promise<number | null> {
  const { namespace, name } = serviceAccount;
  const response = await client.request(
    {
      method: "PATCH",
      path: `/api/v1/namespaces/${namespace}/serviceaccounts/${name}?fieldManager=portcullis-uninstall`,
      contentType: "application/merge-patch+json",
      body: JSON.stringify({ metadata: { annotations: { [uninstallAnnotation]: value } } }),
    },
    signal,
  );
  if (response.status === 200) return signTime(objectOf(await readJson(response)));
  response.discard();
  return refused(client, `annotate the ServiceAccount ${namespace}/${name}`, response.status);
}

/**
 * Gives the sign and waits until no agent is ready any more, or the time is over. An agent says that its rules are
 * gone by being no longer ready; one that was not ready when the sign was given, has crashed since, or whose node is
 * not heard of can say nothing. The sign may have been
 * given before, by a run that ended half way: who was ready then is known by the time at which it ceased to be.
 */
export async function uninstallAgents(parts: UninstallParts, signal: AbortSignal): Promise<Uninstalled> {
  const { clock, timeout } = parts;
  const deadline = performance.now() + timeout;
  const seen = new Map<string, AgentPod>();
  /** By pod, how often it had restarted when it was ready. */
  const wereReady = new Map<string, number>();
  const look = async (): Promise<readonly AgentPod[]> => {
    const pods = await listAgents(parts, signal);
    for (const pod of pods) {
      seen.set(pod.uid, pod);
      if (pod.ready) wereReady.set(pod.uid, pod.restarts);
    }
    return pods;
  };
  await look();
  const given = await giveSign(parts, removeRules, signal);
  let pods = await look();
  while (pods.some(({ ready }) => ready) && performance.now() < deadline) {
    await clock.sleep(period, signal);
    pods = await look();
  }
  const present = new Set(pods.map(({ uid }) => uid));
  const ceasedSince = ({ since }: AgentPod): boolean => given !== null && since !== null && since > given;
  const isSame = ({ uid, restarts }: AgentPod): boolean => (wereReady.get(uid) ?? restarts) === restarts;
  const removed = pods.filter(
    (pod) => !pod.ready && pod.speaks && isSame(pod) && (wereReady.has(pod.uid) || ceasedSince(pod)),
  );
  const enforcing = pods.filter(({ ready }) => ready);
  const known = new Set([...removed, ...enforcing].map(({ uid }) => uid));
  const doubtful = [...seen.values()].filter(
    // A pod that never ran anywhere never had a rule.
    ({ uid, node }) => !known.has(uid) && node !== null && (present.has(uid) || wereReady.has(uid)),
  );
  return { removed, enforcing, doubtful };
}
