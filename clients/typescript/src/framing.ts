// Messages on the wire: a header block with `Content-Length`, then that many bytes of JSON.

const headerEnd = "\r\n\r\n";
const maximumHeaderBytes = 8 << 10;
const maximumBodyBytes = 2 ** 30;

/** The peer does not speak the protocol; nothing after this can be understood. */
export class FramingError extends Error {
  override readonly name = "FramingError";
}

/** A message as it is sent, and the size of its body in bytes. */
export function frame(body: string): { text: string; bytes: number } {
  const bytes = Buffer.byteLength(body);
  return { text: `Content-Length: ${bytes}${headerEnd}${body}`, bytes };
}

/** Cuts what comes in, in pieces of any size, into the bodies of messages. */
export class FrameReader {
  // What has come and is in no message yet. A large body is put together once, when it is complete.
  #pieces: Buffer[] = [];
  #bytes = 0;
  /** The length of the body that is being received; undefined within a header block. */
  #length: number | undefined;

  /**
   * Takes bytes in and returns the bodies that are complete with them.
   *
   * @throws FramingError where a header block is faulty.
   */
  feed(piece: Buffer): Buffer[] {
    if (this.#bytes === 0) this.#pieces = [];
    this.#pieces.push(piece);
    this.#bytes += piece.length;
    const bodies: Buffer[] = [];
    for (;;) {
      if (this.#length === undefined) {
        const buffer = this.#joined();
        const end = buffer.indexOf(headerEnd);
        if ((end >= 0 ? end : buffer.length) > maximumHeaderBytes) {
          throw new FramingError("a header block is larger than 8 KiB");
        }
        if (end < 0) return bodies;
        this.#length = contentLength(buffer.subarray(0, end).toString("latin1"));
        this.#take(end + headerEnd.length);
      }
      if (this.#bytes < this.#length) return bodies;
      bodies.push(this.#take(this.#length));
      this.#length = undefined;
    }
  }

  #joined(): Buffer {
    const [first] = this.#pieces;
    const joined = this.#pieces.length === 1 && first ? first : Buffer.concat(this.#pieces);
    this.#pieces = [joined];
    return joined;
  }

  #take(length: number): Buffer {
    const buffer = this.#joined();
    this.#pieces = [buffer.subarray(length)];
    this.#bytes -= length;
    return buffer.subarray(0, length);
  }
}

function contentLength(block: string): number {
  let length: number | undefined;
  for (const line of block.split("\r\n")) {
    const colon = line.indexOf(":");
    if (colon < 0) throw new FramingError("a header line has no colon");
    if (line.slice(0, colon).trim().toLowerCase() !== "content-length") continue;
    const digits = line.slice(colon + 1).trim();
    if (!/^\d{1,10}$/.test(digits)) throw new FramingError("the Content-Length is not a length");
    length = Number(digits);
  }
  if (length === undefined) throw new FramingError("a header block has no Content-Length");
  if (length > maximumBodyBytes) throw new FramingError("a message is larger than 1 GiB");
  return length;
}
