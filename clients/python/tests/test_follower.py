import asyncio
import gc
import unittest
from typing import Any

import berth
from berth._attachment import _FULL_BYTES
from support import Peer, ScriptedCase


def end(attachment: str, reason: str = "closed") -> dict[str, Any]:
    return {"method": "stream/end", "params": {"attachment": attachment, "reason": reason}}


class FollowerTests(ScriptedCase):
    """How a follower behaves when the server does what it does rarely."""

    def client(self, reconnect_seconds: float = 30) -> berth.Client:
        return berth.connect(socket=self.socket, start=False, reconnect_seconds=reconnect_seconds)

    async def cursors(self, follower: berth.Follower[Any]) -> list[str]:
        return [event["cursor"] async for event in follower]

    async def test_it_goes_on_after_the_last_event_when_the_connection_is_lost(self) -> None:
        async def first(peer: Peer) -> None:
            await peer.initialize()
            params = await peer.attach("a1")
            self.assertEqual(params, {"stream": "custom/x", "follow": True, "types": ["x"]})
            await peer.events("a1", "1", "2")
            await peer.events("a1", "3")

        async def second(peer: Peer) -> None:
            await peer.initialize()
            params = await peer.attach("a1")
            self.assertEqual(params, {"stream": "custom/x", "follow": True, "types": ["x"], "after": "3"})
            await peer.events("a1", "4")
            await peer.send(end("a1"))

        await self.serve(first, second)
        follower = self.client().follow("custom/x", types=["x"])
        self.assertEqual(await self.cursors(follower), ["1", "2", "3", "4"])
        self.assertEqual((follower.end_reason, follower.cursor), ("closed", "4"))

    async def test_a_tail_is_anchored_when_the_connection_is_lost_before_the_first_event(self) -> None:
        async def first(peer: Peer) -> None:
            await peer.initialize()
            self.assertEqual((await peer.attach("a1", after="7"))["tail"], 0)

        async def second(peer: Peer) -> None:
            await peer.initialize()
            self.assertEqual(await peer.attach("a2"), {"stream": "custom/x", "follow": True, "after": "7"})
            await peer.events("a2", "8")
            await peer.send(end("a2"))

        await self.serve(first, second)
        self.assertEqual(await self.cursors(self.client().follow("custom/x", tail=0)), ["8"])

    async def test_a_gap_is_told_in_its_place_and_only_once(self) -> None:
        async def first(peer: Peer) -> None:
            await peer.initialize()
            await peer.attach("a1")
            await peer.events("a1", "1")
            gap = {"attachment": "a1", "from": "1", "to": "5", "reason": "retention"}
            await peer.send({"method": "stream/gap", "params": gap})

        async def second(peer: Peer) -> None:
            await peer.initialize()
            self.assertEqual((await peer.attach("a1"))["after"], "5")
            await peer.events("a1", "6")
            await peer.send(end("a1"))

        seen: list[Any] = []
        await self.serve(first, second)
        async for event in self.client().follow("custom/x", on_gap=seen.append):
            seen.append(event["cursor"])
        self.assertEqual(seen, ["1", berth.Gap("retention", "1", "5"), "6"])

    async def test_it_waits_while_the_server_cannot_take_it_back_yet(self) -> None:
        async def first(peer: Peer) -> None:
            await peer.initialize()
            await peer.attach("a1")
            await peer.events("a1", "1")

        async def refuses(peer: Peer) -> None:
            await peer.initialize()
            await peer.refuse(await peer.receive(), "shutting_down", code=503, retryable=True)
            await peer.stay()

        async def last(peer: Peer) -> None:
            await peer.initialize()
            await peer.attach("a1")
            await peer.send(end("a1"))

        async def goes(peer: Peer) -> None:
            """Closes the connection at once."""

        await self.serve(first, refuses, goes, refuses, last)
        self.assertEqual(await self.cursors(self.client().follow("custom/x")), ["1"])

    async def test_it_fails_with_what_the_server_says(self) -> None:
        async def script(peer: Peer) -> None:
            await peer.initialize()
            await peer.refuse(await peer.receive(), "stream_not_found")
            await peer.stay()

        await self.serve(script)
        follower = self.client().follow("custom/x")
        with self.assertRaises(berth.BerthError) as caught:
            await self.cursors(follower)
        self.assertEqual(caught.exception.type, "stream_not_found")
        self.assertEqual(await self.cursors(follower), [])

    async def test_it_gives_up_after_the_time_it_was_told(self) -> None:
        async def script(peer: Peer) -> None:
            await peer.initialize()
            await peer.attach("a1")
            await peer.events("a1", "1")

        async def goes(peer: Peer) -> None:
            """Closes the connection at once."""

        await self.serve(script, *[goes] * 100)
        with self.assertRaises(berth.ServerUnavailable):
            await self.cursors(self.client(reconnect_seconds=0.2).follow("custom/x"))

    async def test_a_watch_that_ended_with_its_server_begins_again_with_a_gap(self) -> None:
        async def first(peer: Peer) -> None:
            await peer.initialize()
            self.assertEqual(await peer.attach("a1"), {"workspace": "ws", "recursive": False})
            await peer.events("a1", "1")

        async def second(peer: Peer) -> None:
            await peer.initialize()
            request = await peer.expect("stream/attach")
            self.assertEqual(request["params"], {"stream": "custom/x", "after": "1"})
            await peer.refuse(request, "stream_not_found")
            await peer.stay()

        async def third(peer: Peer) -> None:
            await peer.initialize()
            self.assertEqual(await peer.attach("a1"), {"workspace": "ws", "recursive": False})
            await peer.events("a1", "9")
            await peer.send(end("a1", "deleted"))

        seen: list[Any] = []
        await self.serve(first, second, third)
        async for event in self.client().watch("ws", recursive=False, on_gap=seen.append):
            seen.append(event["cursor"])
        self.assertEqual(seen, ["1", berth.Gap("restart", "1", None), "9"])

    async def test_a_slow_consumer_makes_the_server_wait(self) -> None:
        sent = 0
        total = 400

        async def script(peer: Peer) -> None:
            nonlocal sent
            await peer.initialize()
            await peer.attach("a1")
            for number in range(total):
                await peer.events("a1", str(number), padding=64 << 10)
                sent = number + 1
            await peer.send(end("a1"))
            await peer.stay()

        await self.serve(script)
        async with self.client().follow("custom/x") as follower:
            await anext(follower)
            # What fits the queue and the buffers of both sockets comes; then nothing moves any more.
            before = -1
            while before != sent:
                before = sent
                await asyncio.sleep(0.1)
            self.assertLess(sent, 60)
            attachment = follower._attachment
            assert attachment is not None
            self.assertLess(attachment._queued_bytes, _FULL_BYTES + (512 << 10))
            rest = await self.cursors(follower)
        self.assertEqual(rest, [str(number) for number in range(1, total)])

    async def test_a_consumer_that_gives_up_waiting_loses_nothing(self) -> None:
        go_on = asyncio.Event()

        async def script(peer: Peer) -> None:
            await peer.initialize()
            await go_on.wait()
            await peer.attach("a1")
            await peer.events("a1", "1", "2")
            await peer.send(end("a1"))
            await peer.stay()

        await self.serve(script)
        follower = self.client().follow("custom/x")
        with self.assertRaises(TimeoutError):
            await asyncio.wait_for(anext(follower), 0.01)
        go_on.set()
        self.assertEqual(await self.cursors(follower), ["1", "2"])

    async def test_closing_ends_its_connection(self) -> None:
        gone = asyncio.Event()

        async def script(peer: Peer) -> None:
            await peer.initialize()
            await peer.attach("a1")
            await peer.events("a1", "1", "2")
            try:
                await peer.stay()
            finally:
                gone.set()

        await self.serve(script)
        follower = self.client().follow("custom/x")
        async with follower:
            async for event in follower:
                break
        await gone.wait()
        self.assertEqual(event["cursor"], "1")
        self.assertEqual(await self.cursors(follower), [])

    async def test_a_follower_that_is_forgotten_gives_its_connection_back(self) -> None:
        gone = asyncio.Event()

        async def script(peer: Peer) -> None:
            await peer.initialize()
            await peer.attach("a1")
            await peer.events("a1", "1")
            try:
                await peer.stay()
            finally:
                gone.set()

        await self.serve(script)
        client = self.client()
        async for _ in client.follow("custom/x"):
            break
        gc.collect()
        await gone.wait()

    async def test_closing_the_client_ends_its_followers(self) -> None:
        attached = asyncio.Event()

        async def silent(peer: Peer) -> None:
            await peer.initialize()
            await peer.stay()

        async def attaches(peer: Peer) -> None:
            await peer.initialize()
            await peer.attach("a1")
            await peer.events("a1", "1")
            attached.set()
            await peer.stay()

        await self.serve(silent, silent, attaches)
        async with self.client() as client:
            waiting = asyncio.create_task(self.cursors(client.follow("custom/x")))
            await asyncio.sleep(0.01)
            reading = asyncio.create_task(self.cursors(client.follow("custom/x")))
            await attached.wait()
            await asyncio.sleep(0.01)
        self.assertEqual((await waiting, await reading), ([], ["1"]))
        with self.assertRaises(RuntimeError):
            await self.cursors(client.follow("custom/x"))


if __name__ == "__main__":
    unittest.main()
