"""What a follower follows: how to attach to it for the first time, and how again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypeAlias

from ._errors import BerthError, is_error

Call: TypeAlias = tuple[str, Mapping[str, Any]]


class Source(Protocol):
    """Something that is followed."""

    def first(self) -> Call:
        """The call that attaches for the first time."""

    def again(self, after: str | None) -> Call:
        """The call that goes on after a cursor; None for the beginning."""

    def attached(self, result: Mapping[str, Any]) -> None:
        """Takes in what the server answered."""

    def is_lost(self, error: BerthError) -> bool:
        """Whether an error says that only a new beginning, with a gap, helps."""


class StreamSource:
    """A stream of the server's."""

    def __init__(
        self, stream: str, after: str | None, tail: int | None, live: bool, types: Sequence[str] | None
    ) -> None:
        self._params: dict[str, Any] = {"stream": stream, "follow": live}
        if types is not None:
            self._params["types"] = list(types)
        self._after = after
        self._tail = tail

    def first(self) -> Call:
        method, params = self.again(self._after)
        return method, params if self._tail is None else {**params, "tail": self._tail}

    def again(self, after: str | None) -> Call:
        return "stream/attach", self._params if after is None else {**self._params, "after": after}

    def attached(self, result: Mapping[str, Any]) -> None:
        """The stream's name is known."""

    def is_lost(self, error: BerthError) -> bool:
        return False


class WatchSource:
    """Changes of a workspace's files. Their stream is made by watching, and goes when the server does."""

    def __init__(self, params: Mapping[str, Any]) -> None:
        self._params = params
        self._stream = ""

    def first(self) -> Call:
        return "file/watch", self._params

    def again(self, after: str | None) -> Call:
        params = {"stream": self._stream}
        return "stream/attach", params if after is None else {**params, "after": after}

    def attached(self, result: Mapping[str, Any]) -> None:
        self._stream = result["stream"]

    def is_lost(self, error: BerthError) -> bool:
        return is_error(error, "stream_not_found", "invalid_cursor")
