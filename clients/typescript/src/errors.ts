// What can go wrong: the server refuses a call, or there is no server to ask.

import type { ErrorType, Fault } from "./generated.js";

/** The server answered a request with an error. Its message is a sentence that a person can act on. */
export class BerthError<T extends string = ErrorType | (string & {})> extends Error {
  override readonly name = "BerthError";
  /** JSON-RPC's own code, or one that reads like an HTTP status. */
  readonly code: number;
  /** The stable word to tell errors apart by. */
  readonly type: T;
  /** The case in particular. */
  readonly detail: string;
  /** Whether the same call may succeed later. */
  readonly retryable: boolean;
  /** How long to wait before trying again, in milliseconds, where the server knows. */
  readonly retryAfterMs: number | undefined;
  /** Every fault, where there are several. */
  readonly errors: readonly Fault[];
  /** All that came with the error; further members depend on the type. */
  readonly data: Readonly<Record<string, unknown>>;

  constructor(code: number, message: string, data: Readonly<Record<string, unknown>> = {}) {
    super(message);
    this.code = code;
    this.data = data;
    this.type = (data["type"] ?? "") as T;
    this.detail = (data["detail"] ?? message) as string;
    this.retryable = data["retryable"] === true;
    this.retryAfterMs = data["retryAfterMs"] as number | undefined;
    this.errors = (data["errors"] ?? []) as Fault[];
  }
}

/** Whether something thrown is the server's answer, and of one of these types where some are named. */
export function isBerthError<T extends ErrorType>(error: unknown, ...types: T[]): error is BerthError<T> {
  return error instanceof BerthError && (types.length === 0 || types.includes(error.type as T));
}

/**
 * The connection ended before the answer came. Whether the request was carried out is not known, so it is never
 * repeated by itself. The next call connects again.
 */
export class ConnectionLostError extends Error {
  override readonly name = "ConnectionLostError";

  constructor(message = "The connection to the server ended before the answer came.", cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
  }
}

/** No server answers, and none could be started. */
export class ServerUnavailableError extends Error {
  override readonly name = "ServerUnavailableError";

  constructor(message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
  }
}

/** The answer did not come in time. The server was asked to cancel the request. */
export class RequestTimeoutError extends Error {
  override readonly name = "RequestTimeoutError";
}
