"""The ways to a server: over the socket of a home, or over the standard input and output of a process."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket as sockets
from collections.abc import Sequence
from contextlib import suppress
from typing import Final, Protocol

from ._connection import Connection
from ._errors import ConnectionLost, ServerUnavailable
from ._home import Home
from ._questions import Handlers

# How long a server may take to answer `initialize`, and how long a new one to be there.
_HANDSHAKE_SECONDS: Final = 10.0
_START_SECONDS: Final = 30.0
# How long starting is tried again: while another one starts a server, and while the one before is still stopping.
_STARTING_RACE_SECONDS: Final = 1.0
_STOPPING_SECONDS: Final = 10.0
_EXIT_SECONDS: Final = 5.0
_KEPT_STDERR_BYTES: Final = 4096


class _EndedEarly(ServerUnavailable):
    """The connection ended before `initialize` was answered."""


class Connector(Protocol):
    """Opens connections to one server."""

    @property
    def is_single(self) -> bool:
        """Whether there can be only one connection at a time."""

    @property
    def has_crashed(self) -> bool:
        """Whether no server answers although none took its leave."""

    async def open(self, *, starting: bool, handlers: Handlers = Handlers()) -> Connection:
        """Opens a connection; ``starting`` says whether a server may be started for it.

        Raises ``ServerUnavailable``, and ``BerthError`` where the server refuses the client.
        """


class SocketConnector:
    """The server of a home, over its Unix socket."""

    is_single = False

    def __init__(
        self, home: Home, socket: str | os.PathLike[str] | None, berth: str | os.PathLike[str] | None, start: bool
    ) -> None:
        self._home = home
        self._socket = None if socket is None else os.fspath(socket)
        self._berth = berth
        self._start = start

    @property
    def has_crashed(self) -> bool:
        # A server that is stopped takes its socket away; one that is killed leaves it behind.
        return any(os.path.exists(path) for path in self._paths())

    async def open(self, *, starting: bool, handlers: Handlers = Handlers()) -> Connection:
        may_start = starting and self._start
        if (sock := await self._connect()) is not None:
            try:
                return await _initialized(sock, handlers)
            except _EndedEarly:
                # It was about to leave.
                if not may_start:
                    raise
        elif not may_start:
            where = self._socket or self._home.path
            raise ServerUnavailable(f"No server runs on {where}; start one with `berth serve --detach`.")
        return await _initialized(await self._connect_starting(), handlers)

    def _paths(self) -> list[str]:
        if self._socket is not None:
            return [self._socket]
        record = self._home.record
        recorded = [record.socket] if record and record.socket else []
        return list(dict.fromkeys([*recorded, self._home.socket]))

    async def _connect(self) -> sockets.socket | None:
        """A socket that is connected to the server; None where none listens."""
        for path in self._paths():
            if (sock := await _connected(path)) is not None:
                return sock
        return None

    async def _connect_starting(self) -> sockets.socket:
        loop = asyncio.get_running_loop()
        began = loop.time()
        while True:
            try:
                path = await self._start_server()
                if (sock := await _connected(path)) is not None:
                    return sock
                failure = ServerUnavailable("The server was started and has gone again.")
            except ServerUnavailable as error:
                failure = error
                if (sock := await self._connect()) is not None:
                    return sock
            record = self._home.record
            seconds = _STOPPING_SECONDS if record and _is_alive(record.pid) else _STARTING_RACE_SECONDS
            if loop.time() - began > seconds:
                raise failure
            await asyncio.sleep(0.1)

    async def _start_server(self) -> str:
        """Starts a server, or finds one that was started meanwhile, and returns its socket."""
        command = [_program(self._berth), "serve", "--detach", "--leave-when-idle", "--home", self._home.path]
        if self._socket is not None:
            command += ["--socket", self._socket]
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
        except OSError as error:
            raise ServerUnavailable(f"{command[0]} could not be run: {error.strerror}.") from error
        try:
            async with asyncio.timeout(_START_SECONDS):
                answer, words = await process.communicate()
        except TimeoutError:
            raise ServerUnavailable(f"The server did not start within {_START_SECONDS:g} s.") from None
        finally:
            with suppress(ProcessLookupError):
                process.kill()
        if process.returncode != 0:
            raise ServerUnavailable(_sentence(words, f"`{command[0]} serve --detach` failed."))
        try:
            return str(json.loads(answer)["socket"])
        except (ValueError, LookupError, TypeError) as error:
            raise ServerUnavailable(f"{command[0]} is not a berth that this client knows.") from error


class ProcessConnector:
    """``berth serve --stdio``: a process of its own for each connection."""

    has_crashed = True

    def __init__(
        self,
        home: Home | None,
        berth: str | os.PathLike[str] | None,
        in_process: bool,
        command: Sequence[str] | None,
    ) -> None:
        self._home = home
        self._berth = berth
        self._command = None if command is None else list(command)
        self.is_single = in_process

    async def open(self, *, starting: bool, handlers: Handlers = Handlers()) -> Connection:
        ours, theirs = sockets.socketpair()
        with theirs:
            try:
                process = await _Process.start(self._arguments(), theirs)
            except BaseException:
                ours.close()
                raise
        try:
            connection = await _initialized(ours, handlers)
        except ServerUnavailable as error:
            raise ServerUnavailable(_sentence(await process.end(), str(error))) from error
        except BaseException:
            await process.end()
            raise
        connection.end_of_process = process.end
        return connection

    def _arguments(self) -> list[str]:
        if self._command is not None:
            return self._command
        arguments = [_program(self._berth), "serve", "--stdio"]
        if self.is_single:
            arguments.append("--in-process")
        if self._home is not None:
            arguments += ["--home", self._home.path]
        return arguments


class _Process:
    """A child process, with the last words that it wrote to its standard error."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._words = b""
        self._reading = asyncio.create_task(self._read())

    @classmethod
    async def start(cls, arguments: Sequence[str], standard_streams: sockets.socket) -> _Process:
        try:
            process = await asyncio.create_subprocess_exec(
                *arguments,
                stdin=standard_streams.fileno(),
                stdout=standard_streams.fileno(),
                stderr=asyncio.subprocess.PIPE,
            )
        except OSError as error:
            raise ServerUnavailable(f"{arguments[0]} could not be run: {error.strerror}.") from error
        return cls(process)

    async def _read(self) -> None:
        assert self._process.stderr is not None
        while piece := await self._process.stderr.read(_KEPT_STDERR_BYTES):
            self._words = (self._words + piece)[-_KEPT_STDERR_BYTES:]

    async def end(self) -> bytes:
        """Waits for the process, whose connection has ended, and returns its last words; kills it where it stays."""
        try:
            async with asyncio.timeout(_EXIT_SECONDS):
                await self._process.wait()
                await self._reading
        except TimeoutError:
            with suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()
        self._reading.cancel()
        return self._words


async def _connected(path: str) -> sockets.socket | None:
    """A socket that is connected to a path; None where nobody listens."""
    sock = sockets.socket(sockets.AF_UNIX, sockets.SOCK_STREAM)
    sock.setblocking(False)
    deadline = asyncio.get_running_loop().time() + _HANDSHAKE_SECONDS
    try:
        while True:
            try:
                sock.connect(path)
                return sock
            except BlockingIOError:
                # The server's queue of new connections is full.
                if asyncio.get_running_loop().time() > deadline:
                    raise
            await asyncio.sleep(0.005)
    except OSError:
        sock.close()
        return None
    except BaseException:
        sock.close()
        raise


async def _initialized(sock: sockets.socket, handlers: Handlers) -> Connection:
    try:
        async with asyncio.timeout(_HANDSHAKE_SECONDS):
            return await Connection.over(sock, handlers)
    except ConnectionLost as error:
        raise _EndedEarly("The server closed the connection before it answered `initialize`.") from error
    except TimeoutError:
        raise ServerUnavailable(f"The server did not answer `initialize` within {_HANDSHAKE_SECONDS:g} s.") from None


def _program(berth: str | os.PathLike[str] | None) -> str:
    """The ``berth`` to run: the one that was given, ``$BERTH``, or the one on the path."""
    chosen = os.fspath(berth) if berth is not None else os.environ.get("BERTH") or shutil.which("berth")
    if not chosen:
        raise ServerUnavailable("There is no `berth` on the path; name it with `berth=` or in $BERTH.")
    return chosen


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _sentence(words: bytes, otherwise: str) -> str:
    return words.decode(errors="replace").strip() or otherwise
