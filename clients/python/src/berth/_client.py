"""The client: every method of the protocol, and streams to follow."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self, TypeAlias
from weakref import WeakSet

from ._connection import Connection
from ._connectors import Connector, ProcessConnector, SocketConnector
from ._errors import ConnectionLost, RequestTimedOut
from ._follower import Follower, GapHandler
from ._generated import (
    EventType,
    FileChangedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileMovedEvent,
    InitializeResult,
    KnownEvent,
    Methods,
    StreamEvent,
)
from ._home import Home
from ._questions import Handlers, NotificationHandler, PermissionHandler, ProgressHandler, Questions
from ._source import Source, StreamSource, WatchSource

StrPath: TypeAlias = str | os.PathLike[str]

FileEvent: TypeAlias = FileCreatedEvent | FileChangedEvent | FileDeletedEvent | FileMovedEvent
"""A change of a workspace's files."""


class Client(Methods):
    """A client of one server.

    It holds one connection, which the first call opens. When it is lost, what is open fails with ``ConnectionLost``
    and the next call opens another one. A client belongs to the event loop in which it is used.
    """

    def __init__(
        self,
        connector: Connector,
        *,
        timeout_seconds: float | None,
        reconnect_seconds: float,
        on_notification: NotificationHandler | None,
        on_permission: PermissionHandler | None,
    ) -> None:
        super().__init__(self)
        self._connector = connector
        self._timeout_seconds = timeout_seconds
        self._reconnect_seconds = reconnect_seconds
        questions = Questions(on_permission) if on_permission is not None else None
        self._handlers = questions.handlers(on_notification) if questions else Handlers(on_notification)
        # A run's questions are asked over the connection that follows it.
        self._followers_handlers = questions.handlers(None) if questions else Handlers()
        self._connection: Connection | None = None
        self._opening: asyncio.Task[Connection] | None = None
        self._followers: WeakSet[Follower[Any]] = WeakSet()
        self._is_closed = False

    @property
    def handshake(self) -> InitializeResult | None:
        """What the server said when the connection was opened; None before."""
        return self._connection.handshake if self._connection is not None else None

    # MARK: Life

    async def open(self) -> Self:
        """Opens the connection, which the first call would do too.

        Raises ``ServerUnavailable``, and ``BerthError`` where the server refuses the client.
        """
        await self._connected()
        return self

    async def close(self) -> None:
        """Ends the connection and every follower. The server goes on."""
        self._is_closed = True
        await asyncio.gather(*(follower.close() for follower in list(self._followers)))
        if self._opening is not None:
            self._opening.cancel()
            await asyncio.gather(self._opening, return_exceptions=True)
        if self._connection is not None:
            await self._connection.close()

    async def __aenter__(self) -> Self:
        try:
            return await self.open()
        except BaseException:
            await self.close()
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _connected(self) -> Connection:
        if self._is_closed:
            raise RuntimeError("The client is closed.")
        if self._connection is not None and self._connection.is_open:
            return self._connection
        if self._opening is None:
            # A task of its own: it serves every caller, and must not end with the first one.
            self._opening = asyncio.create_task(self._open())
            self._opening.add_done_callback(self._opened)
        opening = self._opening
        await asyncio.wait([opening])
        if opening.cancelled():
            raise ConnectionLost("The client was closed.")
        return opening.result()

    async def _open(self) -> Connection:
        if self._connection is not None:
            await self._connection.close()
        connection = await self._connector.open(starting=True, handlers=self._handlers)
        self._connection = connection
        return connection

    def _opened(self, opening: asyncio.Task[Connection]) -> None:
        self._opening = None
        if not opening.cancelled():
            opening.exception()

    # MARK: Calls

    async def request(
        self,
        method: str,
        params: Mapping[str, Any],
        *,
        on_progress: ProgressHandler | None = None,
        timeout_seconds: float | None = None,
    ) -> Any:
        """Calls a method by name. Cancelling the task cancels the request.

        Raises ``BerthError``, ``ConnectionLost``, ``ServerUnavailable`` and ``RequestTimedOut``.
        """
        seconds = self._timeout_seconds if timeout_seconds is None else timeout_seconds
        scope = asyncio.timeout(seconds)
        try:
            async with scope:
                connection = await self._connected()
                return await connection.request(method, params, on_progress=on_progress)
        except TimeoutError:
            if not scope.expired():
                raise
            raise RequestTimedOut(f"{method} was not answered within {seconds:g} s.") from None

    async def notify(self, method: str, params: Mapping[str, Any]) -> None:
        """Sends a notification by name."""
        await (await self._connected()).notify(method, params)

    def using(self, *, on_progress: ProgressHandler | None = None, timeout_seconds: float | None = None) -> Methods:
        """The same methods, for calls that report their progress or have a time limit of their own."""
        return Methods(_Configured(self, on_progress, timeout_seconds))

    # MARK: Streams

    def follow(
        self,
        stream: str,
        *,
        after: str | None = None,
        tail: int | None = None,
        live: bool = True,
        types: Sequence[str] | None = None,
        on_gap: GapHandler | None = None,
    ) -> Follower[StreamEvent]:
        """Follows a stream: ``async for event in client.follow("custom/build")``.

        stream: The stream.
        after: The last event that is known already. Without it and ``tail``: from the beginning.
        tail: Only this many of the events that are there.
        live: Whether to go on with what comes; else the iteration ends where the stream ends today.
        types: Only events of these types; ``job.*`` stands for all that begin with ``job.``.
        on_gap: Called, in its place between the events, where some are gone.
        """
        return self._follower(StreamSource(stream, after, tail, live, types), on_gap)

    def events(
        self,
        *,
        after: str | None = None,
        tail: int | None = None,
        live: bool = True,
        types: Sequence[EventType | str] | None = None,
        on_gap: GapHandler | None = None,
    ) -> Follower[KnownEvent]:
        """Follows ``events``, which tells the state changes of everything; as ``follow``, with typed payloads."""
        return self._follower(StreamSource("events", after, tail, live, types), on_gap)

    def watch(
        self,
        workspace: str,
        *,
        path: str | None = None,
        recursive: bool | None = None,
        include: Sequence[str] | None = None,
        exclude: Sequence[str] | None = None,
        gitignore: bool | None = None,
        debounce_ms: int | None = None,
        on_gap: GapHandler | None = None,
    ) -> Follower[FileEvent]:
        """Follows what changes in a workspace's files; the parameters are those of ``file.watch``.

        When the server is restarted the watch is begun again, and ``on_gap`` is called: what changed meanwhile is not
        known.
        """
        params = {
            "workspace": workspace,
            "path": path,
            "recursive": recursive,
            "include": include,
            "exclude": exclude,
            "gitignore": gitignore,
            "debounceMs": debounce_ms,
        }
        return self._follower(WatchSource({k: v for k, v in params.items() if v is not None}), on_gap)

    def _follower(self, source: Source, on_gap: GapHandler | None) -> Follower[Any]:
        follower: Follower[Any] = Follower(
            source,
            self._opener,
            has_crashed=lambda: self._connector.has_crashed,
            is_exclusive=not self._connector.is_single,
            reconnect_seconds=self._reconnect_seconds,
            on_gap=on_gap,
        )
        self._followers.add(follower)
        return follower

    async def _opener(self, starting: bool) -> Connection:
        """A connection for a follower: one of its own, unless there can be one only."""
        if self._is_closed or self._connector.is_single:
            return await self._connected()
        return await self._connector.open(starting=starting, handlers=self._followers_handlers)


class _Configured:
    """Carries calls to a client, with settings of their own."""

    def __init__(self, client: Client, on_progress: ProgressHandler | None, timeout_seconds: float | None) -> None:
        self._client = client
        self._on_progress = on_progress
        self._timeout_seconds = timeout_seconds

    async def request(self, method: str, params: Mapping[str, Any]) -> Any:
        return await self._client.request(
            method, params, on_progress=self._on_progress, timeout_seconds=self._timeout_seconds
        )

    async def notify(self, method: str, params: Mapping[str, Any]) -> None:
        await self._client.notify(method, params)


def connect(
    *,
    home: StrPath | None = None,
    socket: StrPath | None = None,
    berth: StrPath | None = None,
    start: bool = True,
    timeout_seconds: float | None = None,
    reconnect_seconds: float = 30.0,
    on_notification: NotificationHandler | None = None,
    on_permission: PermissionHandler | None = None,
) -> Client:
    """A client of a home's server, over its socket: ``async with berth.connect() as client``.

    home: The folder of the server's state. Absent: ``BERTH_HOME``, else ``$XDG_STATE_HOME/berth``, else
        ``~/.local/state/berth``.
    socket: The server's socket. Absent: the one that the home's server listens on.
    berth: The program that starts a server. Absent: ``$BERTH``, else ``berth`` on the path.
    start: Whether a server is started where none runs.
    timeout_seconds: How long a call may take. Absent: as long as it takes.
    reconnect_seconds: How long a follower tries to come back before it fails.
    on_notification: Called with the method and the parameters of each notification that no call or follower waits for.
    on_permission: Called with each question of an agent whose run is followed. Returns the id of the option to take, or
        None to leave the question to others; is cancelled when somebody else was faster.
    """
    return Client(
        SocketConnector(Home(home), socket, berth, start),
        timeout_seconds=timeout_seconds,
        reconnect_seconds=reconnect_seconds,
        on_notification=on_notification,
        on_permission=on_permission,
    )


def spawn(
    *,
    home: StrPath | None = None,
    berth: StrPath | None = None,
    in_process: bool = False,
    command: Sequence[str] | None = None,
    timeout_seconds: float | None = None,
    reconnect_seconds: float = 30.0,
    on_notification: NotificationHandler | None = None,
    on_permission: PermissionHandler | None = None,
) -> Client:
    """A client that starts ``berth serve --stdio`` and speaks over its standard input and output.

    home: The folder of the server's state. Absent: the one that ``berth`` chooses.
    berth: The program to start. Absent: ``$BERTH``, else ``berth`` on the path.
    in_process: Whether the process is itself the server of the home, for as long as it is connected, instead of
        joining the one that runs. Followers then share its one connection.
    command: What to run in place of all that, such as ``["ssh", "host", "berth", "serve", "--stdio"]``.

    The others are those of ``connect``.
    """
    return Client(
        ProcessConnector(None if home is None else Home(home), berth, in_process, command),
        timeout_seconds=timeout_seconds,
        reconnect_seconds=reconnect_seconds,
        on_notification=on_notification,
        on_permission=on_permission,
    )
