"""What can go wrong: the server refuses a call, or there is no server to ask."""

from __future__ import annotations

from typing import Any, TypeGuard

from ._generated import ErrorType, Fault


class BerthError(Exception):
    """The server answered a request with an error.

    ``str(error)`` is a sentence that a person can act on.
    """

    code: int
    """JSON-RPC's own code, or one that reads like an HTTP status."""

    type: ErrorType | str
    """The stable word to tell errors apart by; a plain string where this version does not know it."""

    detail: str
    """The case in particular."""

    retryable: bool
    """Whether the same call may succeed later."""

    retry_after_ms: int | None
    """How long to wait before trying again, in milliseconds, where the server knows."""

    errors: list[Fault]
    """Every fault, where there are several."""

    data: dict[str, Any]
    """All that came with the error; further members depend on the type."""

    def __init__(self, code: int, message: str, data: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.data = data or {}
        self.type = self.data.get("type", "")
        self.detail = self.data.get("detail", message)
        self.retryable = self.data.get("retryable", False)
        self.retry_after_ms = self.data.get("retryAfterMs")
        self.errors = self.data.get("errors", [])

    @classmethod
    def from_wire(cls, error: dict[str, Any]) -> BerthError:
        """The error that a response's ``error`` member tells."""
        data = error.get("data")
        return cls(error["code"], error["message"], data if isinstance(data, dict) else None)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.code, self.message, self.data)


def is_error(error: BaseException, *types: ErrorType) -> TypeGuard[BerthError]:
    """Whether an exception is the server's answer, and of one of these types where some are named."""
    return isinstance(error, BerthError) and (not types or error.type in types)


class ConnectionLost(ConnectionError):
    """The connection ended before the answer came.

    Whether the request was carried out is not known, so it is never repeated by itself. The next call connects again.
    """


class ServerUnavailable(ConnectionError):
    """No server answers, and none could be started."""


class RequestTimedOut(TimeoutError):
    """The answer did not come in time. The server was asked to cancel the request."""
