// Calls to a real server.

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { createServer } from "node:net";
import type { TestContext } from "node:test";

import { ConnectionLostError, isBerthError, ServerUnavailableError, type Client } from "../src/index.js";
import { test, TestHome, until } from "./support.js";

async function started(context: TestContext): Promise<{ home: TestHome; client: Client }> {
  const home = new TestHome(context);
  home.startServer();
  return { home, client: await home.connect() };
}

/** Starts a job that waits for a server which never answers. */
async function endlessJob(context: TestContext, client: Client): Promise<string> {
  const silent = createServer((socket) => context.after(() => void socket.destroy()));
  await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
  context.after(() => void silent.close());
  const { workspace } = await client.workspace.create({ name: "slow" });
  const url = `http://127.0.0.1:${silent.address().port}/template.zip`;
  return (await client.workspace.cloneTemplate({ workspace: workspace.id, url })).job.id;
}

test("every kind of result arrives", async (context) => {
  const { home, client } = await started(context);
  assert.equal((await client.server.ping()).instanceId, client.handshake?.instanceId);
  const status = await client.server.status();
  assert.deepEqual([status.home, status.health], [home.path, "ok"]);
  const document = (await client.rpc.discover()) as { info: { title: string } };
  assert.equal(document.info.title, "Berth");
  const changed = await client.config.update({ patch: { server: { stopGraceSeconds: 1 } } });
  assert.equal(changed.config.server.stopGraceSeconds, 1);
  await client.base.setTrace({ value: "off" });
});

test("a workspace and its files", async (context) => {
  const { client } = await started(context);
  const created = await client.workspace.create({ name: "Demo", labels: { team: "a" }, metadata: { n: 1 } });
  assert(created.created);
  const workspace = created.workspace.id;
  const path = "src/höher.txt";
  const written = await client.file.write({ workspace, path, content: "grüße ✓\n", createParents: true });
  assert(written.created);
  const read = await client.file.read({ workspace, path });
  assert.deepEqual([read.content, read.encoding, read.eof], ["grüße ✓\n", "utf8", true]);
  const page = await client.file.list({ workspace, depth: 5, types: ["file"] });
  assert.deepEqual(page.entries.map((entry) => entry.path), [path]);
  assert.equal((await client.file.move({ workspace, from: path, to: "a.txt" })).path, "a.txt");
  const found = await client.workspace.list({ labels: { team: "a" } });
  assert.deepEqual(found.workspaces.map((row) => row.slug), ["demo"]);
});

test("errors say what is wrong", async (context) => {
  const { client } = await started(context);
  await assert.rejects(client.workspace.get({ workspace: "nowhere" }), (error: unknown) => {
    assert(isBerthError(error, "workspace_not_found"));
    return error.code === 404 && !error.retryable;
  });
  await assert.rejects(client.file.read({ workspace: "", path: "", offset: -1 }), (error: unknown) => {
    assert(isBerthError(error, "invalid_params"));
    assert.deepEqual(error.errors.map((fault) => fault.loc), [["workspace"], ["path"], ["offset"]]);
    return true;
  });
  await assert.rejects(client.request("no/such"), { type: "method_not_found" });
});

test("a hundred calls at once", async (context) => {
  const { client } = await started(context);
  const workspace = (await client.workspace.create({ name: "many" })).workspace.id;
  const names = Array.from({ length: 100 }, (_, index) => `${index}.txt`);
  await Promise.all(names.map((path) => client.file.write({ workspace, path, content: path })));
  const read = await Promise.all(names.map((path) => client.file.read({ workspace, path })));
  assert.deepEqual(read.map((file) => file.content), names);
});

test("sixteen megabytes", async (context) => {
  const { client } = await started(context);
  const { workspace } = await client.workspace.create({ name: "large" });
  const content = "0123456789abcde\n".repeat(1 << 20);
  await client.file.write({ workspace: workspace.id, path: "text", content });
  assert((await client.file.read({ workspace: workspace.id, path: "text" })).content === content);
  const data = Buffer.alloc(16 << 20, "\0\u0001\u0002\u00ff");
  writeFileSync(`${workspace.path}/data`, data.subarray(1));
  const read = await client.file.read({ workspace: workspace.id, path: "data", encoding: "base64" });
  assert(Buffer.from(read.content, "base64").equals(data.subarray(1)));
});

test("two clients see the same", async (context) => {
  const { home, client } = await started(context);
  const other = await home.connect();
  const { workspace } = await other.workspace.create({ key: "shared" });
  assert.equal((await client.workspace.get({ workspace: "shared" })).id, workspace.id);
  assert.equal((await client.server.status()).counts.connections, 2);
});

test("a job reports its progress", async (context) => {
  const { client } = await started(context);
  const workspace = (await client.workspace.create({ name: "job" })).workspace.id;
  await client.file.write({ workspace, path: "a.txt", content: "a" });
  const steps: string[] = [];
  const onProgress = (step: { kind: string }) => void steps.push(step.kind);
  const { job } = await client.workspace.snapshot({ workspace, waitSeconds: 60 }, { onProgress, timeoutMs: 60_000 });
  assert.equal(job.state, "succeeded");
  assert.deepEqual([steps[0], steps[steps.length - 1]], ["begin", "end"]);
});

test("a cancelled call is cancelled at the server", async (context) => {
  const { client } = await started(context);
  const job = await endlessJob(context, client);
  const inFlight = async () => (await client.server.status()).counts.inFlight;
  const controller = new AbortController();
  const waiting = client.job.get({ job, waitSeconds: 600 }, { signal: controller.signal });
  waiting.catch(() => undefined);
  await until(async () => (await inFlight()) === 2);
  controller.abort();
  await assert.rejects(waiting, { name: "AbortError" });
  await until(async () => (await inFlight()) === 1);
  const late = client.job.get({ job, waitSeconds: 600 }, { timeoutMs: 50 });
  await assert.rejects(late, { name: "RequestTimeoutError" });
  await until(async () => (await inFlight()) === 1);
  assert.equal((await client.job.cancel({ job })).state, "cancelled");
});

test("a call that is open when the server is killed fails and the next one connects", async (context) => {
  const { home, client } = await started(context);
  const job = await endlessJob(context, client);
  const waiting = client.job.get({ job, waitSeconds: 600 });
  waiting.catch(() => undefined);
  await client.server.ping();
  await home.killServer();
  await assert.rejects(waiting, ConnectionLostError);
  await assert.rejects(client.server.ping(), ServerUnavailableError);
  home.startServer();
  assert.equal((await client.job.get({ job })).state, "interrupted");
});
