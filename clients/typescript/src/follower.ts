// Streams as asynchronous iterators that outlive connections and servers.

import { Attachment, type Gap } from "./attachment.js";
import type { Connection } from "./connection.js";
import { BerthError, ConnectionLostError, ServerUnavailableError } from "./errors.js";
import type { EndReason, StreamEvent } from "./generated.js";
import type { Source } from "./source.js";

const firstDelayMs = 50;
const longestDelayMs = 2000;
/** How long after a loss a follower leaves the starting of a server to others. */
const startingAfterMs = 500;

/** Where a follower gets its connections. */
export interface Origin {
  /** Whether a connection serves one follower only. */
  readonly isExclusive: boolean;
  /** Whether no server answers although none took its leave. */
  readonly hasCrashed: boolean;
  /** How long to try to come back before giving up, in milliseconds. */
  readonly reconnectMs: number;
  connection(isStarting: boolean): Promise<Connection>;
  /** A follower has begun. */
  joined(follower: { close(): Promise<void> }): void;
  /** A follower has ended. */
  left(follower: { close(): Promise<void> }): void;
}

export interface FollowerOptions {
  /** Called, in its place between the events, where some are gone. */
  readonly onGap?: (gap: Gap) => void;
  /** Ends the iteration with the signal's reason. */
  readonly signal?: AbortSignal;
}

/**
 * The events of a stream, in order, each of them once.
 *
 * When the connection is lost the follower comes back and goes on after the last event that it has handed out. It reads
 * only a little ahead of its consumer: one that is slow makes the server wait, and holds up nobody else. The iteration
 * ends when the stream does; `endReason` then tells why. It fails with a `BerthError` where the server refuses to
 * attach, and with a `ServerUnavailableError` where no server could be reached for as long as the client was told to
 * try.
 */
export class Follower<E> implements AsyncIterableIterator<E> {
  readonly #source: Source;
  readonly #origin: Origin;
  readonly #onGap: ((gap: Gap) => void) | undefined;
  readonly #signal: AbortSignal | undefined;
  readonly #onAbort = () => void this.close();
  #events: readonly StreamEvent[] = [];
  #nextEvent = 0;
  #cursor: string | undefined;
  #endReason: EndReason | undefined;
  #gap: Gap | undefined;
  #hasAttached = false;
  #isClosed = false;
  #delayMs = 0;
  #wake: (() => void) | undefined;
  #connection: Connection | undefined;
  #attachment: Attachment | undefined;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(source: Source, origin: Origin, options: FollowerOptions) {
    this.#source = source;
    this.#origin = origin;
    this.#onGap = options.onGap;
    this.#signal = options.signal;
    this.#signal?.addEventListener("abort", this.#onAbort, { once: true });
  }

  /** The position of the last event that was handed out; pass it as `after` to go on there another time. */
  get cursor(): string | undefined {
    return this.#cursor;
  }

  /** Why the stream ended, once it has. */
  get endReason(): EndReason | undefined {
    return this.#endReason;
  }

  /** How much was read ahead of the consumer, in bytes. */
  get queuedBytes(): number {
    return this.#attachment?.queuedBytes ?? 0;
  }

  // Iteration

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<E, undefined>> {
    const turn = this.#turn.then(() => this.#next());
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  async return(): Promise<IteratorResult<E, undefined>> {
    await this.close();
    return { done: true, value: undefined };
  }

  /** Stops following. Events that were not handed out yet are dropped; `cursor` tells where to go on. */
  async close(): Promise<void> {
    this.#leave();
    this.#events = [];
    const connection = this.#connection;
    this.#release();
    if (connection && this.#origin.isExclusive) await connection.close();
  }

  async #next(): Promise<IteratorResult<E, undefined>> {
    try {
      for (;;) {
        if (this.#signal?.aborted) throw this.#signal.reason;
        const event = this.#events[this.#nextEvent];
        if (event) {
          this.#nextEvent += 1;
          this.#cursor = event.cursor;
          return { done: false, value: event as unknown as E };
        }
        if (this.#isClosed) return { done: true, value: undefined };
        await this.#take();
      }
    } catch (error) {
      const wasClosed = this.#isClosed;
      this.#leave();
      this.#release();
      if (wasClosed && !this.#signal?.aborted) return { done: true, value: undefined };
      throw this.#signal?.aborted ? this.#signal.reason : error;
    }
  }

  /** Takes in the next piece of the stream. */
  async #take(): Promise<void> {
    const attachment = this.#attachment ?? (await this.#attach());
    if (this.#gap) {
      const gap = this.#gap;
      this.#gap = undefined;
      return this.#pass(gap);
    }
    try {
      const piece = await attachment.take();
      this.#delayMs = 0;
      switch (piece.kind) {
        case "events":
          this.#events = piece.events;
          this.#nextEvent = 0;
          return;
        case "gap":
          return this.#pass(piece.gap);
        case "end":
          this.#endReason = piece.reason;
          this.#leave();
          return this.#release();
      }
    } catch (error) {
      if (!(error instanceof ConnectionLostError)) throw error;
      this.#release();
    }
  }

  #pass(gap: Gap): void {
    if (gap.to !== undefined) this.#cursor = gap.to;
    this.#onGap?.(gap);
  }

  // Attaching

  async #attach(): Promise<Attachment> {
    this.#origin.joined(this);
    const began = Date.now();
    const isFirst = !this.#hasAttached;
    for (;;) {
      if (this.#delayMs > 0) await this.#sleep(this.#delayMs);
      this.#delayMs = Math.min(Math.max(this.#delayMs * 2, firstDelayMs), longestDelayMs);
      if (this.#isClosed) throw new ConnectionLostError("The follower was closed.");
      const elapsedMs = Date.now() - began;
      const isStarting = isFirst || (elapsedMs >= startingAfterMs && this.#origin.hasCrashed);
      const isLate = elapsedMs > this.#origin.reconnectMs;
      try {
        return await this.#attachOnce(isStarting);
      } catch (error) {
        if (error instanceof BerthError) {
          if (this.#hasAttached && this.#source.isLost(error)) {
            this.#gap = this.#cursor === undefined ? { reason: "restart" } : { reason: "restart", after: this.#cursor };
            this.#hasAttached = false;
            this.#cursor = undefined;
            continue;
          }
          if (isFirst || isLate || !error.retryable) throw error;
        } else if (error instanceof ServerUnavailableError) {
          if (isFirst || isLate) throw error;
        } else if (!(error instanceof ConnectionLostError) || isLate) {
          throw error;
        }
      }
    }
  }

  async #attachOnce(isStarting: boolean): Promise<Attachment> {
    const { isExclusive } = this.#origin;
    const connection = await this.#origin.connection(isStarting);
    const attachment = new Attachment();
    this.#connection = connection;
    this.#attachment = attachment;
    // Closed while the connection was opened.
    if (this.#isClosed) this.#release();
    const { method, params } = this.#hasAttached ? this.#source.again(this.#cursor) : this.#source.first();
    try {
      this.#source.attached(await connection.attach(method, params, attachment, isExclusive));
    } catch (error) {
      this.#release();
      throw error;
    }
    if (!this.#hasAttached) {
      this.#hasAttached = true;
      this.#cursor = attachment.after;
    }
    return attachment;
  }

  /** Gives up the attachment, and the connection where it is the follower's own. */
  #release(): void {
    const [connection, attachment] = [this.#connection, this.#attachment];
    this.#connection = undefined;
    this.#attachment = undefined;
    attachment?.close();
    if (!connection || !attachment) return;
    if (this.#origin.isExclusive) connection.abort();
    else connection.forget(attachment);
  }

  /** Waits for a time, or until the follower is closed. */
  #sleep(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, milliseconds);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** Nothing more will be followed. */
  #leave(): void {
    this.#isClosed = true;
    this.#wake?.();
    this.#signal?.removeEventListener("abort", this.#onAbort);
    this.#origin.left(this);
  }
}
