// What the tests share: homes, servers that can be killed, and a scripted server for what a real one does rarely.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { test as nodeTest, type TestContext } from "node:test";

import { connect, spawn, type Client, type ConnectOptions, type SpawnOptions } from "../src/index.js";
import { FrameReader, frame } from "../src/framing.js";

const deadlineMs = 60_000;

/** A test that fails, rather than hanging, when something never comes. */
export function test(name: string, body: (context: TestContext) => void | Promise<void>): void {
  void nodeTest(name, { timeout: 2 * deadlineMs }, body);
}

/** The `berth` under test. */
export function program(): string {
  const berth = process.env["BERTH"];
  assert(berth, "name the program to test in $BERTH");
  return berth;
}

export function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve, milliseconds));
}

/** Waits until a condition holds. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + deadlineMs;
  while (!(await condition())) {
    assert(Date.now() < deadline, `not within ${deadlineMs} ms: ${condition}`);
    await sleep(5);
  }
}

/** A folder that is removed when the test has ended. */
export function temporaryFolder(context: TestContext): string {
  const folder = mkdtempSync(`${realpathSync.native(process.env["TMPDIR"] ?? "/tmp")}/berth-ts-`);
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A home of a test's own. When the test has ended, its clients are closed and its server is gone. */
export class TestHome {
  readonly folder: string;
  readonly path: string;
  readonly #clients: Client[] = [];

  constructor(context: TestContext, name = "home") {
    this.folder = mkdtempSync(`${realpathSync.native(process.env["TMPDIR"] ?? "/tmp")}/berth-ts-`);
    this.path = `${this.folder}/${name}`;
    context.after(async () => {
      await Promise.all(this.#clients.map((client) => client.close()));
      await this.killServer();
      rmSync(this.folder, { recursive: true, force: true });
    });
  }

  /** Starts the server, and returns when it answers. */
  startServer(): void {
    execFileSync(program(), ["serve", "--detach", "--home", this.path], { stdio: "ignore" });
  }

  /** Kills the server and what was only just started to be one, and waits until they have gone. */
  async killServer(): Promise<void> {
    await until(() => {
      const pids = processes().filter((pid) => isRunning(pid, this.path));
      for (const pid of pids) kill(pid);
      return pids.length === 0;
    });
  }

  /** A client of the server; it starts none unless it is told to. */
  async connect(options: ConnectOptions = {}): Promise<Client> {
    return this.#keep(await connect({ home: this.path, berth: program(), start: false, ...options }));
  }

  async spawn(options: SpawnOptions = {}): Promise<Client> {
    return this.#keep(await spawn({ home: this.path, berth: program(), ...options }));
  }

  #keep(client: Client): Client {
    this.#clients.push(client);
    return client;
  }
}

/** Kills a process that may have ended already. */
export function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended.
  }
}

function processes(): number[] {
  return readdirSync("/proc").filter((name) => /^\d+$/.test(name)).map(Number);
}

/** Whether a process is alive that was started with this text in its command. */
function isRunning(pid: number, text: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(text);
  } catch {
    return false;
  }
}

// A scripted server

export interface Message {
  id?: unknown;
  method?: string;
  params?: any;
  result?: unknown;
  error?: unknown;
}

/** The client went. */
class Gone extends Error {}

/** The server's end of a connection, in the hands of a test. */
export class Peer {
  readonly #socket: Socket;
  readonly #frames = new FrameReader();
  readonly #messages: Message[] = [];
  #isGone = false;
  #wake: () => void = () => undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (piece) => {
      for (const body of this.#frames.feed(piece)) this.#messages.push(JSON.parse(body.toString()) as Message);
      this.#wake();
    });
    socket.on("error", () => undefined);
    socket.on("drain", () => this.#wake());
    socket.on("close", () => {
      this.#isGone = true;
      this.#wake();
    });
  }

  async #event(): Promise<void> {
    if (this.#isGone) throw new Gone();
    await new Promise<void>((resolve) => (this.#wake = resolve));
  }

  async receive(): Promise<Message> {
    for (;;) {
      const message = this.#messages.shift();
      if (message) return message;
      await this.#event();
    }
  }

  /** The next request or notification, which has to be of this method. */
  async expect(method: string): Promise<Message> {
    const message = await this.receive();
    assert.equal(message.method, method);
    return message;
  }

  /** Takes what comes, until the client goes. */
  async stay(): Promise<void> {
    for (;;) await this.receive();
  }

  async send(message: Message): Promise<void> {
    await this.sendRaw(frame(JSON.stringify({ jsonrpc: "2.0", ...message })).text);
  }

  async sendRaw(data: string | Uint8Array): Promise<void> {
    if (!this.#socket.write(data)) await this.#event();
  }

  answer(request: Message, result: unknown): Promise<void> {
    return this.send({ id: request.id, result });
  }

  refuse(request: Message, type: string, code = 404, retryable = false): Promise<void> {
    const data = { type, detail: "refused by the test", retryable };
    return this.send({ id: request.id, error: { code, message: `${type}!`, data } });
  }

  /** Answers the handshake. */
  async initialize(maxMessageBytes = 1 << 20, capabilities?: object): Promise<void> {
    const request = await this.expect("initialize");
    assert.deepEqual(request.params.capabilities, capabilities);
    await this.answer(request, {
      protocolVersion: "1",
      supportedVersions: ["1"],
      serverInfo: { name: "berth", version: "0" },
      instanceId: "srv_test",
      capabilities: {},
      families: {},
      limits: { maxMessageBytes, maxInFlight: 128, maxBatch: 1 },
    });
    await this.expect("initialized");
  }

  /** Answers a call that attaches, and returns its parameters. */
  async attach(attachment: string, after?: string): Promise<unknown> {
    const request = await this.receive();
    await this.answer(request, { attachment, stream: "custom/x", after });
    return request.params;
  }

  events(attachment: string, cursors: string[], padding = 0): Promise<void> {
    const events = cursors.map((cursor) => ({ cursor, time: "t", type: "x", payload: "x".repeat(padding) }));
    return this.send({ method: "stream/event", params: { attachment, events } });
  }

  end(attachment: string, reason = "closed"): Promise<void> {
    return this.send({ method: "stream/end", params: { attachment, reason } });
  }
}

type Script = (peer: Peer) => Promise<void>;

/** A server that does what a script says: one script for each connection, in order. - Returns its socket. */
export async function serve(context: TestContext, ...scripts: Script[]): Promise<string> {
  const path = `${temporaryFolder(context)}/scripted.sock`;
  const failures: unknown[] = [];
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    const script = scripts.shift();
    const played = script ? script(new Peer(socket)) : Promise.resolve();
    played.catch((error) => error instanceof Gone || failures.push(error)).finally(() => socket.end());
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  context.after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
    assert.deepEqual(failures, []);
  });
  return path;
}

/** A client of a scripted server, which is closed when the test has ended. */
export async function clientOf(context: TestContext, socket: string, options: ConnectOptions = {}): Promise<Client> {
  const client = await connect({ socket, start: false, ...options });
  context.after(() => client.close());
  return client;
}
