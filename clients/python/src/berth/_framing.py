"""Messages on the wire: a header block with ``Content-Length``, then that many bytes of JSON."""

from __future__ import annotations

from typing import Final

_HEADER_END: Final = b"\r\n\r\n"
_MAXIMUM_HEADER_BYTES: Final = 8 << 10
_MAXIMUM_BODY_BYTES: Final = 1 << 30


class FramingError(Exception):
    """The peer does not speak the protocol; nothing after this can be understood."""


def frame(body: bytes) -> bytes:
    """A message as it is sent."""
    return b"Content-Length: %d\r\n\r\n%b" % (len(body), body)


class FrameReader:
    """Cuts what comes in, in pieces of any size, into the bodies of messages."""

    __slots__ = ("_buffer", "_length")

    def __init__(self) -> None:
        self._buffer = bytearray()
        # The length of the body that is being received; None within a header block.
        self._length: int | None = None

    def feed(self, data: bytes) -> list[bytearray]:
        """Takes bytes in and returns the bodies that are complete with them.

        Raises ``FramingError`` where a header block is faulty.
        """
        buffer = self._buffer
        buffer += data
        bodies: list[bytearray] = []
        start = 0
        while True:
            if self._length is None:
                end = buffer.find(_HEADER_END, start)
                if (end if end >= 0 else len(buffer)) - start > _MAXIMUM_HEADER_BYTES:
                    raise FramingError("a header block is larger than 8 KiB")
                if end < 0:
                    break
                self._length = _content_length(buffer[start:end])
                start = end + len(_HEADER_END)
            if len(buffer) - start < self._length:
                break
            bodies.append(buffer[start : start + self._length])
            start += self._length
            self._length = None
        del buffer[:start]
        return bodies


def _content_length(block: bytearray) -> int:
    length: int | None = None
    for line in block.split(b"\r\n"):
        name, separator, value = line.partition(b":")
        if not separator:
            raise FramingError("a header line has no colon")
        if name.strip().lower() == b"content-length":
            digits = value.strip()
            if not digits.isdigit() or len(digits) > 10:
                raise FramingError("the Content-Length is not a length")
            length = int(digits)
    if length is None:
        raise FramingError("a header block has no Content-Length")
    if length > _MAXIMUM_BODY_BYTES:
        raise FramingError("a message is larger than 1 GiB")
    return length
