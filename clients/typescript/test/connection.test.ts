import assert from "node:assert/strict";
import type { TestContext } from "node:test";

import { BerthError, connect, ConnectionLostError, isBerthError, type PermissionHandler } from "../src/index.js";
import { frame } from "../src/framing.js";
import { clientOf, serve, test, until, type Message } from "./support.js";

test("answers find their requests in any order", async (context) => {
  const socket = await serve(context, async (peer) => {
    await peer.initialize();
    const requests = [await peer.receive(), await peer.receive(), await peer.receive()];
    for (const request of requests.reverse()) await peer.answer(request, request.params);
    await peer.stay();
  });
  const client = await clientOf(context, socket);
  const answers = await Promise.all([0, 1, 2].map((n) => client.request("echo", { n })));
  assert.deepEqual(answers, [{ n: 0 }, { n: 1 }, { n: 2 }]);
});

test("aborting cancels the request", async (context) => {
  const socket = await serve(context, async (peer) => {
    await peer.initialize();
    const slow = await peer.expect("server/status");
    const cancel = await peer.expect("$/cancelRequest");
    assert.deepEqual(cancel.params, { id: slow.id });
    await peer.refuse(slow, "cancelled", -32800);
    await peer.answer(await peer.expect("server/ping"), { instanceId: "after" });
    await peer.stay();
  });
  const client = await clientOf(context, socket);
  const controller = new AbortController();
  const slow = client.server.status({ signal: controller.signal });
  setTimeout(() => controller.abort(), 10);
  await assert.rejects(slow, { name: "AbortError" });
  assert.deepEqual(await client.server.ping(), { instanceId: "after" });
  await assert.rejects(client.server.ping({ signal: controller.signal }), { name: "AbortError" });
});

test("a call that takes too long is cancelled and says so", async (context) => {
  const socket = await serve(context, async (peer) => {
    await peer.initialize();
    await peer.expect("server/ping");
    await peer.expect("$/cancelRequest");
    await peer.stay();
  });
  const client = await clientOf(context, socket, { timeoutMs: 50 });
  await assert.rejects(client.server.ping(), { name: "RequestTimeoutError", message: /server\/ping/ });
  await assert.rejects(client.server.ping({ timeoutMs: 1 }), { name: "RequestTimeoutError" });
});

test("what is open fails when the connection ends and the next call connects again", async (context) => {
  const socket = await serve(
    context,
    async (peer) => {
      await peer.initialize();
      await peer.receive();
      await peer.receive();
    },
    async (peer) => {
      await peer.initialize();
      await peer.answer(await peer.expect("server/ping"), { instanceId: "second" });
      await peer.stay();
    },
  );
  const client = await clientOf(context, socket);
  const calls = [client.server.ping(), client.server.ping()];
  for (const call of calls) await assert.rejects(call, ConnectionLostError);
  assert.deepEqual(await client.server.ping(), { instanceId: "second" });
});

test("an error has all that the server told", async (context) => {
  const fault = { loc: ["path"], msg: "is missing", type: "missing" };
  const data = { type: "limit_reached", detail: "d", retryable: true, retryAfterMs: 5, errors: [fault] };
  const socket = await serve(context, async (peer) => {
    await peer.initialize();
    const request = await peer.receive();
    await peer.send({ id: request.id, error: { code: 429, message: "Too many.", data } });
    await peer.stay();
  });
  const client = await clientOf(context, socket);
  const error: unknown = await client.server.ping().catch((error: unknown) => error);
  assert(isBerthError(error, "no_space", "limit_reached"));
  assert.deepEqual([error.code, error.message, error.detail], [429, "Too many.", "d"]);
  assert.deepEqual([error.retryable, error.retryAfterMs, error.errors], [true, 5, [fault]]);
  assert(isBerthError(error));
  assert(!isBerthError(error, "no_space"));
  assert(!isBerthError(new Error()));
});

test("a message that the server would skip is not sent", async (context) => {
  const socket = await serve(context, async (peer) => {
    await peer.initialize(1000);
    await peer.answer(await peer.expect("server/ping"), { instanceId: "small" });
    await peer.stay();
  });
  const client = await clientOf(context, socket);
  const write = client.file.write({ workspace: "ws", path: "a", content: "x".repeat(1000) });
  await assert.rejects(write, { type: "message_too_large" });
  assert.deepEqual(await client.server.ping(), { instanceId: "small" });
});

test("an error without a request ends the connection so that nobody waits for ever", async (context) => {
  const socket = await serve(context, async (peer) => {
    await peer.initialize();
    await peer.receive();
    await peer.send({ id: null, error: { code: -32700, message: "No JSON." } });
    await peer.stay();
  });
  const client = await clientOf(context, socket);
  const error = await client.server.ping().catch((error: unknown) => error);
  assert(error instanceof ConnectionLostError);
  assert((error as { cause?: unknown }).cause instanceof BerthError);
});

test("what is no protocol ends the connection", async (context) => {
  const texts = ["{", "[]", '{"id":"x"}', "null"].map((body) => Buffer.from(frame(body).text));
  const invalid = Buffer.concat([Buffer.from("Content-Length: 1\r\n\r\n"), Buffer.from("/w==", "base64")]);
  for (const data of [...texts, invalid, Buffer.from("HTTP/1.1 200 OK\r\n\r\n")]) {
    const socket = await serve(context, async (peer) => {
      await peer.initialize();
      await peer.receive();
      await peer.sendRaw(data);
      await peer.stay();
    });
    const client = await clientOf(context, socket);
    await assert.rejects(client.server.ping(), ConnectionLostError);
  }
});

test("progress and other notifications reach their handlers", async (context) => {
  const socket = await serve(context, async (peer) => {
    await peer.initialize();
    const request = await peer.receive();
    const token: unknown = request.params.workDoneToken;
    for (const kind of ["begin", "report", "end"]) {
      await peer.send({ method: "$/progress", params: { token, value: { kind } } });
    }
    await peer.send({ method: "$/logTrace", params: { message: "m" } });
    await peer.answer(request, { instanceId: "done" });
    await peer.stay();
  });
  const others: unknown[] = [];
  const steps: string[] = [];
  const client = await clientOf(context, socket, { onNotification: (...all) => others.push(all) });
  await client.server.ping({ onProgress: (step) => steps.push(step.kind) });
  assert.deepEqual(steps, ["begin", "report", "end"]);
  assert.deepEqual(others, [["$/logTrace", { message: "m" }]]);
});

test("a request of the server's is answered", async (context) => {
  let answer: Message | undefined;
  const socket = await serve(context, async (peer) => {
    await peer.initialize();
    await peer.send({ id: "s1", method: "agentRun/requestPermission", params: {} });
    answer = await peer.receive();
    await peer.stay();
  });
  await clientOf(context, socket);
  await until(() => answer !== undefined);
  assert.deepEqual([answer?.id, (answer?.error as { code: number }).code], ["s1", -32601]);
});

/** What a client answers to a question: a result, or an error's code. */
async function asked(context: TestContext, onPermission: PermissionHandler, withdrawnAt?: Promise<void>) {
  let answer: Message | undefined;
  const socket = await serve(context, async (peer) => {
    await peer.initialize(undefined, { permissions: true });
    const params = { permission: { id: "prm_1", title: "May I?" } };
    await peer.send({ id: "s1", method: "agentRun/requestPermission", params });
    await withdrawnAt;
    if (withdrawnAt) await peer.send({ method: "$/cancelRequest", params: { id: "s1" } });
    answer = await peer.receive();
    await peer.stay();
  });
  await clientOf(context, socket, { onPermission });
  await until(() => answer !== undefined);
  assert.equal(answer?.id, "s1");
  return answer.result ?? (answer.error as { code: number }).code;
}

test("a question of an agent is answered", async (context) => {
  assert.deepEqual(await asked(context, async ({ title }) => title), { option: "May I?" });
});

test("a question is left to others", async (context) => {
  assert.equal(await asked(context, async () => undefined), -32800);
});

test("a question that another has answered is taken back", async (context) => {
  let begin = (): void => undefined;
  const begun = new Promise<void>((resolve) => (begin = resolve));
  let isAborted = false;
  const wait: PermissionHandler = (_, signal) => {
    begin();
    return new Promise(() => signal.addEventListener("abort", () => (isAborted = true)));
  };
  assert.equal(await asked(context, wait, begun), -32800);
  assert(isAborted);
});

test("without a server the client says so", async () => {
  const client = connect({ socket: "/nowhere/berth.sock", start: false });
  await assert.rejects(client, { name: "ServerUnavailableError", message: /serve --detach/ });
});

test("a closed client makes no calls", async (context) => {
  const socket = await serve(context, async (peer) => {
    await peer.initialize();
    await peer.stay();
  });
  const client = await clientOf(context, socket);
  await client.close();
  await assert.rejects(client.server.ping(), /closed/);
});

test("text of any language arrives, however it is cut", async (context) => {
  const text = { text: "höher ✓ 🚢 \u0000 \u2028" };
  const socket = await serve(context, async (peer) => {
    await peer.initialize();
    const request = await peer.receive();
    const data = Buffer.from(frame(JSON.stringify({ jsonrpc: "2.0", id: request.id, result: request.params })).text);
    for (let at = 0; at < data.length; at += 1) await peer.sendRaw(data.subarray(at, at + 1));
    await peer.stay();
  });
  const client = await clientOf(context, socket);
  assert.deepEqual(await client.request("echo", text), text);
});
