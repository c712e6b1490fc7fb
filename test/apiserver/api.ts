/**
 * Objects of an API server, for tests: a plain client on `node:https` that shares nothing with the one under test.
 */
import { Agent, request } from "node:https";

/** An object as the API server stores it. */
export interface StoredObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly uid: string;
    readonly resourceVersion: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly deletionTimestamp?: string;
  };
  readonly [field: string]: unknown;
}

/** An object to be sent. */
export interface NewObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly [field: string]: unknown };
  readonly [field: string]: unknown;
}

export type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly text: string;
}

/** An answer that is no success. */
export class RefusedError extends Error {
  readonly status: number;

  constructor(what: string, { status, text }: Answer) {
    super(`${what}: ${status} ${text.trim().slice(0, 600)}`);
    this.status = status;
  }
}

export interface ApiAccess {
  /** Any request; gives any answer. Rejects where there is none. */
  send(method: Method, path: string, body?: string, contentType?: string): Promise<Answer>;
  create(object: NewObject): Promise<StoredObject>;
  /** Server-side apply; every unknown field is an error. */
  apply(object: NewObject): Promise<StoredObject>;
  /** A merge patch; `subresource` for `status` and others. */
  patch(object: Identity, change: object, subresource?: string): Promise<StoredObject>;
  /** At once, without a time to end in. */
  remove(object: Identity): Promise<void>;
  find(apiVersion: string, kind: string, name: string, namespace?: string): Promise<StoredObject | null>;
  list(apiVersion: string, kind: string): Promise<readonly StoredObject[]>;
  pathOf(object: Identity): Promise<string>;
  close(): void;
}

/** Enough to find an object. */
export interface Identity {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
}

export interface ApiTarget {
  readonly server: string;
  readonly authority: string;
  readonly token: string;
}

interface Resource {
  readonly name: string;
  readonly kind: string;
  readonly namespaced: boolean;
}

const prefixOf = (apiVersion: string): string => (apiVersion.includes("/") ? `/apis/${apiVersion}` : "/api/v1");

function sender({ server, authority, token }: ApiTarget, agent: Agent): ApiAccess["send"] {
  return (method, path, body, contentType = "application/json") =>
    new Promise((resolve, reject) => {
      const headers = {
        authorization: `Bearer ${token}`,
        ...(body === undefined ? {} : { "content-type": contentType, "content-length": Buffer.byteLength(body) }),
      };
      const asking = request(
        `${server}${path}`,
        { method, headers, agent, ca: authority, timeout: 30_000 },
        (response) => {
          const parts: Buffer[] = [];
          response.on("data", (part: Buffer) => parts.push(part));
          response.on("error", reject);
          response.on("end", () => {
            const text = Buffer.concat(parts).toString("utf8");
            resolve({ status: response.statusCode ?? 0, headers: response.headers, text });
          });
        },
      );
      asking.on("timeout", () => asking.destroy(new Error(`${method} ${path}: no answer within 30 s`)));
      asking.on("error", reject);
      asking.end(body);
    });
}

/** Talks to an API server with a token. */
export function openApi(target: ApiTarget): ApiAccess {
  const agent = new Agent({ keepAlive: true, maxSockets: 16 });
  const send = sender(target, agent);
  const resources = new Map<string, readonly Resource[]>();

  const succeed = async (...[method, path, body, type]: Parameters<ApiAccess["send"]>): Promise<unknown> => {
    const answer = await send(method, path, body, type);
    if (answer.status >= 300) throw new RefusedError(`${method} ${path}`, answer);
    return JSON.parse(answer.text);
  };

  const resourceOf = async (apiVersion: string, kind: string): Promise<Resource> => {
    const among = (list: readonly Resource[]): Resource | undefined =>
      list.find((one) => one.kind === kind && !one.name.includes("/"));
    const known = among(resources.get(apiVersion) ?? []);
    if (known !== undefined) return known;
    const read = (await succeed("GET", prefixOf(apiVersion))) as { readonly resources: readonly Resource[] };
    resources.set(apiVersion, read.resources);
    const found = among(read.resources);
    if (found === undefined) throw new Error(`the API server has no ${kind} in ${apiVersion}`);
    return found;
  };

  const collection = async (apiVersion: string, kind: string, namespace?: string): Promise<string> => {
    const { name, namespaced } = await resourceOf(apiVersion, kind);
    return `${prefixOf(apiVersion)}${namespaced && namespace !== undefined ? `/namespaces/${namespace}` : ""}/${name}`;
  };

  const pathOf = async ({ apiVersion, kind, metadata }: Identity): Promise<string> =>
    `${await collection(apiVersion, kind, metadata.namespace)}/${metadata.name}`;

  return {
    send,
    pathOf,
    create: async (object) => {
      const path = await collection(object.apiVersion, object.kind, object.metadata.namespace);
      return (await succeed("POST", `${path}?fieldValidation=Strict`, JSON.stringify(object))) as StoredObject;
    },
    apply: async (object) => {
      const path = `${await pathOf(object)}?fieldManager=test&force=true&fieldValidation=Strict`;
      return (await succeed("PATCH", path, JSON.stringify(object), "application/apply-patch+yaml")) as StoredObject;
    },
    patch: async (object, change, subresource) => {
      const path = `${await pathOf(object)}${subresource === undefined ? "" : `/${subresource}`}`;
      const type = "application/merge-patch+json";
      return (await succeed("PATCH", `${path}?fieldValidation=Strict`, JSON.stringify(change), type)) as StoredObject;
    },
    remove: async (object) => {
      const options = { apiVersion: "v1", kind: "DeleteOptions", gracePeriodSeconds: 0 };
      await succeed("DELETE", await pathOf(object), JSON.stringify(options));
    },
    find: async (apiVersion, kind, name, namespace) => {
      const metadata = { name, ...(namespace === undefined ? {} : { namespace }) };
      const path = await pathOf({ apiVersion, kind, metadata });
      const answer = await send("GET", path);
      if (answer.status === 404) return null;
      if (answer.status >= 300) throw new RefusedError(`GET ${path}`, answer);
      return JSON.parse(answer.text) as StoredObject;
    },
    list: async (apiVersion, kind) => {
      const read = (await succeed("GET", await collection(apiVersion, kind))) as {
        readonly items: readonly StoredObject[] | null;
      };
      // The items of a list do not say what they are.
      return (read.items ?? []).map((item) => ({ ...item, apiVersion, kind }));
    },
    close: () => agent.destroy(),
  };
}
