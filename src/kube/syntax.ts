/**
 * The syntax of Kubernetes' names, in the words of its API server (apimachinery, util/validation). Each function gives
 * what is wrong with a text, every reason, and an empty list where it is well formed.
 */
export type SyntaxCheck = (text: string) => readonly string[];

const fine: readonly string[] = [];

const label = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";
const subdomain = `${label}(\\.${label})*`;
const dns1035 = "[a-z]([-a-z0-9]*[a-z0-9])?";
const qualified = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]";
const labelValue = `(${qualified})?`;

const labelPattern = new RegExp(`^${label}$`);
const subdomainPattern = new RegExp(`^${subdomain}$`);
const dns1035Pattern = new RegExp(`^${dns1035}$`);
const qualifiedPattern = new RegExp(`^${qualified}$`);

function regexMessage(message: string, pattern: string, ...examples: readonly string[]): string {
  const shown = examples.map((example) => `'${example}', `).join(" or ");
  return `${message} (e.g. ${shown}regex used for validation is '${pattern}')`;
}

const labelMessage = regexMessage(
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character",
  label,
  "my-name",
  "123-abc",
);
const subdomainMessage = regexMessage(
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character",
  subdomain,
  "example.com",
);
const dns1035Message = regexMessage(
  "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character",
  dns1035,
  "my-name",
  "abc-123",
);
const qualifiedMessage = regexMessage(
  "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
  qualified,
  "MyName",
  "my.name",
  "123-abc",
);
const labelValueMessage = regexMessage(
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
  labelValue,
  "MyValue",
  "my_value",
  "12345",
);

function longest(length: number): string {
  return `must be no more than ${length} bytes`;
}

/** Longer texts are told that they are too long and nothing else: no pattern runs over a text of megabytes. */
const longestExamined = 1024;

function check(text: string, most: number, pattern: RegExp, message: string): readonly string[] {
  if (text.length > longestExamined) return [longest(most)];
  const matched = pattern.test(text);
  if (matched && text.length <= most) return fine;
  return [...(text.length > most ? [longest(most)] : []), ...(matched ? [] : [message])];
}

/** Names of Namespaces. */
export function dnsLabelErrors(text: string): readonly string[] {
  if (text.length <= longestExamined && !labelPattern.test(text) && subdomainPattern.test(text)) {
    return [...(text.length > 63 ? [longest(63)] : []), "must not contain dots"];
  }
  return check(text, 63, labelPattern, labelMessage);
}

/** Names of most objects. */
export function dnsSubdomainErrors(text: string): readonly string[] {
  return check(text, 253, subdomainPattern, subdomainMessage);
}

/** Names of Services. Newer clusters take an RFC 1123 label too (RelaxedServiceNameValidation). */
export function serviceNameErrors(text: string): readonly string[] {
  if (text.length <= 63 && labelPattern.test(text)) return fine;
  return check(text, 63, dns1035Pattern, dns1035Message);
}

/** Keys of labels and annotations. */
export function qualifiedNameErrors(text: string): readonly string[] {
  if (text.length > longestExamined) return [`name part ${longest(63)}`];
  const parts = text.split("/");
  if (parts.length > 2) {
    return [
      `a valid label key ${qualifiedMessage} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`,
    ];
  }
  const name = parts.at(-1) ?? "";
  const errors: string[] = [];
  if (parts.length === 2) {
    const prefix = parts[0] ?? "";
    const wrong = prefix === "" ? ["must be non-empty"] : dnsSubdomainErrors(prefix);
    errors.push(...wrong.map((message) => `prefix part ${message}`));
  }
  if (name === "") errors.push("name part must be non-empty");
  else if (name.length > 63) errors.push(`name part ${longest(63)}`);
  if (!qualifiedPattern.test(name)) errors.push(`name part ${qualifiedMessage}`);
  return errors;
}

/** Values of labels. */
export function labelValueErrors(text: string): readonly string[] {
  return text === "" ? fine : check(text, 63, qualifiedPattern, labelValueMessage);
}

/** Names of ports of containers and in policies (IANA service names). */
export function portNameErrors(text: string): readonly string[] {
  if (text.length > longestExamined) return [longest(15)];
  const errors: string[] = [];
  if (text.length > 15) errors.push(longest(15));
  if (!/^[-a-z0-9]+$/.test(text)) {
    errors.push("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)");
  }
  if (!/[a-z]/.test(text)) errors.push("must contain at least one letter (a-z)");
  if (text.includes("--")) errors.push("must not contain consecutive hyphens");
  if (text.startsWith("-") || text.endsWith("-")) errors.push("must not begin or end with a hyphen");
  return errors;
}

/** Numbers of ports, as rules, containers and Services may name them. */
export function portNumberErrors(port: number): readonly string[] {
  return Number.isInteger(port) && port >= 1 && port <= 65535 ? fine : ["must be between 1 and 65535, inclusive"];
}
