import { printable } from "../../../observe/printable.ts";
import { ApiUnreachable } from "../client.ts";

interface Failure {
  readonly code: string;
  readonly message: string;
  /** Of a certificate that was not accepted. */
  readonly validity: string;
}

function failureOf(error: unknown): Failure {
  if (!(error instanceof Error)) return { code: "", message: String(error), validity: "" };
  const more = error as Error & { code?: unknown; validity?: unknown; errors?: unknown };
  // Several addresses were tried: the first failure speaks for all.
  if (Array.isArray(more.errors) && more.errors.length > 0) return failureOf(more.errors[0]);
  const code = typeof more.code === "string" ? more.code : "";
  return { code, message: error.message, validity: typeof more.validity === "string" ? more.validity : "" };
}

const unknownAuthority =
  "its certificate is of an authority that is not trusted here. If the cluster is the right one, its CA changed or is " +
  "not the one in the configuration (certificate-authority-data, ca.crt)";
const refusedCertificate = "it refused our client certificate: expired, or of another authority than it trusts";

const byCode: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection refused: the host is up and nothing listens there (API server down, or wrong port)",
  ECONNRESET: "the connection was reset",
  EPIPE: "the connection was closed while we wrote",
  ENOTFOUND: "the name cannot be resolved: check the server's name and DNS",
  EAI_AGAIN: "the name cannot be resolved now: DNS does not answer",
  EHOSTUNREACH: "no route to the host: a node or a link is down, or a firewall refuses",
  ENETUNREACH: "no route to its network",
  ETIMEDOUT: "no answer: packets are lost, by a firewall or a dead host",
  EMFILE: "this process has too many files open",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: unknownAuthority,
  UNABLE_TO_GET_ISSUER_CERT: unknownAuthority,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: unknownAuthority,
  SELF_SIGNED_CERT_IN_CHAIN: unknownAuthority,
  DEPTH_ZERO_SELF_SIGNED_CERT: unknownAuthority,
  CERT_SIGNATURE_FAILURE: unknownAuthority,
  CERT_UNTRUSTED: unknownAuthority,
  INVALID_CA: unknownAuthority,
  ERR_SSL_WRONG_VERSION_NUMBER: "it does not speak TLS: is the URL http:// or the port another one?",
  ERR_SSL_UNSUPPORTED_PROTOCOL: "it speaks no TLS that is safe: 1.2 or newer is needed",
  ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION: "it speaks no TLS that is safe: 1.2 or newer is needed",
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: "it wants a client certificate, and the configuration has none",
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: refusedCertificate,
  ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE: refusedCertificate,
  ERR_SSL_SSL_TLS_ALERT_BAD_CERTIFICATE: refusedCertificate,
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED: refusedCertificate,
  ERR_SSL_SSL_TLS_ALERT_CERTIFICATE_EXPIRED: refusedCertificate,
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_UNKNOWN: refusedCertificate,
  ERR_SSL_SSL_TLS_ALERT_CERTIFICATE_UNKNOWN: refusedCertificate,
};

function describe({ code, message, validity }: Failure, now: number): string {
  const clock = `This machine's clock says ${new Date(now).toISOString()}`;
  if (code === "CERT_HAS_EXPIRED") {
    return `its certificate has expired${validity}. ${clock}: renew the certificate, or set the clock`;
  }
  if (code === "CERT_NOT_YET_VALID") {
    return `its certificate is not valid yet${validity}. ${clock}, which may be behind: check the time of both machines`;
  }
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID") {
    // Node's words name the host that was wanted and the names in the certificate.
    return `its certificate is for other names: ${message}. Use one of them in the URL, or tls-server-name`;
  }
  const known = byCode[code];
  if (known !== undefined) return known;
  return code === "" || message.includes(code) ? message : `${message} (${code})`;
}

/** The error that a request ends with; what it says is for the operator, and holds no credentials. */
export function unreachable(server: string, error: unknown, now: number): ApiUnreachable {
  if (error instanceof ApiUnreachable && error.message.startsWith(`${server}: `)) return error;
  const text = describe(failureOf(error), now);
  return new ApiUnreachable(`${server}: ${printable(text, 800)}`, { cause: error });
}
