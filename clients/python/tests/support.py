"""What the tests share: homes, servers that can be killed, and a scripted server for what a real one does rarely."""

from __future__ import annotations

import asyncio
import json
import os
import select
import shutil
import signal
import subprocess
import tempfile
import unittest
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from berth._framing import FrameReader, frame

DEADLINE_SECONDS = 60.0


def program() -> str:
    """The ``berth`` under test."""
    found = os.environ.get("BERTH") or shutil.which("berth")
    if not found:
        raise RuntimeError("name the program to test in $BERTH")
    return found


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Waits until a condition holds."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        while not await condition():
            await asyncio.sleep(0.01)


def end_process(pid: int, number: int = signal.SIGKILL) -> None:
    """Sends a signal to a process and waits for its end."""
    with suppress(ProcessLookupError):
        descriptor = os.pidfd_open(pid)
        try:
            signal.pidfd_send_signal(descriptor, number)
            if not select.select([descriptor], [], [], DEADLINE_SECONDS)[0]:
                raise TimeoutError(f"process {pid} did not end")
        finally:
            os.close(descriptor)


class ServerCase(unittest.IsolatedAsyncioTestCase):
    """A test with a home of its own, which ends every server of that home."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory(prefix="berth-py-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.home = self.folder / "home"
        self.addCleanup(self.end_server)

    @property
    def record(self) -> dict[str, Any] | None:
        """What the home's server has written into its lock file."""
        try:
            record: dict[str, Any] = json.loads((self.home / "lock").read_text())
            return record
        except (OSError, ValueError):
            return None

    def start_server(self, *options: str) -> None:
        """Starts the home's server, and returns when it answers."""
        command = [program(), "serve", "--detach", "--home", str(self.home), *options]
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, timeout=60)

    def kill_server(self) -> None:
        record = self.record
        assert record is not None
        end_process(record["pid"])

    def end_server(self) -> None:
        """Ends every server of this home, those that have only just been started too."""
        while pids := self.servers():
            for pid in pids:
                end_process(pid)

    def servers(self) -> list[int]:
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if str(self.home).encode() in (folder / "cmdline").read_bytes():
                    found.append(int(folder.name))
        return found


Message = dict[str, Any]
Script = Callable[["Peer"], Awaitable[None]]


class Peer:
    """The server's end of a connection, in the hands of a test."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._frames = FrameReader()
        self._messages: list[Message] = []

    async def receive(self) -> Message:
        while not self._messages:
            data = await self._reader.read(65536)
            if not data:
                raise EOFError
            self._messages += [json.loads(body) for body in self._frames.feed(data)]
        return self._messages.pop(0)

    async def expect(self, method: str) -> Message:
        """The next request or notification, which has to be of this method."""
        message = await self.receive()
        if message.get("method") != method:
            raise AssertionError(f"expected {method}, got {message}")
        return message

    async def stay(self) -> None:
        """Takes what comes, until the client goes."""
        while True:
            await self.receive()

    async def send(self, message: Message) -> None:
        await self.send_raw(frame(json.dumps({"jsonrpc": "2.0", **message}).encode()))

    async def send_raw(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def answer(self, request: Message, result: Any) -> None:
        await self.send({"id": request["id"], "result": result})

    async def refuse(self, request: Message, type: str, *, code: int = 404, retryable: bool = False) -> None:
        data = {"type": type, "detail": "refused by the test", "retryable": retryable}
        await self.send({"id": request["id"], "error": {"code": code, "message": f"{type}!", "data": data}})

    async def initialize(self, maximum_bytes: int = 1 << 20, capabilities: Message | None = None) -> None:
        """Answers the handshake, in which the client has to declare these capabilities."""
        limits = {"maxMessageBytes": maximum_bytes, "maxInFlight": 128, "maxBatch": 1}
        handshake = {
            "protocolVersion": "1",
            "supportedVersions": ["1"],
            "serverInfo": {"name": "berth", "version": "0"},
            "instanceId": "srv_test",
            "capabilities": {},
            "families": {},
            "limits": limits,
        }
        request = await self.expect("initialize")
        if request["params"].get("capabilities") != capabilities:
            raise AssertionError(f"expected {capabilities}, got {request}")
        await self.answer(request, handshake)
        await self.expect("initialized")

    async def attach(self, attachment: str, after: str | None = None) -> Message:
        """Answers a call that attaches, and returns its parameters."""
        request = await self.receive()
        result = {"attachment": attachment, "stream": "custom/x"}
        await self.answer(request, result if after is None else {**result, "after": after})
        params: Message = request["params"]
        return params

    async def events(self, attachment: str, *cursors: str, padding: int = 0) -> None:
        events = [{"cursor": c, "time": "t", "type": "x", "payload": c + " " * padding} for c in cursors]
        await self.send({"method": "stream/event", "params": {"attachment": attachment, "events": events}})


class ScriptedCase(unittest.IsolatedAsyncioTestCase):
    """A test against a server that does what a script says: one script for each connection, in order."""

    async def asyncSetUp(self) -> None:
        folder = tempfile.TemporaryDirectory(prefix="berth-py-")
        self.addCleanup(folder.cleanup)
        self.socket = f"{folder.name}/scripted.sock"
        self.failures: list[BaseException] = []

    async def serve(self, *scripts: Script) -> None:
        waiting = list(scripts)

        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                if waiting:
                    await waiting.pop(0)(Peer(reader, writer))
            except (EOFError, ConnectionError):
                pass
            except AssertionError as error:
                self.failures.append(error)
            finally:
                writer.close()

        server = await asyncio.start_unix_server(accept, self.socket)
        self.addAsyncCleanup(self._finish, server)

    async def _finish(self, server: asyncio.Server) -> None:
        server.close()
        if self.failures:
            raise self.failures[0]
