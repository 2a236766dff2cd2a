// Gives an agent something to do, prints what it says, and answers its questions.
//
//   node dist/examples/run-agent.js AGENT WORKSPACE PROMPT

import { createInterface } from "node:readline";

import { connect, isEvent, type Permission } from "../src/index.js";

async function main(agent: string, workspace: string, prompt: string): Promise<number> {
  const client = await connect({ onPermission: answer });
  try {
    const { run } = await client.agentRun.start({ agent, workspace, prompt: [{ type: "text", text: prompt }] });
    let isInMessage = false;
    // From its first event to its last, whatever becomes of the connection and of the server.
    for await (const event of client.follow(run.stream)) {
      if (isEvent(event, "message.delta")) {
        process.stdout.write(event.payload.text);
        isInMessage = true;
      } else if (isEvent(event, "message") && event.payload.role === "agent") {
        // What the deltas have said, whole; some agents send no deltas.
        const text = event.payload.content.map((block) => block.text ?? "").join("");
        console.log(isInMessage ? "" : text);
        isInMessage = false;
      } else if (isEvent(event, "output")) {
        console.log(event.payload.json ? JSON.stringify(event.payload.json) : event.payload.text);
      } else if (isEvent(event, "tool.call")) {
        console.error(`* ${event.payload.title ?? event.payload.kind ?? "tool"}`);
      } else if (isEvent(event, "permission.resolved")) {
        const { title, option, by } = event.payload.permission;
        console.error(`* ${title}: ${option ?? "no answer"}, by ${by}`);
      }
    }
    const { state, error } = await client.agentRun.get({ run: run.id, waitSeconds: 30 });
    if (error) console.error(`${error.type}: ${error.detail}`);
    return state === "completed" ? 0 : 1;
  } finally {
    await client.close();
  }
}

/** Asks whoever sits at the terminal. Leaves the question to other clients where nobody does, or they were faster. */
async function answer({ title, options }: Permission, signal: AbortSignal): Promise<string | undefined> {
  if (!process.stdin.isTTY) return undefined;
  console.error(`? ${title}`);
  options.forEach((option, index) => console.error(`  ${index + 1}) ${option.name}`));
  const lines = createInterface({ input: process.stdin });
  signal.addEventListener("abort", () => lines.close());
  try {
    for await (const line of lines) {
      const option = options[Number(line) - 1];
      if (option) return option.id;
    }
    return undefined;
  } finally {
    lines.close();
  }
}

const [agent, workspace, ...words] = process.argv.slice(2);
if (!agent || !workspace || words.length === 0) {
  console.error("usage: run-agent AGENT WORKSPACE PROMPT");
  process.exitCode = 2;
} else {
  process.exitCode = await main(agent, workspace, words.join(" "));
}
