import type { Labels } from "../kube/labels.ts";
import type { NamedPort } from "../kube/objects.ts";
import type { Address } from "../net/address.ts";
import type { PodMemberSet } from "./member-set.ts";

/** A namespace that has an object, pods, or both. */
export interface NamespaceState {
  readonly name: string;
  /** Without an object: its name alone. */
  labels: Labels;
  described: boolean;
  /** Live pods by name. */
  readonly pods: Map<string, PodState>;
  /** By labels; more than one where pods declare different named ports. */
  readonly classes: Map<Labels, PodClass[]>;
}

/**
 * Live pods that no policy can tell apart: one namespace, equal labels, equal named ports. The replicas of a
 * Deployment are one class, so what is worked out for one of them is known for all.
 */
export interface PodClass {
  readonly namespace: NamespaceState;
  readonly labels: Labels;
  readonly ports: readonly NamedPort[];
  /** Equal exactly for equal ports. */
  readonly portsKey: string;
  /** In no order. */
  readonly pods: PodState[];
  /** The tracked sets whose selection picks this class. */
  sets: PodMemberSet[];
}

/** What is kept of a live pod. A change replaces it. */
export interface PodState {
  readonly podClass: PodClass;
  readonly name: string;
  readonly nodeName: string;
  readonly created: number;
  readonly addresses: readonly Address[];
  /** Its index in the pods of its class. */
  slot: number;
}

/** `namespace/name`. */
export function podName(pod: PodState): string {
  return `${pod.podClass.namespace.name}/${pod.name}`;
}

/** Adds the pod to the list of its class. */
export function enterClass(pod: PodState): void {
  pod.slot = pod.podClass.pods.push(pod) - 1;
}

/** Takes the pod off the list of its class: the last one takes its place. */
export function leaveClass(pod: PodState): void {
  const { pods } = pod.podClass;
  const last = pods.pop();
  if (last === undefined || last === pod) return;
  pods[pod.slot] = last;
  last.slot = pod.slot;
}
