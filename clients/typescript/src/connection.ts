// One connection to a server: requests and their answers, and what the server sends by itself.

import type { Readable, Writable } from "node:stream";

import { asPiece, type Attachment, type FlowControl } from "./attachment.js";
import { BerthError, ConnectionLostError } from "./errors.js";
import { FrameReader, FramingError, frame } from "./framing.js";
import { errorCodes } from "./generated.js";
import type {
  Attachment as Attached,
  InitializeResult,
  ServerNotifications,
} from "./generated.js";
import type { Handlers, ProgressHandler } from "./questions.js";

const protocolVersion = "1";
const clientInfo = { name: "berth-typescript", version: "0.1.0" };
/** How long a peer may take to end a connection before it is cut. */
const closingMs = 5000;

/** The two directions of a connection: one socket twice, or two pipes. */
export interface Wire {
  readonly readable: Readable;
  readonly writable: Writable;
  /** Waits for the end of the process at the other side, where that belongs to the connection. */
  readonly endOfProcess?: () => Promise<unknown>;
}

interface RequestOptions {
  /** Cancels the request, which then fails at once with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ProgressHandler | undefined;
  /** Called before anything that came after the result is looked at, even when nobody waits any more. */
  readonly onResult?: ((result: unknown) => void) | undefined;
}

/** A request that has not been answered. */
interface OpenRequest {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: unknown) => void;
  readonly onResult: ((result: unknown) => void) | undefined;
}

interface Message {
  id?: unknown;
  method?: unknown;
  params?: unknown;
  result?: unknown;
  error?: { code: number; message: string; data?: Record<string, unknown> };
}

/** A connection that has been initialized. */
export class Connection {
  readonly #wire: Wire;
  readonly #handlers: Handlers;
  readonly #frames = new FrameReader();
  readonly #decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  readonly #requests = new Map<number, OpenRequest>();
  /** What takes a request of the server's back, by its id. */
  readonly #answering = new Map<unknown, AbortController>();
  readonly #progress = new Map<unknown, ProgressHandler>();
  readonly #attachments = new Map<string, Attachment>();
  #lastID = 0;
  #maximumBytes = Infinity;
  #isOpen = true;
  #reason: unknown;
  #room: Promise<void> | undefined;
  #makeRoom: (() => void) | undefined;
  #handshake: InitializeResult | undefined;
  readonly #ended: Promise<void>;

  private constructor(wire: Wire, handlers: Handlers) {
    this.#wire = wire;
    this.#handlers = handlers;
    const { readable, writable } = wire;
    readable.on("data", (piece) => this.#receive(piece));
    readable.on("end", () => this.#end(undefined));
    this.#ended = new Promise((resolve) => {
      readable.on("close", () => {
        this.#end(undefined);
        resolve();
      });
    });
    readable.on("error", (error) => this.#end(error));
    writable.on("error", (error) => this.#end(error));
    writable.on("drain", () => this.#drained());
  }

  /**
   * Initializes a connection, to which the wire belongs from then on.
   *
   * @throws ConnectionLostError, and BerthError of type `unsupported_version`.
   */
  static async over(wire: Wire, handlers: Handlers = {}): Promise<Connection> {
    const connection = new Connection(wire, handlers);
    try {
      const { capabilities } = handlers;
      const params = { protocolVersions: [protocolVersion], clientInfo, ...(capabilities && { capabilities }) };
      const handshake = (await connection.request("initialize", params)) as InitializeResult;
      connection.#handshake = handshake;
      connection.#maximumBytes = handshake.limits.maxMessageBytes;
      connection.#send({ method: "initialized", params: {} });
      return connection;
    } catch (error) {
      connection.abort();
      throw error;
    }
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** What was settled when the connection was opened. */
  get handshake(): InitializeResult | undefined {
    return this.#handshake;
  }

  // Calls

  /** Sends a request and waits for its result. */
  async request(method: string, params: object, options: RequestOptions = {}): Promise<unknown> {
    const { signal, onProgress, onResult } = options;
    while (this.#room) await this.#room;
    if (signal?.aborted) throw signal.reason;
    this.#lastID += 1;
    const id = this.#lastID;
    const token = `p${id}`;
    this.#send({ id, method, params: onProgress ? { ...params, workDoneToken: token } : params });
    if (onProgress) this.#progress.set(token, onProgress);
    let onAbort: (() => void) | undefined;
    try {
      return await new Promise((resolve, reject) => {
        this.#requests.set(id, { resolve, reject, onResult });
        onAbort = () => {
          if (!onResult) this.#requests.delete(id);
          if (this.#isOpen) this.#send({ method: "$/cancelRequest", params: { id } });
          reject(signal?.reason);
        };
        signal?.addEventListener("abort", onAbort, { once: true });
      });
    } finally {
      if (onAbort) signal?.removeEventListener("abort", onAbort);
      this.#progress.delete(token);
    }
  }

  /** Sends a notification. */
  async notify(method: string, params: object): Promise<void> {
    while (this.#room) await this.#room;
    this.#send({ method, params });
  }

  /**
   * Calls `stream/attach` or `file/watch` and lets what follows flow into an attachment.
   *
   * @param isExclusive Whether the connection serves nothing else, so that it may be held still.
   */
  async attach(method: string, params: object, attachment: Attachment, isExclusive: boolean): Promise<Attached> {
    const onResult = (result: unknown) => {
      const { attachment: id, after } = result as Attached;
      attachment.begin(after, isExclusive ? this.#pausing() : this.#detaching(id));
      if (attachment.isClosed) this.#detach(id);
      else this.#attachments.set(id, attachment);
    };
    return (await this.request(method, params, { onResult })) as Attached;
  }

  /** Ends an attachment that nobody reads any more. */
  forget(attachment: Attachment): void {
    for (const [id, other] of this.#attachments) {
      if (other === attachment) this.#detach(id);
    }
  }

  /** Ends an attachment without waiting for the answer. */
  #detach(id: string): void {
    this.#attachments.delete(id);
    if (!this.#isOpen) return;
    this.#lastID += 1;
    this.#send({ id: this.#lastID, method: "stream/detach", params: { attachment: id } });
  }

  /** Holds a sender by not reading the connection, which is its own. */
  #pausing(): FlowControl {
    const { readable } = this.#wire;
    return {
      hold: () => {
        readable.pause();
        return true;
      },
      goOn: () => void readable.resume(),
    };
  }

  /** Ends an attachment of a connection that others need too; its reader attaches again when it is ready. */
  #detaching(id: string): FlowControl {
    return {
      hold: () => {
        this.#detach(id);
        return false;
      },
      goOn: () => undefined,
    };
  }

  // The end

  /** Ends the connection in good order. What is open fails with `ConnectionLostError`. */
  async close(): Promise<void> {
    const { endOfProcess, readable, writable } = this.#wire;
    const timer = setTimeout(() => this.abort(), closingMs);
    try {
      if (endOfProcess && this.#isOpen) {
        await this.request("shutdown", {});
        await this.notify("exit", {});
      }
    } catch {
      // The server has gone already.
    }
    this.#end(new ConnectionLostError("The connection was closed by this client."));
    writable.end();
    readable.resume();
    await this.#ended;
    clearTimeout(timer);
    await endOfProcess?.();
  }

  /** Ends the connection at once. */
  abort(): void {
    this.#end(new ConnectionLostError("The connection was closed by this client."));
    this.#destroy();
  }

  /** Nothing more is sent or received; everybody who waits is told. */
  #end(reason: unknown): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#reason = reason;
    this.#drained();
    for (const request of this.#requests.values()) request.reject(this.#lost());
    this.#requests.clear();
    for (const controller of this.#answering.values()) controller.abort();
    for (const attachment of this.#attachments.values()) attachment.lose(this.#lost());
    this.#attachments.clear();
  }

  #lost(): ConnectionLostError {
    const reason = this.#reason;
    return reason instanceof ConnectionLostError ? reason : new ConnectionLostError(undefined, reason);
  }

  #destroy(): void {
    this.#wire.readable.destroy();
    this.#wire.writable.destroy();
  }

  // Sending

  #send(message: object): void {
    if (!this.#isOpen) throw this.#lost();
    const { text, bytes } = frame(JSON.stringify({ jsonrpc: "2.0", ...message }));
    if (bytes > this.#maximumBytes) {
      // The server would skip it, and could not tell whose it was.
      const type = "message_too_large";
      const sentence = `The message has ${bytes} bytes, and the server takes ${this.#maximumBytes}.`;
      throw new BerthError(errorCodes[type], sentence, { type, retryable: false, maxMessageBytes: this.#maximumBytes });
    }
    if (!this.#wire.writable.write(text)) this.#room ??= new Promise((resolve) => (this.#makeRoom = resolve));
  }

  #drained(): void {
    this.#makeRoom?.();
    this.#makeRoom = undefined;
    this.#room = undefined;
  }

  // Receiving

  #receive(piece: Buffer): void {
    try {
      for (const body of this.#frames.feed(piece)) {
        if (!this.#isOpen) return;
        this.#take(JSON.parse(this.#decoder.decode(body)) as Message | null, body.length);
      }
    } catch (error) {
      this.#end(error);
      this.#destroy();
    }
  }

  #take(message: Message | null, bytes: number): void {
    if (typeof message?.method === "string") {
      if (message.id === undefined) return this.#notified(message.method, message.params, bytes);
      return void this.#asked(message.method, message.id, message.params);
    }
    if (typeof message?.id === "number") return this.#answered(message.id, message);
    if (message?.error) {
      // It is about a message that the server could not read, so that message's answer will not come.
      throw new BerthError(message.error.code, message.error.message, message.error.data);
    }
    throw new FramingError("the server sent what is no JSON-RPC message");
  }

  /** Answers a request of the server's, which may be taken back meanwhile. */
  async #asked(method: string, id: unknown, params: unknown): Promise<void> {
    const handler = this.#handlers.requests?.[method];
    if (!handler) {
      const error = { code: errorCodes.method_not_found, message: `The client has no method ${method}.` };
      return this.#answer({ id, error });
    }
    const controller = new AbortController();
    this.#answering.set(id, controller);
    try {
      this.#answer({ id, result: await handler(params, controller.signal) });
    } catch (fault) {
      const isTold = fault instanceof BerthError;
      const error = isTold
        ? { code: fault.code, message: fault.message }
        : { code: errorCodes.internal_error, message: "The client's handler failed." };
      this.#answer({ id, error });
      if (!isTold) surface(fault);
    } finally {
      this.#answering.delete(id);
    }
  }

  #answer(message: object): void {
    if (this.#isOpen) this.#send(message);
  }

  #answered(id: number, { error, result }: Message): void {
    const request = this.#requests.get(id);
    if (!request) return;
    this.#requests.delete(id);
    if (error) return request.reject(new BerthError(error.code, error.message, error.data));
    request.onResult?.(result);
    request.resolve(result);
  }

  #notified(method: string, params: unknown, bytes: number): void {
    if (method === "$/progress") {
      const { token, value } = params as ServerNotifications["$/progress"];
      const onProgress = this.#progress.get(token);
      if (onProgress) return call(() => onProgress(value));
    }
    if (method === "$/cancelRequest") return this.#answering.get((params as { id: unknown }).id)?.abort();
    const piece = asPiece(method, params);
    const id = (params as { attachment?: string } | undefined)?.attachment ?? "";
    const attachment = this.#attachments.get(id);
    if (piece && attachment) {
      if (piece.kind === "end") this.#attachments.delete(id);
      return attachment.receive(piece, bytes);
    }
    const handler = this.#handlers.notification;
    if (handler) call(() => handler(method, params));
  }
}

/** Calls what the user gave. Its faults are not the connection's: they surface as uncaught, in a turn of their own. */
function call(handler: () => void): void {
  try {
    handler();
  } catch (error) {
    surface(error);
  }
}

function surface(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}
