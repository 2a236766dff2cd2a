// The ways to a server: over the socket of a home, or over the standard input and output of a process.

import { spawn, type ChildProcess } from "node:child_process";
import { accessSync, constants, existsSync } from "node:fs";
import { connect, type Socket } from "node:net";

import { Connection, type Wire } from "./connection.js";
import { ConnectionLostError, ServerUnavailableError } from "./errors.js";
import { environment, type Home } from "./home.js";
import type { Handlers } from "./questions.js";

/** How long a server may take to answer `initialize`, and how long a new one to be there. */
const handshakeMs = 10_000;
const startMs = 30_000;
/** How long starting is tried again: while another one starts a server, and while the one before is still stopping. */
const startingRaceMs = 1000;
const stoppingMs = 10_000;
const exitMs = 5000;
const keptErrorBytes = 4096;

/** Opens connections to one server. */
export interface Connector {
  /** Whether there can be only one connection at a time. */
  readonly isSingle: boolean;
  /** Whether no server answers although none took its leave. */
  readonly hasCrashed: boolean;
  /**
   * Opens a connection.
   *
   * @param isStarting Whether a server may be started for it.
   * @throws ServerUnavailableError, and BerthError where the server refuses the client.
   */
  open(isStarting: boolean, handlers?: Handlers): Promise<Connection>;
}

/** The server of a home, over its Unix socket. */
export class SocketConnector implements Connector {
  readonly isSingle = false;
  readonly #home: Home;
  readonly #socket: string | undefined;
  readonly #berth: string | undefined;
  readonly #start: boolean;

  constructor(home: Home, socket: string | undefined, berth: string | undefined, start: boolean) {
    this.#home = home;
    this.#socket = socket;
    this.#berth = berth;
    this.#start = start;
  }

  get hasCrashed(): boolean {
    // A server that is stopped takes its socket away; one that is killed leaves it behind.
    return this.#paths().some((path) => existsSync(path));
  }

  async open(isStarting: boolean, handlers?: Handlers): Promise<Connection> {
    const mayStart = isStarting && this.#start;
    const socket = await this.#connect();
    if (socket) {
      try {
        return await initialized(wireOf(socket), handlers);
      } catch (error) {
        // It was about to leave.
        if (!mayStart || !(error instanceof EndedEarly)) throw error;
      }
    } else if (!mayStart) {
      const where = this.#socket ?? this.#home.path;
      throw new ServerUnavailableError(`No server runs on ${where}; start one with \`berth serve --detach\`.`);
    }
    return initialized(wireOf(await this.#connectStarting()), handlers);
  }

  #paths(): string[] {
    if (this.#socket !== undefined) return [this.#socket];
    const recorded = this.#home.record?.socket;
    return [...new Set(recorded ? [recorded, this.#home.socket] : [this.#home.socket])];
  }

  /** A socket that is connected to the server; undefined where none listens. */
  async #connect(): Promise<Socket | undefined> {
    for (const path of this.#paths()) {
      const socket = await connected(path);
      if (socket) return socket;
    }
    return undefined;
  }

  async #connectStarting(): Promise<Socket> {
    const began = Date.now();
    for (;;) {
      let failure: unknown = new ServerUnavailableError("The server was started and has gone again.");
      let socket: Socket | undefined;
      try {
        socket = await connected(await this.#startServer());
      } catch (error) {
        failure = error;
        socket = await this.#connect();
      }
      if (socket) return socket;
      const pid = this.#home.record?.pid;
      const patienceMs = pid !== undefined && isAlive(pid) ? stoppingMs : startingRaceMs;
      if (Date.now() - began > patienceMs) throw failure;
      await delay(100);
    }
  }

  /** Starts a server, or finds one that was started meanwhile. - Returns its socket. */
  async #startServer(): Promise<string> {
    const program = programToRun(this.#berth);
    const options = ["serve", "--detach", "--leave-when-idle", "--home", this.#home.path];
    if (this.#socket !== undefined) options.push("--socket", this.#socket);
    const process = spawn(program, options, { stdio: ["ignore", "pipe", "pipe"] });
    const timer = setTimeout(() => process.kill("SIGKILL"), startMs);
    let answer = "";
    process.stdout?.on("data", (piece) => (answer += piece.toString()));
    const lastWords = kept(process);
    const code = await ended(process, program);
    clearTimeout(timer);
    if (code === null) throw new ServerUnavailableError(`The server did not start within ${startMs / 1000} s.`);
    if (code !== 0) throw new ServerUnavailableError(lastWords() || `\`${program} serve --detach\` failed.`);
    try {
      return String((JSON.parse(answer) as { socket: unknown }).socket);
    } catch (error) {
      throw new ServerUnavailableError(`${program} is not a berth that this client knows.`, error);
    }
  }
}

/** `berth serve --stdio`: a process of its own for each connection. */
export class ProcessConnector implements Connector {
  readonly hasCrashed = true;
  readonly isSingle: boolean;
  readonly #home: Home | undefined;
  readonly #berth: string | undefined;
  readonly #command: readonly string[] | undefined;

  constructor(
    home: Home | undefined,
    berth: string | undefined,
    inProcess: boolean,
    command: readonly string[] | undefined,
  ) {
    this.#home = home;
    this.#berth = berth;
    this.#command = command;
    this.isSingle = inProcess;
  }

  async open(_isStarting: boolean, handlers?: Handlers): Promise<Connection> {
    const [program = "", ...options] = this.#command ?? this.#ownCommand();
    const process = spawn(program, options, { stdio: ["pipe", "pipe", "pipe"] });
    const lastWords = kept(process);
    const end = ended(process, program);
    // Looked at below, but only where the connection has failed.
    end.catch(() => undefined);
    const { stdin, stdout } = process;
    if (!stdin || !stdout) {
      await end;
      throw new ServerUnavailableError(`${program} could not be run.`);
    }
    const endOfProcess = async () => {
      const timer = setTimeout(() => process.kill("SIGKILL"), exitMs);
      await end.finally(() => clearTimeout(timer));
    };
    try {
      return await initialized({ readable: stdout, writable: stdin, endOfProcess }, handlers);
    } catch (error) {
      await endOfProcess();
      if (!(error instanceof ServerUnavailableError)) throw error;
      throw new ServerUnavailableError(lastWords() || error.message, error);
    }
  }

  #ownCommand(): string[] {
    const command = [programToRun(this.#berth), "serve", "--stdio"];
    if (this.isSingle) command.push("--in-process");
    if (this.#home) command.push("--home", this.#home.path);
    return command;
  }
}

/** The connection ended before `initialize` was answered. */
class EndedEarly extends ServerUnavailableError {}

async function initialized(wire: Wire, handlers?: Handlers): Promise<Connection> {
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    wire.readable.destroy();
    wire.writable.destroy();
  }, handshakeMs);
  try {
    return await Connection.over(wire, handlers);
  } catch (error) {
    if (!(error instanceof ConnectionLostError)) throw error;
    if (isLate) {
      throw new ServerUnavailableError(`The server did not answer \`initialize\` within ${handshakeMs / 1000} s.`);
    }
    throw new EndedEarly("The server closed the connection before it answered `initialize`.", error);
  } finally {
    clearTimeout(timer);
  }
}

function wireOf(socket: Socket): Wire {
  return { readable: socket, writable: socket };
}

/** A socket that is connected to a path; undefined where nobody listens. */
async function connected(path: string): Promise<Socket | undefined> {
  const deadline = Date.now() + handshakeMs;
  for (;;) {
    const socket = connect(path);
    const fault = await new Promise<Error | undefined>((resolve) => {
      socket.on("connect", () => resolve(undefined));
      socket.on("error", resolve);
    });
    if (!fault) return socket;
    // The server's queue of new connections may be full.
    if ((fault as { code?: string }).code !== "EAGAIN" || Date.now() > deadline) return undefined;
    await delay(5);
  }
}

/** Waits for the end of a process. - Returns its exit code; null where a signal ended it. */
function ended(process: ChildProcess, program: string): Promise<number | null> {
  return new Promise((resolve, reject) => {
    process.on("close", resolve);
    process.on("error", (error) =>
      reject(new ServerUnavailableError(`${program} could not be run: ${error.message}.`, error)),
    );
  });
}

/** Keeps the last words that a process writes to its standard error. */
function kept(process: ChildProcess): () => string {
  let words = Buffer.alloc(0);
  process.stderr?.on("data", (piece) => {
    words = Buffer.concat([words, piece]);
    words = words.subarray(Math.max(0, words.length - keptErrorBytes));
  });
  return () => words.toString().trim();
}

/** The `berth` to run: the one that was given, `$BERTH`, or the one on the path. */
function programToRun(berth: string | undefined): string {
  const chosen = berth ?? environment("BERTH") ?? onPath("berth");
  if (!chosen) {
    throw new ServerUnavailableError("There is no `berth` on the path; name it with `berth` or in $BERTH.");
  }
  return chosen;
}

function onPath(name: string): string | undefined {
  const folders = (environment("PATH") ?? "").split(":").filter((folder) => folder !== "");
  return folders.map((folder) => `${folder}/${name}`).find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as { code?: string }).code === "EPERM";
  }
}

function delay(milliseconds: number): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve, milliseconds));
}
