"""Streams as asynchronous iterators that outlive connections and servers."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Final, Generic, Self, TypeVar, cast

from ._attachment import Attachment, End, Events, Gap
from ._connection import Connection
from ._errors import BerthError, ConnectionLost, ServerUnavailable
from ._generated import EndReason, StreamEvent
from ._source import Source

E = TypeVar("E")
GapHandler = Callable[[Gap], None]
# Gives a follower its connection; the argument tells whether a server may be started for it.
Opener = Callable[[bool], Awaitable[Connection]]

_FIRST_DELAY_SECONDS: Final = 0.05
_LONGEST_DELAY_SECONDS: Final = 2.0
# How long after a loss a follower leaves the starting of a server to others.
_STARTING_AFTER_SECONDS: Final = 0.5


class Follower(Generic[E]):
    """The events of a stream, in order, each of them once.

    When the connection is lost the follower comes back and goes on after the last event that it has handed out. It
    reads only a little ahead of its consumer: one that is slow makes the server wait, and holds up nobody else. The
    iteration ends when the stream does; ``end_reason`` then tells why.

    Leave it with ``async with`` or ``close`` where the iteration is left before its end.
    """

    cursor: str | None
    """The position of the last event that was handed out; pass it as ``after`` to go on there another time."""

    end_reason: EndReason | None
    """Why the stream ended, once it has."""

    def __init__(
        self,
        source: Source,
        opener: Opener,
        *,
        has_crashed: Callable[[], bool],
        is_exclusive: bool,
        reconnect_seconds: float,
        on_gap: GapHandler | None,
    ) -> None:
        self.cursor = None
        self.end_reason = None
        self._source = source
        self._opener = opener
        self._has_crashed = has_crashed
        self._is_exclusive = is_exclusive
        self._reconnect_seconds = reconnect_seconds
        self._on_gap = on_gap
        self._events: deque[StreamEvent] = deque()
        self._gap: Gap | None = None
        self._has_attached = False
        self._is_closed = False
        self._delay = 0.0
        self._connection: Connection | None = None
        self._attachment: Attachment | None = None
        self._attaching: asyncio.Task[Attachment] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    # MARK: Iteration

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> E:
        """The next event.

        Raises ``BerthError`` where the server refuses to attach, and ``ConnectionLost`` or ``ServerUnavailable`` where
        no server could be reached for as long as the client was told to try.
        """
        while not self._events:
            if self._is_closed:
                raise StopAsyncIteration
            try:
                await self._take()
            except (BerthError, ConnectionError):
                if self._is_closed:
                    raise StopAsyncIteration from None
                self._release()
                self._is_closed = True
                raise
        event = self._events.popleft()
        self.cursor = event["cursor"]
        return cast(E, event)

    async def _take(self) -> None:
        """Takes in the next piece of the stream."""
        attachment = await self._attached()
        if (gap := self._gap) is not None:
            self._gap = None
            return self._pass(gap)
        try:
            piece = await attachment.take()
        except ConnectionLost:
            return self._release()
        self._delay = 0.0
        match piece:
            case Events(events):
                self._events.extend(events)
            case Gap():
                self._pass(piece)
            case End(reason):
                self.end_reason = reason
                self._is_closed = True
                self._release()

    def _pass(self, gap: Gap) -> None:
        if gap.to is not None:
            self.cursor = gap.to
        if self._on_gap is not None:
            self._on_gap(gap)

    # MARK: Attaching

    async def _attached(self) -> Attachment:
        if self._attachment is None:
            # A task of its own: a consumer that gives up waiting must not leave half an attachment behind.
            if self._attaching is None:
                self._loop = asyncio.get_running_loop()
                self._attaching = self._loop.create_task(self._attach())
            attaching = self._attaching
            await asyncio.wait([attaching])
            if attaching is self._attaching:
                self._attaching = None
            if attaching.cancelled():
                raise ConnectionLost("The follower was closed.")
            return attaching.result()
        return self._attachment

    async def _attach(self) -> Attachment:
        loop = asyncio.get_running_loop()
        began = loop.time()
        is_first = not self._has_attached
        while True:
            if self._delay > 0:
                await asyncio.sleep(self._delay)
            self._delay = min(max(self._delay * 2, _FIRST_DELAY_SECONDS), _LONGEST_DELAY_SECONDS)
            elapsed = loop.time() - began
            starting = is_first or (elapsed >= _STARTING_AFTER_SECONDS and self._has_crashed())
            try:
                return await self._attach_once(starting)
            except BerthError as error:
                if self._has_attached and self._source.is_lost(error):
                    self._gap = Gap("restart", self.cursor, None)
                    self._has_attached = False
                    self.cursor = None
                    continue
                if is_first or not error.retryable or elapsed > self._reconnect_seconds:
                    raise
            except ServerUnavailable:
                if is_first or elapsed > self._reconnect_seconds:
                    raise
            except ConnectionLost:
                if elapsed > self._reconnect_seconds:
                    raise

    async def _attach_once(self, starting: bool) -> Attachment:
        connection = await self._opener(starting)
        attachment = Attachment()
        try:
            method, params = self._source.again(self.cursor) if self._has_attached else self._source.first()
            result = await connection.attach(method, params, attachment, is_exclusive=self._is_exclusive)
        except BaseException:
            attachment.close()
            if self._is_exclusive:
                connection.abort()
            raise
        self._source.attached(result)
        if not self._has_attached:
            self._has_attached = True
            self.cursor = attachment.after
        self._connection = connection
        self._attachment = attachment
        self._attaching = None
        if self._is_closed:
            self._release()
        return attachment

    def _release(self) -> None:
        """Gives up the attachment, and the connection where it is the follower's own."""
        attachment, self._attachment = self._attachment, None
        connection, self._connection = self._connection, None
        if attachment is None or connection is None:
            return
        attachment.close()
        if self._is_exclusive:
            connection.abort()
        else:
            connection.forget(attachment)

    # MARK: The end

    async def close(self) -> None:
        """Stops following. Events that were not handed out yet are dropped; ``cursor`` tells where to go on."""
        self._is_closed = True
        self._events.clear()
        connection = self._connection
        self._release()
        attaching, self._attaching = self._attaching, None
        if attaching is not None:
            attaching.cancel()
            await asyncio.gather(attaching, return_exceptions=True)
        if connection is not None and self._is_exclusive:
            await connection.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def __del__(self) -> None:
        # A consumer that left its loop without closing the follower; the connection would stay open for nobody.
        if self._attachment is not None and self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._release)
