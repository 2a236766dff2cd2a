"""What one attachment to a stream has brought and nobody has taken yet."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import Any, Final, Literal, Protocol, TypeAlias

from ._errors import ConnectionLost
from ._generated import EndReason, GapReason, StreamEvent

# Where an attachment stops taking more, and where it goes on, in bytes as they came over the wire.
_FULL_BYTES: Final = 256 << 10
_LOW_BYTES: Final = 64 << 10


@dataclass(frozen=True, slots=True)
class Gap:
    """Events that should have come are gone."""

    reason: GapReason | Literal["restart"]
    """Why; ``restart`` where what was followed ended with its server and had to be begun anew."""

    after: str | None
    """The cursor of the last event before the gap; None for the beginning."""

    to: str | None
    """The cursor of the last event that is missing, where it is known."""


@dataclass(frozen=True, slots=True)
class Events:
    """A batch of events, in order."""

    events: list[StreamEvent]


@dataclass(frozen=True, slots=True)
class End:
    """Nothing comes after this."""

    reason: EndReason


Piece: TypeAlias = Events | Gap | End


class FlowControl(Protocol):
    """How the sender of an attachment is slowed down."""

    def hold(self) -> bool:
        """Makes the sender wait. False where it can't wait and the attachment was ended instead."""

    def go_on(self) -> None:
        """Lets the sender go on after ``hold``."""


class Attachment:
    """A bounded queue between a connection and a reader.

    When it is full the sender is held; so a reader that is slow costs no memory, here or at the server.
    """

    __slots__ = ("_flow", "_held", "_is_cut", "_lost", "_news", "_pieces", "_queued_bytes", "after", "is_closed")

    def __init__(self) -> None:
        self.after: str | None = None
        """The cursor of the last event before those that come, once the server has answered."""
        self.is_closed = False
        """Whether nobody reads any more."""
        self._flow: FlowControl | None = None
        self._pieces: deque[tuple[Piece, int]] = deque()
        self._queued_bytes = 0
        self._held = False
        # Whether what still comes is not wanted: it will be asked for again.
        self._is_cut = False
        self._lost: ConnectionLost | None = None
        self._news = asyncio.Event()

    # What the connection calls.

    def begin(self, after: str | None, flow: FlowControl) -> None:
        """The server has attached; its first piece may follow at once."""
        self.after = after
        self._flow = flow

    def receive(self, piece: Piece, size: int) -> None:
        """Takes in what came in ``size`` bytes."""
        if self.is_closed or self._is_cut:
            return
        self._pieces.append((piece, size))
        self._queued_bytes += size
        self._news.set()
        if self._queued_bytes >= _FULL_BYTES and not self._held and not isinstance(piece, End) and self._flow:
            self._held = self._flow.hold()
            if not self._held:
                self._is_cut = True
                self.lose(ConnectionLost("The attachment was ended because its reader is slow."))

    def lose(self, error: ConnectionLost) -> None:
        """The connection has ended; what came before can still be taken."""
        self._lost = error
        self._news.set()

    # What the reader calls.

    async def take(self) -> Piece:
        """The next piece, as soon as there is one.

        Raises ``ConnectionLost`` when the connection has ended and everything that came over it was taken.
        """
        while not self._pieces:
            if self._lost is not None:
                raise self._lost
            self._news.clear()
            await self._news.wait()
        piece, size = self._pieces.popleft()
        self._queued_bytes -= size
        if self._held and self._queued_bytes <= _LOW_BYTES and self._flow:
            self._held = False
            self._flow.go_on()
        return piece

    def close(self) -> None:
        """Nobody reads any more; who waits is told."""
        self.is_closed = True
        self._pieces.clear()
        self.lose(ConnectionLost("The attachment was closed."))


def as_piece(method: str, params: dict[str, Any]) -> Piece | None:
    """What a notification of an attachment brings; None for any other notification."""
    match method:
        case "stream/event":
            return Events(params["events"])
        case "stream/gap":
            return Gap(params["reason"], params.get("from"), params["to"])
        case "stream/end":
            return End(params["reason"])
    return None
