// Where a server keeps its state, and where its socket is.

import { readFileSync, realpathSync } from "node:fs";

/** The longest path of a socket that a server listens on, in bytes. */
const longestSocket = 103;

/** What a running server writes into its home's lock file, for those who look for it. */
export interface ServerRecord {
  readonly pid: number;
  /** Empty for a server without one. */
  readonly socket: string;
}

/** The folder of a server's state. */
export class Home {
  readonly path: string;

  /** Without a path: `BERTH_HOME`, else `$XDG_STATE_HOME/berth`, else `~/.local/state/berth`. */
  constructor(path?: string) {
    this.path = absolute(path ?? environment("BERTH_HOME") ?? standardPath());
  }

  /**
   * The socket that clients connect to, unless the server was started with another one.
   *
   * Where a path in the home would be too long for a socket, a short name under the temporary directory takes its
   * place.
   */
  get socket(): string {
    const runtime = environment("XDG_RUNTIME_DIR");
    if (runtime && this.path === absolute(standardPath()) && Buffer.byteLength(runtime) + 18 <= longestSocket) {
      return `${runtime}/berth/berth.sock`;
    }
    const inHome = `${this.path}/berth.sock`;
    // A second socket, whose name is three bytes longer, stands beside it.
    if (Buffer.byteLength(inHome) + 3 <= longestSocket) return inHome;
    const temporary = environment("TMPDIR");
    const folder = temporary && Buffer.byteLength(temporary) < 40 ? temporary : "/tmp";
    return `${folder}/berth-${process.geteuid?.() ?? 0}/${shortName(this.path)}.sock`;
  }

  /** The record of the server that took this home last; it may have gone since. */
  get record(): ServerRecord | undefined {
    try {
      const record = JSON.parse(readFileSync(`${this.path}/lock`, "utf8")) as Partial<ServerRecord>;
      if (typeof record.pid !== "number" || typeof record.socket !== "string") return undefined;
      return { pid: record.pid, socket: record.socket };
    } catch {
      return undefined;
    }
  }
}

function standardPath(): string {
  const state = environment("XDG_STATE_HOME");
  if (state?.startsWith("/")) return `${state}/berth`;
  return `${environment("HOME") ?? "/root"}/.local/state/berth`;
}

export function environment(name: string): string | undefined {
  return process.env[name] || undefined;
}

/** The path from the root, with the links on it resolved as far as it exists, so that one folder has one name. */
function absolute(path: string): string {
  try {
    return realpathSync.native(path);
  } catch {
    // It does not exist, or not yet.
  }
  const trimmed = path.replace(/\/+$/, "") || "/";
  const slash = trimmed.lastIndexOf("/");
  if (slash < 0) return `${absolute(".")}/${trimmed}`;
  const parent = slash === 0 ? "" : absolute(trimmed.slice(0, slash));
  return (parent === "/" ? "" : parent) + trimmed.slice(slash);
}

/** Sixteen hexadecimal digits that stand for a path (FNV-1a). */
function shortName(path: string): string {
  let value = 0xcbf29ce484222325n;
  for (const byte of Buffer.from(path)) value = BigInt.asUintN(64, (value ^ BigInt(byte)) * 0x100000001b3n);
  return value.toString(16).padStart(16, "0");
}
