"""Requests of the server's to this client: agents' questions for permission."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from ._errors import BerthError
from ._generated import ERROR_CODES, Permission, PermissionAnswer, WorkDoneProgress

ProgressHandler: TypeAlias = Callable[[WorkDoneProgress], None]
NotificationHandler: TypeAlias = Callable[[str, Mapping[str, Any]], None]
PermissionHandler: TypeAlias = Callable[[Permission], Awaitable[str | None]]
RequestHandler: TypeAlias = Callable[[Mapping[str, Any]], Awaitable[Any]]


@dataclass(frozen=True)
class Handlers:
    """Who takes what the server sends by itself over a connection."""

    notification: NotificationHandler | None = None
    requests: Mapping[str, RequestHandler] = field(default_factory=dict)
    """By the names of methods."""
    capabilities: Mapping[str, Any] = field(default_factory=dict)
    """What the server is told that it may ask."""


class Questions:
    """Puts each question to the user's handler once, however many connections bring it."""

    def __init__(self, handler: PermissionHandler) -> None:
        self._handler = handler
        self._asked: dict[str, _Asked] = {}

    def handlers(self, notification: NotificationHandler | None) -> Handlers:
        return Handlers(notification, {"agentRun/requestPermission": self._answer}, {"permissions": True})

    async def _answer(self, params: Mapping[str, Any]) -> PermissionAnswer:
        permission: Permission = params["permission"]
        id = permission["id"]
        asked = self._asked.get(id)
        if asked is None:
            asked = self._asked[id] = _Asked(asyncio.ensure_future(self._handler(permission)))
        asked.waiting += 1
        try:
            option = await asyncio.shield(asked.task)
        finally:
            asked.waiting -= 1
            if asked.waiting == 0:
                # Answered, or nobody wants to know any more.
                asked.task.cancel()
                if self._asked.get(id) is asked:
                    del self._asked[id]
        if option is None:
            sentence = "The question is left to others."
            raise BerthError(ERROR_CODES["cancelled"], sentence, {"type": "cancelled", "retryable": False})
        return {"option": option}


class _Asked:
    def __init__(self, task: asyncio.Future[str | None]) -> None:
        self.task = task
        self.waiting = 0
