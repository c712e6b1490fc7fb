/** A request to the API server. */
export interface ApiRequest {
  readonly method: "GET" | "POST" | "PATCH" | "PUT" | "DELETE";
  /** Path and query, from `/api` or `/apis` on. */
  readonly path: string;
  /** The `accept` header; `application/json` where it is absent. */
  readonly accept?: string;
  /** Of the body; `application/json` where it is absent. */
  readonly contentType?: string;
  readonly body?: string;
}

/** An answer; its body must be read to its end or `discard`ed. */
export interface ApiResponse {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** The bytes as they come. Throws `ApiUnreachable` when the connection breaks, the signal's reason when it aborts. */
  readonly body: AsyncIterable<Uint8Array>;
  discard(): void;
}

/** One API server, one identity. Credentials are added, and renewed, by it. */
export interface ApiClient {
  /** Its URL, for messages; without credentials. */
  readonly server: string;
  /** The namespace of the context or of the service account. */
  readonly namespace: string;
  /**
   * Resolves with any HTTP answer, 4xx and 5xx too, once its headers are there. Rejects with `ApiUnreachable` where no
   * answer came. Has a time limit of its own for headers, none for the body; a connection whose other side is gone
   * breaks within 30 s.
   */
  request(request: ApiRequest, signal: AbortSignal): Promise<ApiResponse>;
  close(): void;
}

/** No answer: refused, reset, timed out, not trusted, no credentials to be had. The message is for the operator. */
export class ApiUnreachable extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "ApiUnreachable";
  }
}
