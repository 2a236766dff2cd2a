// What this package uses of Node, so that it can be built where Node's own types are not installed.

interface Buffer extends Uint8Array {
  indexOf(value: string | number, byteOffset?: number): number;
  subarray(start?: number, end?: number): Buffer;
  toString(encoding?: "utf8" | "latin1" | "base64"): string;
  equals(other: Uint8Array): boolean;
}
declare const Buffer: {
  from(text: string, encoding?: "utf8" | "base64"): Buffer;
  concat(pieces: readonly Uint8Array[], length?: number): Buffer;
  byteLength(text: string): number;
  alloc(size: number, fill?: string): Buffer;
};

declare class TextDecoder {
  constructor(encoding?: string, options?: { fatal?: boolean; ignoreBOM?: boolean });
  decode(bytes: Uint8Array): string;
}

interface AbortSignal {
  readonly aborted: boolean;
  readonly reason: unknown;
  addEventListener(type: "abort", listener: () => void, options?: { once?: boolean }): void;
  removeEventListener(type: "abort", listener: () => void): void;
}
declare class AbortController {
  readonly signal: AbortSignal;
  abort(reason?: unknown): void;
}

declare function setTimeout(handler: () => void, milliseconds: number): { unref(): void };
declare function clearTimeout(timer: { unref(): void } | undefined): void;
declare function setImmediate(handler: () => void): void;
declare function queueMicrotask(handler: () => void): void;

declare const console: { log(text: string): void; error(text: string): void };

interface ImportMeta {
  readonly url: string;
}
declare class URL {
  constructor(url: string, base?: string);
  readonly pathname: string;
}

declare const process: {
  readonly env: Record<string, string | undefined>;
  readonly pid: number;
  readonly argv: readonly string[];
  readonly execPath: string;
  readonly stdin: import("node:stream").Readable & { readonly isTTY?: boolean };
  readonly stdout: import("node:stream").Writable;
  exitCode?: number;
  cwd(): string;
  geteuid?(): number;
  kill(pid: number, signal: number | string): void;
};

declare module "node:stream" {
  export interface Readable {
    on(event: "data", listener: (piece: Buffer) => void): this;
    on(event: "end" | "close", listener: () => void): this;
    on(event: "error", listener: (error: Error) => void): this;
    pause(): this;
    resume(): this;
    destroy(): this;
  }
  export interface Writable {
    on(event: "drain" | "close", listener: () => void): this;
    on(event: "error", listener: (error: Error) => void): this;
    write(data: string | Uint8Array): boolean;
    end(): this;
    destroy(): this;
  }
}

declare module "node:readline" {
  import type { Readable } from "node:stream";
  export function createInterface(options: { input: Readable }): AsyncIterable<string> & { close(): void };
}

declare module "node:net" {
  import type { Readable, Writable } from "node:stream";
  type Reading = Omit<Readable, "on" | "pause" | "resume" | "destroy">;
  export interface Socket extends Reading, Omit<Writable, "on" | "destroy"> {
    on(event: "data", listener: (piece: Buffer) => void): this;
    on(event: "end" | "close" | "drain" | "connect", listener: () => void): this;
    on(event: "error", listener: (error: Error) => void): this;
    pause(): this;
    resume(): this;
    destroy(): this;
  }
  export interface Server {
    listen(path: string, listening: () => void): this;
    listen(port: number, host: string, listening: () => void): this;
    address(): { port: number };
    close(closed?: () => void): this;
  }
  export function connect(path: string): Socket;
  export function createServer(accept: (socket: Socket) => void): Server;
}

declare module "node:child_process" {
  import type { Readable, Writable } from "node:stream";
  export interface ChildProcess {
    readonly pid?: number;
    readonly stdin: Writable | null;
    readonly stdout: Readable | null;
    readonly stderr: Readable | null;
    on(event: "close", listener: (code: number | null) => void): this;
    on(event: "error", listener: (error: Error) => void): this;
    kill(signal?: string): boolean;
  }
  export function spawn(
    program: string,
    options: readonly string[],
    settings: { env?: Record<string, string | undefined>; stdio: readonly ("ignore" | "pipe")[] },
  ): ChildProcess;
  export function execFileSync(program: string, options: readonly string[], settings?: { stdio?: unknown }): Buffer;
}

declare module "node:fs" {
  interface RealPath {
    native(path: string): string;
  }
  export const realpathSync: RealPath;
  export const constants: { readonly X_OK: number };
  export function readFileSync(path: string): Buffer;
  export function readFileSync(path: string, encoding: "utf8"): string;
  export function writeFileSync(path: string, data: string | Uint8Array): void;
  export function readdirSync(path: string): string[];
  export function existsSync(path: string): boolean;
  export function accessSync(path: string, mode: number): void;
  export function mkdirSync(path: string, options?: { recursive?: boolean }): void;
  export function mkdtempSync(prefix: string): string;
  export function rmSync(path: string, options?: { recursive?: boolean; force?: boolean }): void;
  export function symlinkSync(target: string, path: string): void;
  export function renameSync(from: string, to: string): void;
}

declare module "node:test" {
  export interface TestContext {
    after(body: () => unknown): void;
  }
  type Body = (context: TestContext) => void | Promise<void>;
  export function test(name: string, body: Body): Promise<void>;
  export function test(name: string, options: { timeout?: number }, body: Body): Promise<void>;
}

declare module "node:assert/strict" {
  interface Assert {
    (value: unknown, message?: string): asserts value;
    equal<T>(actual: unknown, expected: T, message?: string): asserts actual is T;
    notEqual(actual: unknown, expected: unknown, message?: string): void;
    deepEqual(actual: unknown, expected: unknown, message?: string): void;
    match(text: string, pattern: RegExp): void;
    throws(body: () => unknown, expected?: unknown): void;
    rejects(promise: Promise<unknown> | (() => Promise<unknown>), expected?: unknown): Promise<void>;
    fail(message?: string): never;
  }
  const assert: Assert;
  export default assert;
}
