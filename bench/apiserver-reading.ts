/**
 * What reading Pods costs, as JSON and as protobuf: CPU time a Pod in a list and on a watch, in one interleaved run.
 * The ratio is what counts: absolute times are this machine's.
 */
import { decodePod } from "../src/kube/decode/pod.ts";
import { jsonReader } from "../src/source/apiserver/read/json.ts";
import { readPod } from "../src/source/apiserver/read/protobuf/pod.ts";
import { protobufReader } from "../src/source/apiserver/read/protobuf/protobuf.ts";
import type { Form } from "../test/scripted-apiserver/form.ts";
import { protobuf, wholeJson } from "../test/scripted-apiserver/form.ts";
import { hold } from "../test/scripted-apiserver/held.ts";
import { podMessage } from "../test/scripted-apiserver/pod-message.ts";
import { podObject } from "./apiserver-pods.ts";
import { podOf } from "./cluster.ts";

const podCount = 2000;
const rounds = 15;
/** As an HTTP client gives them. */
const chunkBytes = 1 << 14;

const decode = (object: unknown) => ({ kind: "read", ...decodePod(object) }) as const;
const kind = { path: "/api/v1/pods", apiVersion: "v1", kind: "Pod" };
const forms = {
  JSON: { form: wholeJson(kind), reader: jsonReader(decode) },
  protobuf: {
    form: protobuf(() => podMessage({ apiVersion: "v1", kind: "Pod", metadata: {} })),
    reader: protobufReader(readPod, decode),
  },
} as const;
type FormName = keyof typeof forms;

const size = { pods: podCount, policies: 0, nodes: 100, namespaces: 40 };
const held = Array.from({ length: podCount }, (_, index) => {
  const pod = podOf(size, index, index % size.nodes, Math.floor(index / size.nodes));
  return hold(podObject(pod, "ready", 1_790_000_000 + index), index + 1);
});

function chunksOf(pieces: Iterable<Uint8Array>): readonly Uint8Array[] {
  const bytes = Buffer.concat([...pieces]);
  return Array.from({ length: Math.ceil(bytes.length / chunkBytes) }, (_, index) =>
    bytes.subarray(index * chunkBytes, (index + 1) * chunkBytes),
  );
}

const listOf = (form: Form) => chunksOf(form.list(held, 1, ""));
const watchOf = (form: Form) => chunksOf(held.map((one) => form.event("MODIFIED", one)));
const bytesOf = (chunks: readonly Uint8Array[]) => chunks.reduce((sum, one) => sum + one.length, 0);

interface Task {
  readonly what: "list" | "watch";
  readonly name: FormName;
  readonly chunks: readonly Uint8Array[];
  /** Microseconds of CPU a Pod, one a round. */
  readonly costs: number[];
}

const tasks: readonly Task[] = (["list", "watch"] as const).flatMap((what) =>
  (["JSON", "protobuf"] as const).map((name) => {
    const chunks = what === "list" ? listOf(forms[name].form) : watchOf(forms[name].form);
    return { what, name, chunks, costs: [] };
  }),
);

function run({ what, name, chunks }: Task): number {
  const { form, reader } = forms[name];
  let count = 0;
  const before = process.cpuUsage();
  const seen = (): void => {
    count += 1;
  };
  const reading = what === "list" ? reader.list(form.listType, seen) : reader.watch(form.watchType, seen);
  for (const chunk of chunks) reading.feed(chunk);
  const { user, system } = process.cpuUsage(before);
  if (count !== podCount) throw new Error(`${name}: ${count} of ${podCount}`);
  return (user + system) / podCount;
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;

for (let round = -3; round < rounds; round++) {
  for (const task of tasks) {
    const cost = run(task);
    if (round >= 0) task.costs.push(cost);
  }
}

console.log("| | bytes a Pod | µs of CPU a Pod |\n|---|---|---|");
for (const { what, name, chunks, costs } of tasks) {
  console.log(`| ${what}, ${name} | ${Math.round(bytesOf(chunks) / podCount)} | ${median(costs).toFixed(1)} |`);
}
for (const what of ["list", "watch"] as const) {
  const [json, wire] = tasks.filter((task) => task.what === what);
  const ratios = json?.costs.map((cost, round) => cost / (wire?.costs[round] ?? cost)) ?? [];
  console.log(
    `\n${what}: JSON takes ${median(ratios).toFixed(2)} times the CPU of protobuf (median of ${rounds} rounds)`,
  );
}
