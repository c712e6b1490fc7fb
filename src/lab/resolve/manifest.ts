import type { Labels } from "../../kube/labels.ts";
import type { Namespace, Node, Pod, Service } from "../../kube/objects.ts";
import { formatCidr } from "../../net/cidr.ts";
import type { RawObject } from "./raw.ts";
import type { LabObjects } from "./resolve.ts";

/** Objects written back as the API would show them, with everything filled in that the lab decided. */

function labelsOf(labels: Labels): RawObject {
  return Object.fromEntries(labels);
}

function namespaceManifest({ name, labels }: Namespace): RawObject {
  return { apiVersion: "v1", kind: "Namespace", metadata: { name, labels: labelsOf(labels) } };
}

function nodeManifest({ name, labels, podCidrs, addresses }: Node): RawObject {
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: { name, labels: labelsOf(labels) },
    spec: podCidrs.length === 0 ? {} : { podCIDRs: podCidrs.map(formatCidr) },
    status: { addresses },
  };
}

function podManifest(pod: Pod): RawObject {
  const { namespace, name, uid, labels, nodeName, hostNetwork } = pod;
  const created = pod.created > 0 ? { creationTimestamp: new Date(pod.created * 1000).toISOString() } : {};
  // A container for each port: a name may be declared more than once, but not in one container.
  const containers = pod.ports.map((port, index) => ({
    name: `c${index}`,
    ports: [{ containerPort: port.port, protocol: port.protocol, ...(port.name === null ? {} : { name: port.name }) }],
  }));
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { namespace, name, ...(uid === "" ? {} : { uid }), ...created, labels: labelsOf(labels) },
    spec: { nodeName, hostNetwork, containers: containers.length > 0 ? containers : [{ name: "c" }] },
    status: {
      phase: pod.finished ? "Succeeded" : "Running",
      podIPs: pod.addresses.map((ip) => ({ ip })),
      conditions: [{ type: "Ready", status: pod.ready ? "True" : "False" }],
    },
  };
}

function serviceManifest(service: Service): RawObject {
  const { namespace, name, clusterIps, externalIps, selector, ports, publishNotReady } = service;
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { namespace, name },
    spec: {
      clusterIPs: clusterIps.length === 0 ? ["None"] : clusterIps,
      externalIPs: externalIps,
      ...(selector === null ? {} : { selector: Object.fromEntries(selector) }),
      publishNotReadyAddresses: publishNotReady,
      ports: ports.map((port) => ({
        ...(port.name === "" ? {} : { name: port.name }),
        protocol: port.protocol,
        port: port.port,
        targetPort: port.targetPort,
      })),
    },
  };
}

/** The manifests that the agents of a lab follow: the resolved objects, and the policies just as they were given. */
export function labManifest(objects: LabObjects, policies: readonly RawObject[]): string {
  const items = [
    ...objects.namespaces.map(namespaceManifest),
    ...objects.nodes.map(nodeManifest),
    ...objects.pods.map(podManifest),
    ...objects.services.map(serviceManifest),
    ...policies,
  ];
  return `{"apiVersion":"v1","kind":"List","items":[\n${items.map((item) => JSON.stringify(item)).join(",\n")}\n]}\n`;
}
