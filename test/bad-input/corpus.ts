/** Objects of every kind that is read, as people write them. */
export const objects: readonly Readonly<Record<string, unknown>>[] = [
  { apiVersion: "v1", kind: "Namespace", metadata: { name: "shop", labels: { team: "blue" } } },
  {
    apiVersion: "v1",
    kind: "Node",
    metadata: { name: "node-1", labels: { zone: "a" } },
    spec: { podCIDR: "10.1.0.0/24", podCIDRs: ["10.1.0.0/24", "fd00:1::/64"] },
    status: {
      addresses: [
        { type: "InternalIP", address: "192.0.2.1" },
        { type: "Hostname", address: "node-1" },
      ],
    },
  },
  {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name: "web-0",
      namespace: "shop",
      labels: { app: "web", "example.org/tier": "front" },
      ownerReferences: [{ kind: "StatefulSet", name: "web", uid: "u1", controller: true }],
    },
    spec: {
      nodeName: "node-1",
      initContainers: [{ name: "proxy", restartPolicy: "Always", ports: [{ containerPort: 15001, name: "envoy" }] }],
      containers: [{ name: "web", ports: [{ containerPort: 80, name: "http", protocol: "TCP" }] }],
    },
    status: {
      phase: "Running",
      podIP: "10.1.0.5",
      podIPs: [{ ip: "10.1.0.5" }, { ip: "fd00:1::5" }],
      conditions: [{ type: "Ready", status: "True" }],
    },
  },
  {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "web", namespace: "shop" },
    spec: {
      selector: { app: "web" },
      clusterIP: "10.96.0.10",
      clusterIPs: ["10.96.0.10"],
      externalIPs: ["203.0.113.7"],
      ports: [{ name: "http", port: 80, targetPort: "http", nodePort: 30080 }],
    },
  },
  {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "api", namespace: "shop" },
    spec: {
      replicas: 3,
      template: {
        metadata: { labels: { app: "api" } },
        spec: { containers: [{ name: "c", ports: [{ containerPort: 8080 }] }] },
      },
    },
  },
  {
    apiVersion: "batch/v1",
    kind: "CronJob",
    metadata: { name: "nightly", namespace: "shop" },
    spec: {
      jobTemplate: {
        spec: { parallelism: 2, template: { metadata: { labels: { job: "x" } }, spec: { containers: [] } } },
      },
    },
  },
  {
    apiVersion: "networking.k8s.io/v1",
    kind: "NetworkPolicy",
    metadata: { name: "web", namespace: "shop", annotations: { "portcullis.dev/mode": "enforce" } },
    spec: {
      podSelector: {
        matchLabels: { app: "web" },
        matchExpressions: [
          { key: "tier", operator: "In", values: ["front", "back"] },
          { key: "gone", operator: "DoesNotExist" },
        ],
      },
      policyTypes: ["Ingress", "Egress"],
      ingress: [
        {
          from: [
            { namespaceSelector: { matchLabels: { team: "blue" } }, podSelector: {} },
            { ipBlock: { cidr: "192.0.2.0/24", except: ["192.0.2.128/25"] } },
          ],
          ports: [{ port: 80 }, { protocol: "UDP", port: 53 }, { protocol: "SCTP", port: 100, endPort: 200 }],
        },
        {},
      ],
      egress: [{ to: [{ podSelector: { matchLabels: { app: "api" } } }], ports: [{ port: "http" }] }],
    },
  },
  {
    apiVersion: "policy.networking.k8s.io/v1alpha1",
    kind: "AdminNetworkPolicy",
    metadata: { name: "monitoring" },
    spec: {
      priority: 10,
      subject: { namespaces: { matchLabels: { team: "blue" } } },
      ingress: [
        {
          name: "metrics",
          action: "Allow",
          from: [{ pods: { namespaceSelector: {}, podSelector: { matchLabels: { app: "api" } } } }],
          ports: [{ namedPort: "http" }, { portRange: { protocol: "UDP", start: 9000, end: 9010 } }],
        },
        { action: "Pass", from: [{ namespaces: {} }] },
      ],
      egress: [
        { action: "Deny", to: [{ nodes: { matchLabels: { zone: "a" } } }], ports: [{ portNumber: { port: 6443 } }] },
        { action: "Allow", to: [{ domainNames: ["*.example.org", "example.com."] }] },
      ],
    },
  },
  {
    apiVersion: "policy.networking.k8s.io/v1alpha1",
    kind: "BaselineAdminNetworkPolicy",
    metadata: { name: "default" },
    spec: {
      subject: { pods: { namespaceSelector: {}, podSelector: { matchLabels: { app: "web" } } } },
      ingress: [{ action: "Deny", from: [{ namespaces: {} }] }],
      egress: [{ action: "Deny", to: [{ networks: ["0.0.0.0/0", "::/0"] }] }],
    },
  },
  {
    apiVersion: "policy.networking.k8s.io/v1alpha2",
    kind: "ClusterNetworkPolicy",
    metadata: { name: "low-trust", annotations: { "portcullis.dev/mode": "enforce" } },
    spec: {
      tier: "Admin",
      priority: 20,
      subject: { pods: { podSelector: { matchExpressions: [{ key: "job", operator: "Exists" }] } } },
      ingress: [
        { action: "Accept", from: [{ pods: { podSelector: {} } }], protocols: [{ destinationNamedPort: "http" }] },
      ],
      egress: [
        {
          name: "a mirror",
          action: "Accept",
          to: [{ domainNames: ["mirror.example"] }, { networks: ["192.0.2.0/24"] }],
          protocols: [
            { tcp: { destinationPort: { number: 443 } } },
            { sctp: { destinationPort: { range: { start: 1, end: 9 } } } },
          ],
        },
        { action: "Deny", to: [{ nodes: {} }] },
      ],
    },
  },
];

/** The same as YAML in the style of the documentation. */
export const yamlText = `# A shop.
apiVersion: v1
kind: Pod
metadata:
  name: "client"
  namespace: shop
  labels: &labels
    app: client
    tier: 'back'
spec:
  containers:
  - name: main
    ports: [{containerPort: 8080, name: http}]
status: {podIP: 10.1.0.9}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: client
  namespace: shop
  annotations:
    note: |
      Several lines
      of text
    folded: >-
      and folded
      ones
spec:
  podSelector:
    matchLabels:
      <<: *none
      app: client
  policyTypes: [Egress]
  egress:
  - to:
    - ipBlock: {cidr: 0.0.0.0/0, except: [10.0.0.0/8]}
    ports:
    - port: 443
      protocol: TCP
...
`.replace("      <<: *none\n", "");
