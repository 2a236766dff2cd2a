// What one attachment to a stream has brought and nobody has taken yet.

import { ConnectionLostError } from "./errors.js";
import type { EndReason, GapReason, ServerNotifications, StreamEvent } from "./generated.js";

/** Where an attachment stops taking more, and where it goes on, in bytes as they came over the wire. */
const fullBytes = 256 << 10;
const lowBytes = 64 << 10;

/** Events that should have come are gone. */
export interface Gap {
  /** Why; `restart` where what was followed ended with its server and had to be begun anew. */
  readonly reason: GapReason | "restart";
  /** The cursor of the last event before the gap. Absent: the beginning. */
  readonly after?: string;
  /** The cursor of the last event that is missing, where it is known. */
  readonly to?: string;
}

export type Piece =
  | { readonly kind: "events"; readonly events: readonly StreamEvent[] }
  | { readonly kind: "gap"; readonly gap: Gap }
  | { readonly kind: "end"; readonly reason: EndReason };

/** How the sender of an attachment is slowed down. */
export interface FlowControl {
  /** Makes the sender wait. False where it can't wait and the attachment was ended instead. */
  hold(): boolean;
  /** Lets the sender go on after `hold`. */
  goOn(): void;
}

/**
 * A bounded queue between a connection and a reader. When it is full the sender is held; so a reader that is slow costs
 * no memory, here or at the server.
 */
export class Attachment {
  /** The cursor of the last event before those that come, once the server has answered. */
  after: string | undefined;
  /** Whether nobody reads any more. */
  isClosed = false;
  #flow: FlowControl | undefined;
  #pieces: { piece: Piece; bytes: number }[] = [];
  #queuedBytes = 0;
  #isHeld = false;
  /** Whether what still comes is not wanted: it will be asked for again. */
  #isCut = false;
  #lost: ConnectionLostError | undefined;
  #wake: (() => void) | undefined;

  // What the connection calls.

  /** The server has attached; its first piece may follow at once. */
  begin(after: string | undefined, flow: FlowControl): void {
    this.after = after;
    this.#flow = flow;
  }

  /** Takes in what came in so many bytes. */
  receive(piece: Piece, bytes: number): void {
    if (this.isClosed || this.#isCut) return;
    this.#pieces.push({ piece, bytes });
    this.#queuedBytes += bytes;
    this.#news();
    if (this.#queuedBytes < fullBytes || this.#isHeld || piece.kind === "end" || !this.#flow) return;
    this.#isHeld = this.#flow.hold();
    if (!this.#isHeld) {
      this.#isCut = true;
      this.lose(new ConnectionLostError("The attachment was ended because its reader is slow."));
    }
  }

  /** The connection has ended; what came before can still be taken. */
  lose(error: ConnectionLostError): void {
    this.#lost = error;
    this.#news();
  }

  // What the reader calls.

  /** How much waits to be taken, in bytes. */
  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  /**
   * The next piece, as soon as there is one.
   *
   * @throws ConnectionLostError when the connection has ended and everything that came over it was taken.
   */
  async take(): Promise<Piece> {
    for (;;) {
      const next = this.#pieces.shift();
      if (next) {
        this.#queuedBytes -= next.bytes;
        if (this.#isHeld && this.#queuedBytes <= lowBytes) {
          this.#isHeld = false;
          this.#flow?.goOn();
        }
        return next.piece;
      }
      if (this.#lost) throw this.#lost;
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  /** Nobody reads any more; who waits is told. */
  close(): void {
    this.isClosed = true;
    this.#pieces = [];
    this.lose(new ConnectionLostError("The attachment was closed."));
  }

  #news(): void {
    this.#wake?.();
    this.#wake = undefined;
  }
}

/** What a notification of an attachment brings; undefined for any other notification. */
export function asPiece(method: string, params: unknown): Piece | undefined {
  switch (method) {
    case "stream/event":
      return { kind: "events", events: (params as ServerNotifications["stream/event"]).events };
    case "stream/gap": {
      const { reason, from, to } = params as ServerNotifications["stream/gap"];
      return { kind: "gap", gap: from === undefined ? { reason, to } : { reason, after: from, to } };
    }
    case "stream/end":
      return { kind: "end", reason: (params as ServerNotifications["stream/end"]).reason };
    default:
      return undefined;
  }
}
