// Finding a server, starting one, and speaking over standard input and output.

import assert from "node:assert/strict";
import { renameSync, writeFileSync } from "node:fs";

import { BerthError, connect, ConnectionLostError, ServerUnavailableError, spawn, type Client } from "../src/index.js";
import { kill, program, test, TestHome } from "./support.js";

/** Calls until the connection is found to be lost. */
async function losesConnection(client: Client): Promise<void> {
  await assert.rejects(async () => {
    for (;;) await client.server.ping();
  }, ConnectionLostError);
}

test("a server is started where none runs", async (context) => {
  const home = new TestHome(context);
  const client = await home.connect({ start: true });
  const first = await client.server.ping();
  await home.killServer();
  try {
    await client.server.ping();
  } catch (error) {
    assert(error instanceof ConnectionLostError);
  }
  assert.notEqual((await client.server.ping()).instanceId, first.instanceId);
});

test("a server that is stopping is followed by a new one", async (context) => {
  const home = new TestHome(context);
  const client = await home.connect({ start: true });
  const { instanceId } = await client.server.ping();
  await client.server.stop();
  for (let now = instanceId; now === instanceId; ) {
    try {
      await client.workspace.list();
      now = (await client.server.ping()).instanceId;
    } catch (error) {
      assert(error instanceof ConnectionLostError || error instanceof BerthError);
    }
  }
});

test("clients that start at once share one server", async (context) => {
  const home = new TestHome(context);
  const clients = await Promise.all([1, 2, 3, 4].map(() => home.connect({ start: true })));
  const pongs = await Promise.all(clients.map((client) => client.server.ping()));
  assert.equal(new Set(pongs.map((pong) => pong.instanceId)).size, 1);
});

test("what hinders a server is told", async (context) => {
  const home = new TestHome(context);
  const berth = "/no-such-program";
  const missing = { name: "ServerUnavailableError", message: /no-such-program/ };
  await assert.rejects(connect({ home: home.path, berth }), missing);
  await assert.rejects(spawn({ home: home.path, berth }), missing);
  writeFileSync(home.path, "a file");
  await assert.rejects(connect({ home: home.path, berth: program() }), (error: unknown) => {
    return error instanceof ServerUnavailableError && error.message.includes(home.path);
  });
});

test("a socket of one's own", async (context) => {
  const home = new TestHome(context);
  const socket = `${home.folder}/mine.sock`;
  assert.equal((await (await home.connect({ socket, start: true })).server.status()).socket, socket);
  assert.equal((await (await home.connect()).server.status()).socket, socket);
});

test("a home whose path is too long for a socket", async (context) => {
  const home = new TestHome(context, "long-".repeat(20));
  home.startServer();
  renameSync(`${home.path}/lock`, `${home.path}/record`);
  writeFileSync(`${home.path}/lock`, "");
  try {
    assert.equal((await (await home.connect()).server.status()).home, home.path);
  } finally {
    renameSync(`${home.path}/record`, `${home.path}/lock`);
  }
});

test("a spawned process joins the server of the home", async (context) => {
  const home = new TestHome(context);
  home.startServer();
  const overSocket = await home.connect();
  const overStdio = await home.spawn();
  assert.deepEqual(await overStdio.server.ping(), await overSocket.server.ping());
  await overStdio.stream.append({ stream: "custom/x", events: [{ type: "a" }], close: true });
  const types: string[] = [];
  for await (const event of overStdio.follow("custom/x")) types.push(event.type);
  assert.deepEqual(types, ["a"]);
});

test("a spawned process starts a server and starts it again", async (context) => {
  const home = new TestHome(context);
  const client = await home.spawn();
  const { instanceId, pid } = await client.server.status();
  kill(pid);
  await losesConnection(client);
  assert.notEqual((await client.server.ping()).instanceId, instanceId);
});

test("a spawned process may be the server itself", async (context) => {
  const home = new TestHome(context);
  const client = await home.spawn({ inProcess: true });
  assert.equal((await client.server.status()).socket, "");
  const numbers = Array.from({ length: 2000 }, (_, index) => index);
  const events = numbers.map((number) => ({ type: "n", payload: { number, text: "x".repeat(1000) } }));
  await client.stream.append({ stream: "custom/x", events, close: true });
  const seen: unknown[] = [];
  for await (const event of client.follow("custom/x")) {
    seen.push((event.payload as { number: number }).number);
    // The followers share the connection with the calls, which never wait for a slow one.
    if (seen.length % 100 === 0) await client.server.ping();
  }
  assert.deepEqual(seen, numbers);
  await assert.rejects(spawn({ home: home.path, berth: program(), inProcess: true }), (error: unknown) => {
    return error instanceof ServerUnavailableError && error.message.includes(home.path);
  });
});

test("any command can be spawned", async (context) => {
  const home = new TestHome(context);
  const client = await home.spawn({ command: ["env", `BERTH_HOME=${home.path}`, program(), "serve", "--stdio"] });
  assert.equal((await client.server.status()).home, home.path);
  const broken = spawn({ command: ["sh", "-c", "echo out of order >&2"] });
  await assert.rejects(broken, { name: "ServerUnavailableError", message: /out of order/ });
});
