// What a client's calls go over: one connection at a time, opened when it is needed.

import type { Connection } from "./connection.js";
import type { Connector } from "./connectors.js";
import { RequestTimeoutError } from "./errors.js";
import type { Caller, Notifications, Requests } from "./generated.js";
import type { Handlers, ProgressHandler } from "./questions.js";

/** What may be said of a single call. */
export interface CallOptions {
  /** Cancels the request, which then fails at once with the signal's reason. */
  readonly signal?: AbortSignal;
  /** How long the call may take, in milliseconds. Absent: what the client was made with. */
  readonly timeoutMs?: number;
  /** Called with each step of the work, where the method tells them. */
  readonly onProgress?: ProgressHandler;
}

/** Carries calls to a server, over a connection that is opened again after it was lost. */
export class Link implements Caller<CallOptions> {
  readonly #connector: Connector;
  readonly #timeoutMs: number | undefined;
  readonly #handlers: Handlers;
  #connection: Connection | undefined;
  #opening: Promise<Connection> | undefined;
  #isClosed = false;

  constructor(connector: Connector, timeoutMs?: number, handlers: Handlers = {}) {
    this.#connector = connector;
    this.#timeoutMs = timeoutMs;
    this.#handlers = handlers;
  }

  get handshake(): Connection["handshake"] {
    return this.#connection?.handshake;
  }

  async connected(): Promise<Connection> {
    if (this.#isClosed) throw new Error("The client is closed.");
    if (this.#connection?.isOpen) return this.#connection;
    this.#opening ??= this.#open().finally(() => (this.#opening = undefined));
    return this.#opening;
  }

  async #open(): Promise<Connection> {
    await this.#connection?.close();
    const connection = await this.#connector.open(true, this.#handlers);
    if (this.#isClosed) {
      await connection.close();
      throw new Error("The client is closed.");
    }
    this.#connection = connection;
    return connection;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#opening?.catch(() => undefined);
    await this.#connection?.close();
  }

  request<M extends keyof Requests>(
    method: M,
    params: Requests[M]["params"],
    options?: CallOptions,
  ): Promise<Requests[M]["result"]>;
  async request(method: string, params: object, options: CallOptions = {}): Promise<unknown> {
    const { signal: wanted, timeoutMs = this.#timeoutMs, onProgress } = options;
    const limit = new AbortController();
    const { signal } = limit;
    const onAbort = () => limit.abort(wanted?.reason);
    if (wanted?.aborted) onAbort();
    wanted?.addEventListener("abort", onAbort, { once: true });
    const onTimeout = () => limit.abort(new RequestTimeoutError(`${method} was not answered within ${timeoutMs} ms.`));
    const timer = timeoutMs === undefined ? undefined : setTimeout(onTimeout, timeoutMs);
    try {
      const connection = await unlessAborted(this.connected(), signal);
      return await connection.request(method, params, { signal, onProgress });
    } finally {
      clearTimeout(timer);
      wanted?.removeEventListener("abort", onAbort);
    }
  }

  notify<M extends keyof Notifications>(method: M, params: Notifications[M]): Promise<void>;
  async notify(method: string, params: object): Promise<void> {
    await (await this.connected()).notify(method, params);
  }
}

/** What a promise brings, or the signal's reason where that is given first. */
function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    if (signal.aborted) onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}
