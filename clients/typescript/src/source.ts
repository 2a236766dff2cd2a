// What a follower follows: how to attach to it for the first time, and how again.

import { isBerthError, type BerthError } from "./errors.js";
import type { Attachment, FileWatchParams, StreamAttachParams } from "./generated.js";

export interface AttachingCall {
  readonly method: string;
  readonly params: object;
}

/** Something that is followed. */
export interface Source {
  /** The call that attaches for the first time. */
  first(): AttachingCall;
  /** The call that goes on after a cursor; without one, from the beginning. */
  again(after: string | undefined): AttachingCall;
  /** Takes in what the server answered. */
  attached(result: Attachment): void;
  /** Whether an error says that only a new beginning, with a gap, helps. */
  isLost(error: BerthError): boolean;
}

/** A stream of the server's. */
export class StreamSource implements Source {
  readonly #params: StreamAttachParams;

  constructor(params: StreamAttachParams) {
    this.#params = params;
  }

  first(): AttachingCall {
    return { method: "stream/attach", params: this.#params };
  }

  again(after: string | undefined): AttachingCall {
    return { method: "stream/attach", params: { ...this.#params, tail: undefined, after } };
  }

  attached(): void {
    // The stream's name is known.
  }

  isLost(): boolean {
    return false;
  }
}

/** Changes of a workspace's files. Their stream is made by watching, and goes when the server does. */
export class WatchSource implements Source {
  readonly #params: FileWatchParams;
  #stream = "";

  constructor(params: FileWatchParams) {
    this.#params = params;
  }

  first(): AttachingCall {
    return { method: "file/watch", params: this.#params };
  }

  again(after: string | undefined): AttachingCall {
    return { method: "stream/attach", params: { stream: this.#stream, after } };
  }

  attached(result: Attachment): void {
    this.#stream = result.stream;
  }

  isLost(error: BerthError): boolean {
    return isBerthError(error, "stream_not_found", "invalid_cursor");
  }
}
