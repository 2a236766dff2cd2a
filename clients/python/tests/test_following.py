import asyncio
import os
import unittest
from typing import Any

import berth
from support import DEADLINE_SECONDS, ServerCase, program

STREAM = "custom/numbers"


class FollowingTests(ServerCase):
    """Streams of a real server."""

    async def asyncSetUp(self) -> None:
        self.start_server()
        self.client = await self.enterAsyncContext(berth.connect(home=self.home, berth=program()))

    async def append(self, *numbers: int, close: bool = False, padding: int = 0) -> None:
        """Appends numbers to the stream; each of them once, however often the server goes."""
        events: Any = [{"type": "number", "payload": {"number": n, "padding": "x" * padding}} for n in numbers]
        while True:
            try:
                await self.client.stream.append(STREAM, events, close=close, idempotency_key=f"{numbers[0]}")
                return
            except (ConnectionError, berth.BerthError) as error:
                if isinstance(error, berth.BerthError) and not error.retryable:
                    raise

    async def numbers(self, follower: berth.Follower[Any], delay: float = 0) -> list[int]:
        numbers = []
        async for event in follower:
            numbers.append(event["payload"]["number"])
            if delay:
                await asyncio.sleep(delay)
        return numbers

    async def test_the_past_comes_first_then_the_present_and_then_the_end(self) -> None:
        await self.append(0, 1, 2)
        follower = self.client.follow(STREAM)
        task = asyncio.create_task(self.numbers(follower))
        await self.append(3, 4)
        await self.append(5, close=True)
        self.assertEqual(await task, [0, 1, 2, 3, 4, 5])
        self.assertEqual(follower.end_reason, "closed")

    async def test_a_part_of_a_stream(self) -> None:
        await self.append(*range(10))
        self.assertEqual(await self.numbers(self.client.follow(STREAM, tail=3, live=False)), [7, 8, 9])
        follower = self.client.follow(STREAM, live=False)
        self.assertEqual(await self.numbers(follower), list(range(10)))
        self.assertEqual(follower.end_reason, "caught_up")
        await self.append(10)
        self.assertEqual(await self.numbers(self.client.follow(STREAM, after=follower.cursor, live=False)), [10])
        self.assertEqual(await self.numbers(self.client.follow(STREAM, types=["other"], live=False)), [])

    async def test_nothing_is_lost_or_doubled_when_the_server_is_killed_again_and_again(self) -> None:
        total = 600
        await self.append(0)
        tasks = [asyncio.create_task(self.numbers(self.client.follow(STREAM))) for _ in range(3)]
        tasks.append(asyncio.create_task(self.numbers(self.client.follow(STREAM), delay=0.002)))
        for number in range(1, total):
            if number % 100 == 0:
                self.kill_server()
            await self.append(number, close=number == total - 1)
        async with asyncio.timeout(DEADLINE_SECONDS):
            for task in tasks:
                self.assertEqual(await task, list(range(total)))

    async def test_a_follower_alone_brings_a_killed_server_back(self) -> None:
        await self.append(0)
        follower = self.client.follow(STREAM)
        self.assertEqual((await anext(follower))["payload"]["number"], 0)
        waiting = asyncio.create_task(self.numbers(follower))
        self.kill_server()
        other = berth.connect(home=self.home, start=False)
        await self.reached(other)
        await other.close()
        await self.append(1, close=True)
        self.assertEqual(await waiting, [1])

    async def test_a_server_that_was_stopped_is_not_brought_back_by_a_follower(self) -> None:
        await self.append(0)
        follower = self.client.follow(STREAM)
        await anext(follower)
        waiting = asyncio.create_task(self.numbers(follower))
        await self.client.server.stop()
        # Three times as long as a follower waits before it starts a server that was killed.
        await asyncio.sleep(1.5)
        with self.assertRaises(berth.ServerUnavailable):
            await berth.connect(home=self.home, start=False).server.ping()
        await self.append(1, close=True)
        self.assertEqual(await waiting, [1])

    async def reached(self, client: berth.Client) -> None:
        """Waits until somebody has started a server."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            while True:
                try:
                    await client.server.ping()
                    return
                except ConnectionError:
                    await asyncio.sleep(0.01)

    async def test_a_tail_of_none_misses_nothing_while_the_server_is_away(self) -> None:
        await self.append(0, 1)
        follower = self.client.follow(STREAM, tail=0)
        waiting = asyncio.create_task(self.numbers(follower))
        while follower.cursor is None:
            await asyncio.sleep(0.001)
        self.kill_server()
        await self.append(2)
        await self.append(3, close=True)
        self.assertEqual(await waiting, [2, 3])

    async def test_a_slow_follower_holds_up_nobody(self) -> None:
        size, total = 10_000, 3000
        await self.append(0, padding=size)
        slow = self.client.follow(STREAM)
        await anext(slow)
        fast = asyncio.create_task(self.numbers(self.client.follow(STREAM)))
        for number in range(1, total, 100):
            await self.append(*range(number, min(number + 100, total)), padding=size, close=number + 100 >= total)
        self.assertEqual(await fast, list(range(total)))
        attachment = slow._attachment
        assert attachment is not None
        self.assertLess(attachment._queued_bytes, 1 << 20)
        await self.client.server.ping()
        self.assertEqual(await self.numbers(slow), list(range(1, total)))

    async def test_calls_can_be_made_between_events(self) -> None:
        await self.append(*range(1000), padding=1000, close=True)
        seen = 0
        async for _ in self.client.follow(STREAM):
            await self.client.server.ping()
            seen += 1
        self.assertEqual(seen, 1000)

    async def test_what_retention_has_removed_is_told_as_a_gap(self) -> None:
        await self.client.config.update({"streams": {"maxBytes": 65536}})
        await self.append(0)
        gaps: list[berth.Gap] = []
        follower = self.client.follow(STREAM, live=False)
        self.assertEqual(await self.numbers(follower), [0])
        for number in range(1, 1001, 100):
            await self.append(*range(number, number + 100), padding=1000)
        rest = await self.numbers(self.client.follow(STREAM, after=follower.cursor, live=False, on_gap=gaps.append))
        self.assertEqual(rest, list(range(rest[0], 1001)))
        self.assertGreater(rest[0], 1)
        self.assertEqual([(gap.reason, gap.after) for gap in gaps], [("retention", follower.cursor)])

    async def test_followers_of_a_missing_stream_are_told(self) -> None:
        with self.assertRaises(berth.BerthError) as caught:
            await anext(self.client.follow("custom/nothing"))
        self.assertEqual(caught.exception.type, "stream_not_found")

    async def test_state_changes_are_typed(self) -> None:
        async with self.client.events(tail=0, types=["workspace.*"]) as events:
            waiting = asyncio.create_task(anext(events))
            while events.cursor is None:
                await asyncio.sleep(0.001)
            workspace = (await self.client.workspace.create(name="new"))["workspace"]
            event = await waiting
        self.assertEqual(event["type"], "workspace.created")
        if event["type"] == "workspace.created":
            self.assertEqual(event["payload"]["id"], workspace["id"])

    async def test_file_changes_are_told_and_a_restart_is_a_gap(self) -> None:
        workspace = (await self.client.workspace.create(name="watched"))["workspace"]
        gaps: list[berth.Gap] = []
        watch = self.client.watch(workspace["id"], debounce_ms=0, on_gap=gaps.append)

        async def expect(path: str) -> None:
            """Makes files until one is told."""
            waiting = asyncio.create_task(self.next_path(watch, path))
            number = 0
            async with asyncio.timeout(DEADLINE_SECONDS):
                while not waiting.done():
                    with open(os.path.join(workspace["path"], f"{path}-{number}"), "w"):
                        number += 1
                    await asyncio.sleep(0.02)
            await waiting

        async with watch:
            await expect("first")
            self.assertEqual(gaps, [])
            self.kill_server()
            await self.client_restarts()
            await expect("second")
            self.assertEqual([gap.reason for gap in gaps], ["restart"])

    async def next_path(self, watch: berth.Follower[berth.FileEvent], prefix: str) -> None:
        async for event in watch:
            if event["payload"]["path"].startswith(prefix):
                return

    async def client_restarts(self) -> None:
        while True:
            try:
                await self.client.server.ping()
                return
            except berth.ConnectionLost:
                pass


if __name__ == "__main__":
    unittest.main()
