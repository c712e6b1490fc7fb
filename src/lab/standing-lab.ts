import {
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import type { Address } from "../net/address.ts";
import { featureGates } from "../policy/feature-gates.ts";
import { policyReading } from "../policy/reading.ts";
import { readManifests } from "../source/manifests/read.ts";
import type { AgentProcess } from "./agents.ts";
import { changeNamespaces, namespacePath, namespacesWithPrefix } from "../system/namespace.ts";
import { Lab, labFolder, type LabInput, type LabOptions } from "./lab.ts";
import { labPrefix } from "./plan/names.ts";
import type { LabPlan } from "./plan/plan.ts";
import { isPolicy, rawKey, type RawObject } from "./resolve/raw.ts";

/** A lab that stays after the command that built it: what the next command has to know of it. */
interface LabRecord {
  readonly options: LabOptions;
  readonly plan: Omit<LabPlan, "holders"> & { readonly holders: readonly (readonly [Address, string])[] };
  readonly agents: readonly AgentProcess[];
  readonly mentioned: readonly Address[];
}

const recordFile = (name: string): string => join(labFolder(name), "lab.json");
const objectsFile = (name: string): string => join(labFolder(name), "objects.json");

function writeWhole(path: string, content: string): void {
  writeFileSync(`${path}.new`, content);
  renameSync(`${path}.new`, path);
}

/** Whether anything of a lab of this name is there, complete or not. */
export function labExists(name: string): boolean {
  const folder = statSync(labFolder(name), { throwIfNoEntry: false });
  return folder !== undefined || namespacesWithPrefix(labPrefix(name)).length > 0;
}

/** The names of all labs that stand. */
export function labNames(): readonly string[] {
  try {
    return readdirSync(labFolder("")).toSorted();
  } catch {
    return [];
  }
}

/** A lab that stands, and the objects that it was given so far. */
export interface StandingLab {
  readonly lab: Lab;
  readonly objects: readonly RawObject[];
  readonly mentioned: readonly Address[];
}

/** Reads what the command that built the lab left; throws where there is no such lab. */
export function findLab(name: string): StandingLab {
  let record: LabRecord;
  let objects: { readonly items: readonly RawObject[] };
  try {
    record = JSON.parse(readFileSync(recordFile(name), "utf8")) as LabRecord;
    objects = JSON.parse(readFileSync(objectsFile(name), "utf8")) as typeof objects;
  } catch {
    throw new Error(labExists(name) ? `lab ${name} is not whole: take it down` : `there is no lab ${name}`);
  }
  const plan: LabPlan = { ...record.plan, holders: new Map(record.plan.holders) };
  const lab = new Lab(record.options, { plan, agents: record.agents });
  return { lab, objects: objects.items, mentioned: record.mentioned };
}

/** The first objects with later ones of the same kind and name put in their place. */
export function mergeObjects(before: readonly RawObject[], after: readonly RawObject[]): readonly RawObject[] {
  const merged = new Map([...before, ...after].map((object) => [rawKey(object), object]));
  return [...merged.values()];
}

/** The objects without those that are named in the second list. */
export function withoutObjects(before: readonly RawObject[], gone: readonly RawObject[]): readonly RawObject[] {
  const keys = new Set(gone.map(rawKey));
  return before.filter((object) => !keys.has(rawKey(object)));
}

/** The input of a lab from its raw objects, through the file that keeps them. */
export async function inputOf(
  { name, flags }: Pick<LabOptions, "name" | "flags">,
  objects: readonly RawObject[],
  mentioned: readonly Address[],
): Promise<LabInput> {
  mkdirSync(labFolder(name), { recursive: true });
  writeWhole(objectsFile(name), JSON.stringify({ apiVersion: "v1", kind: "List", items: objects }));
  const gates = new Set(featureGates.filter((gate) => !flags.shutGates.includes(gate)));
  const reading = policyReading(flags.policyKinds, gates);
  const read = await readManifests([objectsFile(name)], { recursive: false, reading });
  return { cluster: read.cluster, workloads: read.workloads, policies: objects.filter(isPolicy), mentioned };
}

/** Understands the objects of a lab that stands, so that it can be asked; changes nothing. */
export async function readStanding({ lab, objects, mentioned }: StandingLab): Promise<void> {
  lab.read(await inputOf(lab.options, objects, mentioned));
}

/** Brings a lab to these objects and writes down what it is now. */
export async function bringStanding({ lab, objects, mentioned }: StandingLab): Promise<void> {
  const { name } = lab.options;
  await lab.bring(await inputOf(lab.options, objects, mentioned));
  const { plan, agents, options } = lab;
  const record: LabRecord = { options, plan: { ...plan, holders: [...plan.holders] }, agents, mentioned };
  writeWhole(recordFile(name), JSON.stringify(record));
}

function killAll(belongs: (pid: string) => boolean): void {
  for (const pid of readdirSync("/proc").filter((entry) => /^\d+$/.test(entry))) {
    try {
      if (belongs(pid)) process.kill(Number(pid), "SIGKILL");
    } catch {
      // It has gone, or is not ours to look at.
    }
  }
}

/**
 * Takes a lab down whatever state it is in, also half built or half taken down: its agents, what runs in its
 * namespaces, the namespaces, its folder. Says what there was.
 */
export function takeDown(name: string): readonly string[] {
  const said: string[] = [];
  const namespaces = namespacesWithPrefix(labPrefix(name));
  const inodes = new Set<string>();
  for (const namespace of namespaces) {
    const inode = statSync(namespacePath(namespace), { throwIfNoEntry: false })?.ino;
    if (inode !== undefined) inodes.add(`net:[${inode}]`);
  }
  const manifests = join(labFolder(name), "manifests");
  killAll((pid) => {
    if (Number(pid) === process.pid) return false;
    const words = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
    const isAgent = words.includes("agent") && words.includes(manifests);
    return isAgent || inodes.has(readlinkSync(`/proc/${pid}/ns/net`));
  });
  for (const namespace of namespaces) {
    try {
      changeNamespaces([{ verb: "del", name: namespace }]);
      said.push(`namespace ${namespace}`);
    } catch {
      // A file that is no namespace any more: what was mounted on it has gone.
      rmSync(namespacePath(namespace), { force: true });
      said.push(`file ${namespacePath(namespace)}`);
    }
  }
  if (statSync(labFolder(name), { throwIfNoEntry: false }) !== undefined) {
    rmSync(labFolder(name), { recursive: true, force: true });
    said.push(`folder ${labFolder(name)}`);
  }
  // The folder of all labs goes with the last.
  if (labNames().length === 0) rmSync(labFolder(""), { recursive: true, force: true });
  return said;
}
