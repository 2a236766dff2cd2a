// How a follower behaves when the server does what it does rarely.

import assert from "node:assert/strict";

import { isBerthError, ServerUnavailableError, type Follower } from "../src/index.js";
import { clientOf, serve, sleep, test, until, type Peer } from "./support.js";

/** The client's own connection, which the followers do not use. */
async function calls(peer: Peer): Promise<void> {
  await peer.initialize();
  await peer.stay();
}

async function goes(): Promise<void> {
  // Closes the connection at once.
}

async function cursors(follower: Follower<{ cursor: string }>): Promise<string[]> {
  const seen: string[] = [];
  for await (const event of follower) seen.push(event.cursor);
  return seen;
}

test("it goes on after the last event when the connection is lost", async (context) => {
  const socket = await serve(
    context,
    calls,
    async (peer) => {
      await peer.initialize();
      assert.deepEqual(await peer.attach("a1"), { stream: "custom/x", follow: true, types: ["x"] });
      await peer.events("a1", ["1", "2"]);
      await peer.events("a1", ["3"]);
    },
    async (peer) => {
      await peer.initialize();
      assert.deepEqual(await peer.attach("a1"), { stream: "custom/x", follow: true, types: ["x"], after: "3" });
      await peer.events("a1", ["4"]);
      await peer.end("a1");
    },
  );
  const follower = (await clientOf(context, socket)).follow("custom/x", { types: ["x"] });
  assert.deepEqual(await cursors(follower), ["1", "2", "3", "4"]);
  assert.deepEqual([follower.endReason, follower.cursor], ["closed", "4"]);
});

test("a tail is anchored when the connection is lost before the first event", async (context) => {
  const socket = await serve(
    context,
    calls,
    async (peer) => {
      await peer.initialize();
      assert.deepEqual(await peer.attach("a1", "7"), { stream: "custom/x", follow: true, tail: 0 });
    },
    async (peer) => {
      await peer.initialize();
      assert.deepEqual(await peer.attach("a2"), { stream: "custom/x", follow: true, after: "7" });
      await peer.events("a2", ["8"]);
      await peer.end("a2");
    },
  );
  assert.deepEqual(await cursors((await clientOf(context, socket)).follow("custom/x", { tail: 0 })), ["8"]);
});

test("a gap is told in its place and only once", async (context) => {
  const socket = await serve(
    context,
    calls,
    async (peer) => {
      await peer.initialize();
      await peer.attach("a1");
      await peer.events("a1", ["1"]);
      const params = { attachment: "a1", from: "1", to: "5", reason: "retention" };
      await peer.send({ method: "stream/gap", params });
    },
    async (peer) => {
      await peer.initialize();
      assert.deepEqual(await peer.attach("a1"), { stream: "custom/x", follow: true, after: "5" });
      await peer.events("a1", ["6"]);
      await peer.end("a1");
    },
  );
  const seen: unknown[] = [];
  const client = await clientOf(context, socket);
  for await (const event of client.follow("custom/x", { onGap: (gap) => seen.push(gap) })) seen.push(event.cursor);
  assert.deepEqual(seen, ["1", { reason: "retention", after: "1", to: "5" }, "6"]);
});

test("it waits while the server cannot take it back yet", async (context) => {
  const refuses = async (peer: Peer) => {
    await peer.initialize();
    await peer.refuse(await peer.receive(), "shutting_down", 503, true);
    await peer.stay();
  };
  const socket = await serve(
    context,
    calls,
    async (peer) => {
      await peer.initialize();
      await peer.attach("a1");
      await peer.events("a1", ["1"]);
    },
    refuses,
    goes,
    refuses,
    async (peer) => {
      await peer.initialize();
      await peer.attach("a1");
      await peer.end("a1");
    },
  );
  assert.deepEqual(await cursors((await clientOf(context, socket)).follow("custom/x")), ["1"]);
});

test("it fails with what the server says", async (context) => {
  const socket = await serve(context, calls, async (peer) => {
    await peer.initialize();
    await peer.refuse(await peer.receive(), "stream_not_found");
    await peer.stay();
  });
  const follower = (await clientOf(context, socket)).follow("custom/x");
  await assert.rejects(cursors(follower), (error: unknown) => isBerthError(error, "stream_not_found"));
  assert.deepEqual(await cursors(follower), []);
});

test("it gives up after the time it was told", async (context) => {
  const once = async (peer: Peer) => {
    await peer.initialize();
    await peer.attach("a1");
    await peer.events("a1", ["1"]);
  };
  const socket = await serve(context, calls, once, ...Array.from({ length: 100 }, () => goes));
  const client = await clientOf(context, socket, { reconnectMs: 200 });
  await assert.rejects(cursors(client.follow("custom/x")), ServerUnavailableError);
});

test("a watch that ended with its server begins again with a gap", async (context) => {
  const watches = async (peer: Peer, cursor: string) => {
    await peer.initialize();
    assert.deepEqual(await peer.attach("a1"), { workspace: "ws", recursive: false });
    await peer.events("a1", [cursor]);
  };
  const socket = await serve(
    context,
    calls,
    (peer) => watches(peer, "1"),
    async (peer) => {
      await peer.initialize();
      const request = await peer.expect("stream/attach");
      assert.deepEqual(request.params, { stream: "custom/x", after: "1" });
      await peer.refuse(request, "stream_not_found");
      await peer.stay();
    },
    async (peer) => {
      await watches(peer, "9");
      await peer.end("a1", "deleted");
    },
  );
  const seen: unknown[] = [];
  const client = await clientOf(context, socket);
  const watch = client.watch({ workspace: "ws", recursive: false }, { onGap: (gap) => seen.push(gap) });
  for await (const event of watch) seen.push(event.cursor);
  assert.deepEqual(seen, ["1", { reason: "restart", after: "1" }, "9"]);
});

test("a slow consumer makes the server wait", async (context) => {
  let sent = 0;
  const total = 400;
  const socket = await serve(context, calls, async (peer) => {
    await peer.initialize();
    await peer.attach("a1");
    for (let number = 0; number < total; number += 1) {
      await peer.events("a1", [`${number}`], 64 << 10);
      sent = number + 1;
    }
    await peer.end("a1");
    await peer.stay();
  });
  const follower = (await clientOf(context, socket)).follow("custom/x");
  assert.equal((await follower.next()).value?.cursor, "0");
  // What fits the queue and the buffers of both sockets comes; then nothing moves any more.
  for (let before = -1; before !== sent; ) {
    before = sent;
    await sleep(100);
  }
  assert(sent < 60, `${sent} of ${total} were sent`);
  assert(follower.queuedBytes < 1 << 20);
  const rest = await cursors(follower);
  assert.deepEqual(rest, Array.from({ length: total - 1 }, (_, index) => `${index + 1}`));
});

test("leaving the loop ends its connection", async (context) => {
  let isGone = false;
  const socket = await serve(context, calls, async (peer) => {
    await peer.initialize();
    await peer.attach("a1");
    await peer.events("a1", ["1", "2"]);
    await peer.stay().finally(() => (isGone = true));
  });
  const follower = (await clientOf(context, socket)).follow("custom/x");
  for await (const event of follower) {
    assert.equal(event.cursor, "1");
    break;
  }
  await until(() => isGone);
  assert.deepEqual(await cursors(follower), []);
  assert.equal(follower.cursor, "1");
});

test("a signal ends the iteration with its reason", async (context) => {
  const socket = await serve(context, calls, async (peer) => {
    await peer.initialize();
    await peer.attach("a1");
    await peer.events("a1", ["1"]);
    await peer.stay();
  });
  const controller = new AbortController();
  const client = await clientOf(context, socket);
  const seen: string[] = [];
  const following = async () => {
    for await (const event of client.follow("custom/x", { signal: controller.signal })) {
      seen.push(event.cursor);
      setTimeout(() => controller.abort(), 10);
    }
  };
  await assert.rejects(following(), { name: "AbortError" });
  assert.deepEqual(seen, ["1"]);
});

test("closing the client ends its followers", async (context) => {
  let isAttached = false;
  const socket = await serve(context, calls, calls, async (peer) => {
    await peer.initialize();
    await peer.attach("a1");
    await peer.events("a1", ["1"]);
    isAttached = true;
    await peer.stay();
  });
  const client = await clientOf(context, socket);
  const waiting = cursors(client.follow("custom/x"));
  await sleep(10);
  const reading = cursors(client.follow("custom/x"));
  await until(() => isAttached);
  await sleep(10);
  await client.close();
  assert.deepEqual([await waiting, await reading], [[], ["1"]]);
});
