/** Where our decoders and a real API server do not say the same of a policy: docs/validation-differences.md. */
import type { ApiObject } from "../cluster-of.ts";
import type { TierKind } from "./mutations.ts";

/** Something that the API server takes and we refuse; there is nothing that it refuses and we take. */
export interface KnownDifference {
  /** The heading in the page. */
  readonly title: string;
  /** What our errors of it look like. */
  readonly ours: RegExp;
  /** One that the server takes. */
  readonly example: ApiObject;
}

const everyone = { namespaces: {} };

function policy(kind: TierKind, more: object, version = "v1alpha1"): ApiObject {
  const own = kind === "BaselineAdminNetworkPolicy" ? {} : { priority: 1 };
  const name = kind === "BaselineAdminNetworkPolicy" ? "default" : "example";
  const spec = { ...own, subject: everyone, ...more };
  return { apiVersion: `policy.networking.k8s.io/${version}`, kind, metadata: { name }, spec };
}

const egress = (to: object, action = "Allow", ports?: object): object => ({
  egress: [{ action, to: [to], ...(ports === undefined ? {} : { ports: [ports] }) }],
});

export const knownDifferences: readonly KnownDifference[] = [
  {
    title: "Selectors that can match nothing",
    ours: /(matchLabels|matchExpressions\[\d+\]\.(key|operator|values(\[\d+\])?)): /,
    example: policy("AdminNetworkPolicy", egress({ namespaces: { matchLabels: { app: "not a value" } } })),
  },
  {
    title: "Protocols that have no ports, and words that are no protocol",
    ours: /\.(portNumber|portRange)\.protocol: Unsupported value: "/,
    example: policy(
      "BaselineAdminNetworkPolicy",
      egress(everyone, "Deny", { portNumber: { protocol: "tcp", port: 80 } }),
    ),
  },
  {
    title: "Ranges that end before they start",
    ours: /\.portRange\.end: Invalid value: \d+: must be greater than or equal to `start`$/,
    example: policy("AdminNetworkPolicy", egress(everyone, "Deny", { portRange: { start: 90, end: 80 } })),
  },
  {
    title: "Names of ports that no pod can declare",
    ours: /\.(namedPort|destinationNamedPort): Invalid value: "/,
    example: policy("AdminNetworkPolicy", egress(everyone, "Deny", { namedPort: "81" })),
  },
  {
    title: "Domain names in rules that do not accept",
    ours: /\.domainNames: Forbidden: may only be set in rules whose action is (Allow|Accept)$/,
    example: policy("AdminNetworkPolicy", egress({ domainNames: ["example.org"] }, "Deny")),
  },
  {
    title: "Domain names that DNS has no room for",
    ours: /\.domainNames\[\d+\]: Invalid value: .*no name has more than 253 characters, or a label of more than 63$/,
    example: policy("AdminNetworkPolicy", egress({ domainNames: [`${"a".repeat(64)}.org`] })),
  },
];

/** Both refuse an object, in other words. */
export interface KnownWording {
  /** The heading in the page. */
  readonly title: string;
  readonly servers: RegExp;
}

export const knownWordings: readonly KnownWording[] = [
  { title: "Long values", servers: /"[^"]{129,}"/ },
  { title: "Numbers of more than 32 bits, and what is no number", servers: /int32|Invalid value: 1e\+20: / },
  { title: "Labels with a dot or a slash in their key", servers: /\.matchLabels\.\S*[./]\S* in body must/ },
  { title: "Lists and objects in the place of a word", servers: /: (Unsupported|Duplicate) value: [[{]/ },
  { title: "What was not looked at", servers: /some validation rules were not checked/ },
];
