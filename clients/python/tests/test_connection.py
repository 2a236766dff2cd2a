import asyncio
import json
import pickle
import unittest
from collections.abc import Mapping
from typing import Any

import berth
from berth._framing import frame
from berth.types import Permission, WorkDoneProgress
from support import Peer, ScriptedCase


class ConnectionTests(ScriptedCase):
    def client(self, **options: Any) -> berth.Client:
        return berth.connect(socket=self.socket, start=False, **options)

    async def test_answers_find_their_requests_in_any_order(self) -> None:
        async def script(peer: Peer) -> None:
            await peer.initialize()
            requests = [await peer.receive() for _ in range(3)]
            for request in reversed(requests):
                await peer.answer(request, request["params"])

        await self.serve(script)
        async with self.client() as client:
            answers = await asyncio.gather(*(client.request("echo", {"n": n}) for n in range(3)))
        self.assertEqual(answers, [{"n": 0}, {"n": 1}, {"n": 2}])

    async def test_cancelling_the_task_cancels_the_request(self) -> None:
        cancelled = asyncio.Event()

        async def script(peer: Peer) -> None:
            await peer.initialize()
            slow = await peer.expect("slow")
            cancel = await peer.expect("$/cancelRequest")
            self.assertEqual(cancel["params"], {"id": slow["id"]})
            await peer.refuse(slow, "cancelled", code=-32800)
            cancelled.set()
            await peer.answer(await peer.expect("server/ping"), {"instanceId": "after"})

        await self.serve(script)
        async with self.client() as client:
            task = asyncio.create_task(client.request("slow", {}))
            while not client._connection or not client._connection._requests:
                await asyncio.sleep(0)
            task.cancel()
            with self.assertRaises(asyncio.CancelledError):
                await task
            await cancelled.wait()
            self.assertEqual(await client.server.ping(), {"instanceId": "after"})

    async def test_a_call_that_takes_too_long_is_cancelled_and_says_so(self) -> None:
        async def script(peer: Peer) -> None:
            await peer.initialize()
            await peer.expect("server/ping")
            await peer.expect("$/cancelRequest")
            await peer.stay()

        await self.serve(script)
        async with self.client(timeout_seconds=0.05) as client:
            with self.assertRaisesRegex(berth.RequestTimedOut, "server/ping"):
                await client.server.ping()
            with self.assertRaises(TimeoutError):
                await client.using(timeout_seconds=0.01).server.ping()

    async def test_what_is_open_fails_when_the_connection_ends_and_the_next_call_connects_again(self) -> None:
        async def dies(peer: Peer) -> None:
            await peer.initialize()
            await peer.receive()
            await peer.receive()

        async def lives(peer: Peer) -> None:
            await peer.initialize()
            await peer.answer(await peer.expect("server/ping"), {"instanceId": "second"})

        await self.serve(dies, lives)
        async with self.client() as client:
            calls = [client.server.ping(), client.server.ping()]
            for outcome in await asyncio.gather(*calls, return_exceptions=True):
                self.assertIsInstance(outcome, berth.ConnectionLost)
            self.assertEqual(await client.server.ping(), {"instanceId": "second"})

    async def test_an_error_has_all_that_the_server_told(self) -> None:
        fault = {"loc": ["path"], "msg": "is missing", "type": "missing"}

        async def script(peer: Peer) -> None:
            await peer.initialize()
            data = {"type": "limit_reached", "detail": "d", "retryable": True, "retryAfterMs": 5, "errors": [fault]}
            request = await peer.receive()
            await peer.send({"id": request["id"], "error": {"code": 429, "message": "Too many.", "data": data}})

        await self.serve(script)
        async with self.client() as client:
            with self.assertRaises(berth.BerthError) as caught:
                await client.server.ping()
        error = caught.exception
        self.assertEqual((error.code, error.type, str(error), error.detail), (429, "limit_reached", "Too many.", "d"))
        self.assertEqual((error.retryable, error.retry_after_ms, error.errors), (True, 5, [fault]))
        self.assertTrue(berth.is_error(error, "no_space", "limit_reached"))
        self.assertTrue(berth.is_error(error))
        self.assertFalse(berth.is_error(error, "no_space"))
        self.assertFalse(berth.is_error(ValueError()))

    async def test_a_message_that_the_server_would_skip_is_not_sent(self) -> None:
        async def script(peer: Peer) -> None:
            await peer.initialize(maximum_bytes=1000)
            await peer.answer(await peer.expect("server/ping"), {"instanceId": "small"})

        await self.serve(script)
        async with self.client() as client:
            with self.assertRaises(berth.BerthError) as caught:
                await client.file.write("ws", "a", "x" * 1000)
            self.assertEqual(caught.exception.type, "message_too_large")
            self.assertEqual(await client.server.ping(), {"instanceId": "small"})

    async def test_an_error_without_a_request_ends_the_connection_so_that_nobody_waits_for_ever(self) -> None:
        async def script(peer: Peer) -> None:
            await peer.initialize()
            await peer.receive()
            await peer.send({"id": None, "error": {"code": -32700, "message": "No JSON."}})
            await peer.stay()

        await self.serve(script)
        async with self.client() as client:
            with self.assertRaises(berth.ConnectionLost) as caught:
                await client.server.ping()
            self.assertIsInstance(caught.exception.__cause__, berth.BerthError)

    async def test_what_is_no_protocol_ends_the_connection(self) -> None:
        for data in [b"HTTP/1.1 200 OK\r\n\r\n", frame(b"{"), frame(b"\xff"), frame(b"[]"), frame(b'{"id":"x"}')]:
            with self.subTest(data):
                await self.asyncSetUp()

                async def script(peer: Peer, data: bytes = data) -> None:
                    await peer.initialize()
                    await peer.receive()
                    await peer.send_raw(data)
                    await peer.stay()

                await self.serve(script)
                async with self.client() as client:
                    with self.assertRaises(berth.ConnectionLost):
                        await client.server.ping()

    async def test_progress_and_other_notifications_reach_their_handlers(self) -> None:
        async def script(peer: Peer) -> None:
            await peer.initialize()
            request = await peer.receive()
            token = request["params"]["workDoneToken"]
            for value in [{"kind": "begin", "title": "t"}, {"kind": "report", "percentage": 50}, {"kind": "end"}]:
                await peer.send({"method": "$/progress", "params": {"token": token, "value": value}})
            await peer.send({"method": "$/logTrace", "params": {"message": "m"}})
            await peer.answer(request, {"instanceId": "done"})

        steps: list[WorkDoneProgress] = []
        others: list[tuple[str, Mapping[str, Any]]] = []
        await self.serve(script)
        async with self.client(on_notification=lambda method, params: others.append((method, params))) as client:
            await client.using(on_progress=steps.append).server.ping()
        self.assertEqual([step["kind"] for step in steps], ["begin", "report", "end"])
        self.assertEqual(others, [("$/logTrace", {"message": "m"})])

    async def test_a_handler_that_fails_harms_nobody_else(self) -> None:
        async def script(peer: Peer) -> None:
            await peer.initialize()
            request = await peer.receive()
            await peer.send({"method": "$/logTrace", "params": {"message": "m"}})
            await peer.answer(request, {"instanceId": "done"})

        def fail(method: str, params: Mapping[str, Any]) -> None:
            raise ValueError("of the user's own")

        reported: list[Any] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context["exception"]))
        await self.serve(script)
        async with self.client(on_notification=fail) as client:
            self.assertEqual(await client.server.ping(), {"instanceId": "done"})
        self.assertIsInstance(reported[0], ValueError)

    async def test_a_request_of_the_servers_is_answered(self) -> None:
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

        async def script(peer: Peer) -> None:
            await peer.initialize()
            await peer.send({"id": "s1", "method": "agentRun/requestPermission", "params": {}})
            answer.set_result(await peer.receive())

        await self.serve(script)
        async with self.client():
            message = await answer
        self.assertEqual((message["id"], message["error"]["code"]), ("s1", -32601))

    async def ask(self, handler: berth.PermissionHandler, *, withdrawn_at: asyncio.Event | None = None) -> Any:
        """What a client answers to a question."""
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

        async def script(peer: Peer) -> None:
            await peer.initialize(capabilities={"permissions": True})
            params = {"permission": {"id": "prm_1", "title": "May I?"}}
            await peer.send({"id": "s1", "method": "agentRun/requestPermission", "params": params})
            if withdrawn_at is not None:
                await withdrawn_at.wait()
                await peer.send({"method": "$/cancelRequest", "params": {"id": "s1"}})
            answer.set_result(await peer.receive())

        await self.serve(script)
        async with self.client(on_permission=handler):
            message = await answer
        self.assertEqual(message["id"], "s1")
        return message.get("result") or message["error"]["code"]

    async def test_a_question_of_an_agent_is_answered(self) -> None:
        async def answer(permission: Permission) -> str:
            await asyncio.sleep(0)
            return permission["title"]

        self.assertEqual(await self.ask(answer), {"option": "May I?"})

    async def test_a_question_is_left_to_others(self) -> None:
        async def leave(permission: Permission) -> None:
            return None

        self.assertEqual(await self.ask(leave), -32800)

    async def test_a_question_that_another_has_answered_is_taken_back(self) -> None:
        asked, cancelled = asyncio.Event(), asyncio.Event()

        async def wait(permission: Permission) -> str:
            asked.set()
            try:
                await asyncio.Event().wait()
            finally:
                cancelled.set()
            return "never"

        self.assertEqual(await self.ask(wait, withdrawn_at=asked), -32800)
        await cancelled.wait()

    async def test_a_handler_of_questions_that_fails_harms_nobody_else(self) -> None:
        reported: list[Any] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context["exception"]))

        async def fail(permission: Permission) -> str:
            raise ValueError("mine")

        self.assertEqual(await self.ask(fail), -32603)
        self.assertIsInstance(reported[0], ValueError)

    async def test_without_a_server_the_client_says_so(self) -> None:
        with self.assertRaisesRegex(berth.ServerUnavailable, "serve --detach"):
            await self.client().server.ping()

    async def test_a_closed_client_makes_no_calls(self) -> None:
        client = self.client()
        await client.close()
        with self.assertRaisesRegex(RuntimeError, "closed"):
            await client.server.ping()

    async def test_an_error_can_be_pickled(self) -> None:
        error = pickle.loads(pickle.dumps(berth.BerthError(404, "No.", {"type": "file_not_found"})))
        self.assertEqual((error.code, str(error), error.type), (404, "No.", "file_not_found"))

    async def test_text_of_any_language_arrives(self) -> None:
        async def script(peer: Peer) -> None:
            await peer.initialize()
            request = await peer.receive()
            body = json.dumps({"jsonrpc": "2.0", "id": request["id"], "result": request["params"]}, ensure_ascii=False)
            for byte in frame(body.encode()):
                await peer.send_raw(bytes([byte]))

        text = {"text": "höher ✓ \U0001f6a2 \x00 \u2028"}
        await self.serve(script)
        async with self.client() as client:
            self.assertEqual(await client.request("echo", text), text)


if __name__ == "__main__":
    unittest.main()
