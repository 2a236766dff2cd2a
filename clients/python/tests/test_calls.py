import asyncio
import base64
import os
import socket
import unittest

import berth
from berth.types import WorkDoneProgress
from support import ServerCase, until


class CallTests(ServerCase):
    """Calls to a real server."""

    async def asyncSetUp(self) -> None:
        self.start_server()
        self.client = await self.enterAsyncContext(berth.connect(home=self.home, start=False))

    async def test_every_kind_of_result_arrives(self) -> None:
        assert self.client.handshake is not None
        pong = await self.client.server.ping()
        self.assertEqual(pong["instanceId"], self.client.handshake["instanceId"])
        status = await self.client.server.status()
        self.assertEqual((status["home"], status["health"]), (str(self.home), "ok"))
        document = await self.client.rpc.discover()
        self.assertEqual(document["info"]["title"], "Berth")
        config = await self.client.config.update({"server": {"stopGraceSeconds": 1}})
        self.assertEqual(config["config"]["server"]["stopGraceSeconds"], 1)

    async def test_a_workspace_and_its_files(self) -> None:
        created = await self.client.workspace.create(name="Demo", labels={"team": "a"}, metadata={"n": 1})
        workspace = created["workspace"]["id"]
        self.assertTrue(created["created"])
        written = await self.client.file.write(workspace, "src/höher.txt", "grüße ✓\n", create_parents=True)
        self.assertTrue(written["created"])
        content = await self.client.file.read(workspace, "src/höher.txt")
        self.assertEqual((content["content"], content["encoding"], content["eof"]), ("grüße ✓\n", "utf8", True))
        page = await self.client.file.list(workspace, depth=5, types=["file"])
        self.assertEqual([entry["path"] for entry in page["entries"]], ["src/höher.txt"])
        moved = await self.client.file.move(workspace, "src/höher.txt", "a.txt")
        self.assertEqual(moved["path"], "a.txt")
        found = await self.client.workspace.list(labels={"team": "a"})
        self.assertEqual([row["slug"] for row in found["workspaces"]], ["demo"])
        await self.client.base.set_trace("off")

    async def test_errors_say_what_is_wrong(self) -> None:
        with self.assertRaises(berth.BerthError) as caught:
            await self.client.workspace.get("nowhere")
        self.assertEqual((caught.exception.code, caught.exception.type), (404, "workspace_not_found"))
        self.assertFalse(caught.exception.retryable)
        with self.assertRaises(berth.BerthError) as caught:
            await self.client.file.read("", "", offset=-1)
        self.assertTrue(berth.is_error(caught.exception, "invalid_params"))
        self.assertEqual([fault["loc"] for fault in caught.exception.errors], [["workspace"], ["path"], ["offset"]])
        with self.assertRaises(berth.BerthError) as caught:
            await self.client.request("no/such", {})
        self.assertEqual(caught.exception.type, "method_not_found")

    async def test_a_hundred_calls_at_once(self) -> None:
        workspace = (await self.client.workspace.create(name="many"))["workspace"]["id"]
        names = [f"{number}.txt" for number in range(100)]
        await asyncio.gather(*(self.client.file.write(workspace, name, name) for name in names))
        contents = await asyncio.gather(*(self.client.file.read(workspace, name) for name in names))
        self.assertEqual([content["content"] for content in contents], names)

    async def test_sixteen_megabytes(self) -> None:
        workspace = (await self.client.workspace.create(name="large"))["workspace"]
        text = ("0123456789abcde\n" * 64 * 1024) * 16
        await self.client.file.write(workspace["id"], "text", text)
        self.assertEqual((await self.client.file.read(workspace["id"], "text"))["content"], text)
        data = os.urandom(16 << 20)
        with open(f"{workspace['path']}/data", "wb") as file:
            file.write(data)
        content = await self.client.file.read(workspace["id"], "data")
        self.assertEqual(content["encoding"], "base64")
        self.assertEqual(base64.b64decode(content["content"]), data)

    async def test_two_clients_see_the_same(self) -> None:
        async with berth.connect(home=self.home, start=False) as other:
            workspace = (await other.workspace.create(key="shared"))["workspace"]
            self.assertEqual((await self.client.workspace.get("shared"))["id"], workspace["id"])
            self.assertEqual((await self.client.server.status())["counts"]["connections"], 2)

    async def test_a_job_reports_its_progress(self) -> None:
        workspace = (await self.client.workspace.create(name="job"))["workspace"]["id"]
        await self.client.file.write(workspace, "a.txt", "a")
        steps: list[WorkDoneProgress] = []
        methods = self.client.using(on_progress=steps.append, timeout_seconds=60)
        started = await methods.workspace.snapshot(workspace, wait_seconds=60)
        self.assertEqual(started["job"]["state"], "succeeded")
        self.assertEqual((steps[0]["kind"], steps[-1]["kind"]), ("begin", "end"))

    async def test_a_cancelled_call_is_cancelled_at_the_server(self) -> None:
        workspace = (await self.client.workspace.create(name="slow"))["workspace"]["id"]
        with socket.create_server(("127.0.0.1", 0)) as silent:
            url = f"http://127.0.0.1:{silent.getsockname()[1]}/template.zip"
            job = (await self.client.workspace.clone_template(workspace, url))["job"]["id"]
            waiting = asyncio.create_task(self.client.job.get(job, wait_seconds=600))

            async def requests() -> int:
                return (await self.client.server.status())["counts"]["inFlight"]

            async def is_waiting() -> bool:
                return await requests() == 2

            async def is_alone() -> bool:
                return await requests() == 1

            await until(is_waiting)
            waiting.cancel()
            with self.assertRaises(asyncio.CancelledError):
                await waiting
            await until(is_alone)
            with self.assertRaises(berth.RequestTimedOut):
                await self.client.using(timeout_seconds=0.05).job.get(job, wait_seconds=600)
            await until(is_alone)
            self.assertEqual((await self.client.job.cancel(job))["state"], "cancelled")

    async def test_a_call_that_is_open_when_the_server_is_killed_fails_and_the_next_one_connects(self) -> None:
        workspace = (await self.client.workspace.create(name="slow"))["workspace"]["id"]
        with socket.create_server(("127.0.0.1", 0)) as silent:
            url = f"http://127.0.0.1:{silent.getsockname()[1]}/template.zip"
            job = (await self.client.workspace.clone_template(workspace, url))["job"]["id"]
            waiting = asyncio.create_task(self.client.job.get(job, wait_seconds=600))
            await self.client.server.ping()
            self.kill_server()
            with self.assertRaises(berth.ConnectionLost):
                await waiting
        with self.assertRaises(berth.ServerUnavailable):
            await self.client.server.ping()
        self.start_server()
        self.assertEqual((await self.client.job.get(job))["state"], "interrupted")


if __name__ == "__main__":
    unittest.main()
