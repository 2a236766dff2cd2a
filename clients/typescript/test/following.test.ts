// Streams of a real server.

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import type { TestContext } from "node:test";

import {
  BerthError,
  connect,
  ConnectionLostError,
  isEvent,
  ServerUnavailableError,
  type Client,
  type FileEvent,
  type Follower,
  type Gap,
  type StreamEvent,
} from "../src/index.js";
import { sleep, test, TestHome, until } from "./support.js";

const stream = "custom/numbers";

async function started(context: TestContext): Promise<{ home: TestHome; client: Client }> {
  const home = new TestHome(context);
  home.startServer();
  return { home, client: await home.connect({ start: true }) };
}

function upTo(end: number, start = 0): number[] {
  return Array.from({ length: end - start }, (_, index) => start + index);
}

/** Appends numbers to the stream; each of them once, however often the server goes. */
async function append(client: Client, numbers: number[], close = false, padding = 0): Promise<void> {
  const events = numbers.map((number) => ({ type: "number", payload: { number, padding: "x".repeat(padding) } }));
  for (;;) {
    try {
      await client.stream.append({ stream, events, close, idempotencyKey: `${numbers[0]}` });
      return;
    } catch (error) {
      const isPassing = error instanceof ConnectionLostError || error instanceof ServerUnavailableError;
      if (!isPassing && !(error instanceof BerthError && error.retryable)) throw error;
    }
  }
}

async function numbers(follower: Follower<StreamEvent>, delayMs = 0): Promise<number[]> {
  const seen: number[] = [];
  for await (const event of follower) {
    seen.push((event.payload as { number: number }).number);
    if (delayMs > 0) await sleep(delayMs);
  }
  return seen;
}

/** Waits until somebody has started a server. */
async function reached(client: () => Promise<Client>): Promise<Client> {
  let found: Client | undefined;
  await until(async () => {
    found = await client().catch(() => undefined);
    return found !== undefined;
  });
  assert(found);
  return found;
}

test("the past comes first, then the present and then the end", async (context) => {
  const { client } = await started(context);
  await append(client, [0, 1, 2]);
  const follower = client.follow(stream);
  const seen = numbers(follower);
  await append(client, [3, 4]);
  await append(client, [5], true);
  assert.deepEqual(await seen, [0, 1, 2, 3, 4, 5]);
  assert.equal(follower.endReason, "closed");
});

test("a part of a stream", async (context) => {
  const { client } = await started(context);
  await append(client, upTo(10));
  assert.deepEqual(await numbers(client.follow(stream, { tail: 3, live: false })), [7, 8, 9]);
  const follower = client.follow(stream, { live: false });
  assert.deepEqual(await numbers(follower), upTo(10));
  assert.equal(follower.endReason, "caught_up");
  await append(client, [10]);
  const { cursor } = follower;
  assert(cursor);
  assert.deepEqual(await numbers(client.follow(stream, { after: cursor, live: false })), [10]);
  assert.deepEqual(await numbers(client.follow(stream, { types: ["other"], live: false })), []);
});

test("nothing is lost or doubled when the server is killed again and again", async (context) => {
  const { home, client } = await started(context);
  const total = 600;
  await append(client, [0]);
  const followers = [0, 0, 0, 2].map((delayMs) => numbers(client.follow(stream), delayMs));
  for (const number of upTo(total, 1)) {
    if (number % 100 === 0) await home.killServer();
    await append(client, [number], number === total - 1);
  }
  for (const seen of followers) assert.deepEqual(await seen, upTo(total));
});

test("a follower alone brings a killed server back", async (context) => {
  const { home, client } = await started(context);
  await append(client, [0]);
  const follower = client.follow(stream);
  await follower.next();
  const seen = numbers(follower);
  await home.killServer();
  const other = await reached(() => connect({ home: home.path, start: false }));
  await append(other, [1], true);
  await other.close();
  assert.deepEqual(await seen, [1]);
});

test("a tail of none misses nothing while the server is away", async (context) => {
  const { home, client } = await started(context);
  await append(client, [0, 1]);
  const follower = client.follow(stream, { tail: 0 });
  const seen = numbers(follower);
  await until(() => follower.cursor !== undefined);
  await home.killServer();
  await append(client, [2]);
  await append(client, [3], true);
  assert.deepEqual(await seen, [2, 3]);
});

test("a slow follower holds up nobody", async (context) => {
  const { client } = await started(context);
  const [size, total] = [10_000, 3000];
  await append(client, [0], false, size);
  const slow = client.follow(stream);
  await slow.next();
  const fast = numbers(client.follow(stream));
  for (let start = 1; start < total; start += 100) {
    const end = Math.min(start + 100, total);
    await append(client, upTo(end, start), end === total, size);
  }
  assert.deepEqual(await fast, upTo(total));
  assert(slow.queuedBytes < 1 << 20);
  await client.server.ping();
  assert.deepEqual(await numbers(slow), upTo(total, 1));
});

test("calls can be made between events", async (context) => {
  const { client } = await started(context);
  await append(client, upTo(1000), true, 1000);
  let seen = 0;
  for await (const _ of client.follow(stream)) {
    await client.server.ping();
    seen += 1;
  }
  assert.equal(seen, 1000);
});

test("what retention has removed is told as a gap", async (context) => {
  const { client } = await started(context);
  await client.config.update({ patch: { streams: { maxBytes: 65536 } } });
  await append(client, [0]);
  const follower = client.follow(stream, { live: false });
  assert.deepEqual(await numbers(follower), [0]);
  const after = follower.cursor;
  assert(after);
  for (let start = 1; start < 1001; start += 100) await append(client, upTo(start + 100, start), false, 1000);
  const gaps: Gap[] = [];
  const rest = await numbers(client.follow(stream, { after, live: false, onGap: (gap) => gaps.push(gap) }));
  assert.deepEqual(rest, upTo(1001, rest[0]));
  assert.notEqual(rest[0], 1);
  assert.deepEqual(gaps.map((gap) => [gap.reason, gap.after]), [["retention", after]]);
});

test("followers of a missing stream are told", async (context) => {
  const { client } = await started(context);
  await assert.rejects(client.follow("custom/nothing").next(), { type: "stream_not_found" });
});

test("state changes are typed", async (context) => {
  const { client } = await started(context);
  const events = client.events({ tail: 0, types: ["workspace.*"] });
  const next = events.next();
  await until(() => events.cursor !== undefined);
  const { workspace } = await client.workspace.create({ name: "new" });
  const event = (await next).value;
  assert(event && isEvent(event, "workspace.created"));
  assert.equal(event.payload.id, workspace.id);
  await events.close();
});

test("file changes are told and a restart is a gap", async (context) => {
  const { home, client } = await started(context);
  const { workspace } = await client.workspace.create({ name: "watched" });
  const gaps: Gap[] = [];
  const watch = client.watch({ workspace: workspace.id, debounceMs: 0 }, { onGap: (gap) => gaps.push(gap) });
  await told(watch, `${workspace.path}/first`, "first");
  assert.equal(gaps.length, 0);
  await home.killServer();
  await until(() => client.server.ping().then(() => true, () => false));
  await told(watch, `${workspace.path}/second`, "second");
  assert.deepEqual(gaps.map((gap) => gap.reason), ["restart"]);
  await watch.close();
});

/** Makes files until one is told. */
async function told(watch: Follower<FileEvent>, path: string, name: string): Promise<void> {
  let isTold = false;
  const waiting = (async () => {
    for (;;) {
      const { value, done } = await watch.next();
      assert(!done);
      if (value.payload.path.startsWith(name)) break;
    }
    isTold = true;
  })();
  for (let number = 0; !isTold; number += 1) {
    writeFileSync(`${path}-${number}`, "");
    await Promise.race([sleep(20), waiting]);
  }
}

test("a server that was stopped is not brought back by a follower", async (context) => {
  const { home, client } = await started(context);
  await append(client, [0]);
  const follower = client.follow(stream);
  await follower.next();
  const seen = numbers(follower);
  await client.server.stop();
  // Three times as long as a follower waits before it starts a server that was killed.
  await sleep(1500);
  await assert.rejects(connect({ home: home.path, start: false }), ServerUnavailableError);
  await append(client, [1], true);
  assert.deepEqual(await seen, [1]);
});
