import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { programPath } from "./binaries/build.ts";
import { adminToken, type Credentials, makeCredentials } from "./credentials.ts";
import { type ApiAccess, openApi } from "./api.ts";
import { type RunningProcess, startProcess, until } from "./process.ts";

const etcdPort = 2379;
const serverPort = 6443;
const etcdUrl = `http://127.0.0.1:${etcdPort}`;
const patience = 90_000;

function etcdArguments(data: string): readonly string[] {
  const peers = "http://127.0.0.1:2380";
  const clients = ["--data-dir", data, "--listen-client-urls", etcdUrl, "--advertise-client-urls", etcdUrl];
  const members = ["--initial-advertise-peer-urls", peers, "--initial-cluster", `default=${peers}`];
  return [...clients, "--listen-peer-urls", peers, ...members];
}

/** Compaction only when a test asks for it; no admission that would need controllers. */
function serverArguments({ authority, certificate, key, serviceAccountKey, tokens }: Credentials): readonly string[] {
  return [
    `--etcd-servers=${etcdUrl}`,
    "--etcd-compaction-interval=0",
    `--secure-port=${serverPort}`,
    "--bind-address=0.0.0.0",
    "--advertise-address=192.0.2.1",
    "--endpoint-reconciler-type=none",
    "--service-cluster-ip-range=10.96.0.0/16,fd00:10:96::/112",
    `--tls-cert-file=${certificate}`,
    `--tls-private-key-file=${key}`,
    `--client-ca-file=${authority}`,
    `--token-auth-file=${tokens}`,
    "--authorization-mode=Node,RBAC",
    "--service-account-issuer=https://kubernetes.default.svc",
    `--service-account-key-file=${serviceAccountKey}`,
    `--service-account-signing-key-file=${serviceAccountKey}`,
    "--disable-admission-plugins=ServiceAccount",
    "--allow-privileged",
    "--profiling=false",
  ];
}

/** Calls etcd's own API, past the API server. */
function callEtcd(path: string, body: object): Promise<string> {
  return new Promise((resolve, reject) => {
    const asking = request(`${etcdUrl}${path}`, { method: "POST", agent: false }, (response) => {
      let text = "";
      response.on("data", (chunk: Buffer) => (text += chunk.toString()));
      response.on("end", () => {
        if (response.statusCode === 200) resolve(text);
        else reject(new Error(`etcd ${path}: ${response.statusCode} ${text}`));
      });
    });
    asking.on("error", reject);
    asking.end(JSON.stringify(body));
  });
}

const base64 = (text: string): string => Buffer.from(text).toString("base64");

export interface ClientIdentity {
  readonly token?: string;
  /** A file that is read again when it changes. */
  readonly tokenFile?: string;
  /** The server's address that is used; any of `serverAddresses`. */
  readonly address?: string;
}

/** etcd and an API server of their own, with everything they need in a folder of memory. */
export class ControlPlane {
  readonly folder: string;
  readonly credentials: Credentials;
  readonly api: ApiAccess;
  #etcd: RunningProcess;
  #server: RunningProcess | null = null;
  #controllers: RunningProcess | null = null;

  private constructor(folder: string) {
    this.folder = folder;
    this.credentials = makeCredentials(folder);
    this.#etcd = startProcess("etcd", etcdArguments(join(folder, "etcd")), join(folder, "etcd.log"));
    this.api = openApi({ server: this.urlAt("127.0.0.1"), authority: this.authority(), token: adminToken });
  }

  /** Starts all of it, in seconds. */
  static async start(): Promise<ControlPlane> {
    mkdirSync("/run/portcullis-apiserver", { recursive: true });
    const plane = new ControlPlane(mkdtempSync("/run/portcullis-apiserver/"));
    try {
      const answers = (): Promise<boolean | null> =>
        callEtcd("/v3/maintenance/status", {}).then(
          () => true,
          () => null,
        );
      await until("etcd", answers, patience, [plane.#etcd]);
      await plane.startServer();
    } catch (error) {
      await plane.stop();
      throw error;
    }
    return plane;
  }

  urlAt(address: string): string {
    return `https://${address}:${serverPort}`;
  }

  authority(): string {
    return readFileSync(this.credentials.authority, "utf8");
  }

  /** The API server's log, for what it says of requests. */
  get serverLog(): string {
    return join(this.folder, "kube-apiserver.log");
  }

  async startServer(): Promise<void> {
    const args = serverArguments(this.credentials);
    this.#server = startProcess(programPath("kube-apiserver"), args, this.serverLog, { name: "kube-apiserver" });
    const isReady = async (): Promise<boolean | null> =>
      (await this.api.send("GET", "/readyz").catch(() => null))?.status === 200 ? true : null;
    await until("the API server", isReady, patience, [this.#server, this.#etcd]);
  }

  async stopServer(signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
    await this.#server?.stop(signal);
    this.#server = null;
  }

  /** What deletes the contents of namespaces, collects garbage, makes default service accounts. */
  async startControllers(): Promise<void> {
    const config = this.kubeconfig("controllers", { token: adminToken });
    const args = ["--kubeconfig", config, "--leader-elect=false", "--use-service-account-credentials=false"];
    const keys = [`--service-account-private-key-file=${this.credentials.serviceAccountKey}`, "--secure-port=0"];
    const log = join(this.folder, "kube-controller-manager.log");
    const program = programPath("kube-controller-manager");
    this.#controllers = startProcess(program, [...args, ...keys], log, { name: "kube-controller-manager" });
    const { api } = this;
    await until("the controllers", () => api.find("v1", "ServiceAccount", "default", "default"), patience, [
      this.#controllers,
    ]);
  }

  async stopControllers(): Promise<void> {
    await this.#controllers?.stop("SIGKILL");
    this.#controllers = null;
  }

  /** Throws away all history: who asks for an older version has to start anew. */
  async compact(): Promise<void> {
    const { header } = JSON.parse(await callEtcd("/v3/kv/range", { key: base64("/") })) as {
      readonly header: { readonly revision: string };
    };
    await callEtcd("/v3/kv/compaction", { revision: header.revision, physical: true });
  }

  /** Stores an object as it is, past the API server's validation: as an older or a newer server may have left it. */
  async storeUnchecked(path: string, object: object): Promise<void> {
    await callEtcd("/v3/kv/put", { key: base64(`/registry/${path}`), value: base64(JSON.stringify(object)) });
  }

  /** Writes a kubeconfig and gives its path. */
  kubeconfig(name: string, { token, tokenFile, address = "127.0.0.1" }: ClientIdentity): string {
    const path = join(this.folder, `${name}.kubeconfig`);
    const user = tokenFile === undefined ? { token: token ?? adminToken } : { tokenFile };
    const config = {
      apiVersion: "v1",
      kind: "Config",
      clusters: [
        {
          name: "cluster",
          cluster: { server: this.urlAt(address), "certificate-authority": this.credentials.authority },
        },
      ],
      users: [{ name: "user", user }],
      contexts: [{ name: "context", context: { cluster: "cluster", user: "user" } }],
      "current-context": "context",
    };
    writeFileSync(path, JSON.stringify(config), { mode: 0o600 });
    return path;
  }

  /** Ends everything by the ids it was started with, and removes the folder. */
  async stop(): Promise<void> {
    this.api.close();
    await this.stopControllers();
    await this.stopServer();
    await this.#etcd.stop("SIGKILL");
    rmSync(this.folder, { recursive: true, force: true });
  }
}
