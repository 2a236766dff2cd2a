"""Gives an agent something to do, prints what it says, and answers its questions.

python3 run_agent.py AGENT WORKSPACE PROMPT
"""

from __future__ import annotations

import asyncio
import json
import sys

import berth
from berth.types import Permission


async def answer(permission: Permission) -> str | None:
    """Asks whoever sits at the terminal. Leaves the question to other clients where nobody does."""
    if not sys.stdin.isatty():
        return None
    print(f"? {permission['title']}", file=sys.stderr)
    for place, option in enumerate(permission["options"], 1):
        print(f"  {place}) {option['name']}", file=sys.stderr)
    # Cancelled where another client was faster; the thread then reads one more line.
    while line := await asyncio.to_thread(sys.stdin.readline):
        number = line.strip()
        if number.isdecimal() and 0 < int(number) <= len(permission["options"]):
            return permission["options"][int(number) - 1]["id"]
    return None


async def main(agent: str, workspace: str, prompt: str) -> int:
    async with berth.connect(on_permission=answer) as client:
        started = await client.agentRun.start([{"type": "text", "text": prompt}], agent=agent, workspace=workspace)
        is_in_message = False
        # From its first event to its last, whatever becomes of the connection and of the server.
        async for event in client.follow(started["run"]["stream"]):
            payload = event["payload"]
            match event["type"]:
                case "message.delta":
                    print(payload["text"], end="", flush=True)
                    is_in_message = True
                case "message" if payload["role"] == "agent":
                    # What the deltas have said, whole; some agents send no deltas.
                    text = "".join(block.get("text", "") for block in payload["content"])
                    print("" if is_in_message else text, flush=True)
                    is_in_message = False
                case "output":
                    print(json.dumps(payload["json"]) if "json" in payload else payload["text"], flush=True)
                case "tool.call":
                    print(f"* {payload.get('title', 'tool')}", file=sys.stderr)
                case "permission.resolved":
                    permission = payload["permission"]
                    print(f"* {permission['title']}: {permission.get('option', 'no answer')}", file=sys.stderr)
        run = await client.agentRun.get(started["run"]["id"], wait_seconds=30)
        if "error" in run:
            print(f"{run['error']['type']}: {run['error']['detail']}", file=sys.stderr)
        return 0 if run["state"] == "completed" else 1


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit("usage: run_agent.py AGENT WORKSPACE PROMPT")
    sys.exit(asyncio.run(main(sys.argv[1], sys.argv[2], " ".join(sys.argv[3:]))))
