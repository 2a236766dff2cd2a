"""Runs of agents, with a real server and scripts for agents."""

import asyncio
import json
import os
import subprocess
import sys
import unittest
from pathlib import Path
from typing import Any

import berth
from support import DEADLINE_SECONDS, ServerCase, program

EXAMPLE = Path(__file__).parent.parent / "examples" / "run_agent.py"


class AgentTests(ServerCase):
    async def prepare(self, script: str) -> berth.Client:
        """A client of a server with a workspace and an agent that is a script."""
        agents = {"scripted": {"kind": "command", "command": "/bin/sh", "args": ["-c", script]}}
        self.home.mkdir()
        (self.home / "config.json").write_text(json.dumps({"agents": agents}))
        self.start_server()
        client = berth.connect(home=self.home, berth=program())
        self.addAsyncCleanup(client.close)
        await client.workspace.create(name="shop")
        return client

    async def test_a_run_is_followed_from_its_first_event_to_its_last(self) -> None:
        client = await self.prepare("cat; echo done; exit 3")
        prompt: list[Any] = [{"type": "text", "text": "do it"}]
        run = (await client.agentRun.start(prompt, workspace="shop", idempotency_key="once"))["run"]
        events = [event async for event in client.follow(run["stream"])]
        lines = [event["payload"]["text"] for event in events if event["type"] == "output"]
        self.assertEqual(lines, ["do it", "done"])
        self.assertEqual([event["payload"]["seq"] for event in events], list(range(1, len(events) + 1)))
        self.assertEqual(events[-1]["type"], "run.failed")
        self.assertEqual((events[-1]["payload"]["type"], events[-1]["payload"]["exit"]["code"]), ("agent_exited", 3))
        again = await client.agentRun.start(prompt, workspace="shop", idempotency_key="once")
        self.assertEqual((again["created"], again["run"]["id"]), (False, run["id"]))

    async def test_a_run_goes_on_when_the_server_is_killed_with_nothing_lost_or_doubled(self) -> None:
        script = "cat >/dev/null; i=0; while [ $i -lt 200 ]; do i=$((i+1)); echo $i; sleep 0.01; done"
        client = await self.prepare(script)
        run = (await client.agentRun.start([{"type": "text", "text": "count"}], workspace="shop"))["run"]
        numbers: list[int] = []
        async with asyncio.timeout(DEADLINE_SECONDS):
            async for event in client.follow(run["stream"]):
                if event["type"] == "output":
                    numbers.append(int(event["payload"]["text"]))
                    if len(numbers) == 50:
                        self.kill_server()
        self.assertEqual(numbers, list(range(1, 201)))
        self.assertEqual((await client.agentRun.get(run["id"]))["state"], "completed")

    async def test_the_example_prints_what_an_agent_says(self) -> None:
        await self.prepare("cat; echo done")
        source = str(Path(berth.__file__).parent.parent)
        example = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, str(EXAMPLE), "scripted", "shop", "do", "it"],
            env={**os.environ, "BERTH": program(), "BERTH_HOME": str(self.home), "PYTHONPATH": source},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=DEADLINE_SECONDS,
        )
        self.assertEqual((example.returncode, example.stdout), (0, "do it\ndone\n"), example.stderr)


if __name__ == "__main__":
    unittest.main()
