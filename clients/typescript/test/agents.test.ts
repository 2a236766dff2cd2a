// Runs of agents, with a real server and scripts for agents.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import type { TestContext } from "node:test";

import { isEvent, type Client, type EventPayloads } from "../src/index.js";
import { kill, program, test, TestHome } from "./support.js";

/** A server with a workspace and an agent that is a script. */
async function prepared(context: TestContext, script: string): Promise<{ home: TestHome; client: Client }> {
  const home = new TestHome(context);
  const agents = { scripted: { kind: "command", command: "/bin/sh", args: ["-c", script] } };
  mkdirSync(home.path, { recursive: true });
  writeFileSync(`${home.path}/config.json`, JSON.stringify({ agents }));
  home.startServer();
  const client = await home.connect({ start: true });
  await client.workspace.create({ name: "shop" });
  return { home, client };
}

test("a run is followed from its first event to its last", async (context) => {
  const { client } = await prepared(context, "cat; echo done; exit 3");
  const prompt = [{ type: "text" as const, text: "do it" }];
  const { run } = await client.agentRun.start({ workspace: "shop", prompt, idempotencyKey: "once" });
  const seqs: number[] = [];
  const lines: string[] = [];
  let failed: EventPayloads["run.failed"] | undefined;
  for await (const event of client.follow(run.stream)) {
    seqs.push((event.payload as { seq: number }).seq);
    if (isEvent(event, "output")) lines.push(event.payload.text);
    if (isEvent(event, "run.failed")) failed = event.payload;
  }
  assert.deepEqual(lines, ["do it", "done"]);
  assert.deepEqual(seqs, seqs.map((_, index) => index + 1));
  assert.deepEqual([failed?.type, failed?.exit?.code], ["agent_exited", 3]);
  const again = await client.agentRun.start({ workspace: "shop", prompt, idempotencyKey: "once" });
  assert.deepEqual([again.created, again.run.id, again.run.state], [false, run.id, "failed"]);
});

test("a run goes on when the server is killed, with nothing lost or doubled", async (context) => {
  const script = "cat >/dev/null; i=0; while [ $i -lt 200 ]; do i=$((i+1)); echo $i; sleep 0.01; done";
  const { home, client } = await prepared(context, script);
  const prompt = [{ type: "text" as const, text: "count" }];
  const { run } = await client.agentRun.start({ workspace: "shop", prompt });
  const numbers: number[] = [];
  for await (const event of client.follow(run.stream)) {
    if (!isEvent(event, "output")) continue;
    numbers.push(Number(event.payload.text));
    // The server alone: what holds the agent's program outlives it.
    if (numbers.length === 50) kill((JSON.parse(readFileSync(`${home.path}/lock`, "utf8")) as { pid: number }).pid);
  }
  assert.deepEqual(numbers, Array.from({ length: 200 }, (_, index) => index + 1));
  assert.equal((await client.agentRun.get({ run: run.id })).state, "completed");
});

test("the example prints what an agent says", async (context) => {
  const { home } = await prepared(context, "cat; echo done");
  const example = new URL("../examples/run-agent.js", import.meta.url).pathname;
  const child = spawn(process.execPath, [example, "scripted", "shop", "do", "it"], {
    env: { ...process.env, BERTH: program(), BERTH_HOME: home.path },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let printed = "";
  child.stdout?.on("data", (piece) => (printed += piece.toString()));
  const code = await new Promise((resolve) => child.on("close", resolve));
  assert.deepEqual([code, printed], [0, "do it\ndone\n"]);
});
