"""One connection to a server: requests and their answers, and what the server sends by itself."""

from __future__ import annotations

import asyncio
import json
import socket as sockets
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any, Final, cast

from ._attachment import Attachment, End, as_piece
from ._errors import BerthError, ConnectionLost
from ._framing import FrameReader, FramingError, frame
from ._generated import ERROR_CODES, InitializeResult
from ._questions import Handlers, ProgressHandler

_PROTOCOL_VERSION: Final = "1"
_CLIENT_INFO: Final = {"name": "berth-python", "version": "0.1.0"}
# How long a peer may take to end a connection before it is cut.
_CLOSING_SECONDS: Final = 5.0


class _Request:
    """A request that has not been answered."""

    __slots__ = ("future", "on_result")

    def __init__(self, future: asyncio.Future[Any], on_result: Callable[[Any], None] | None) -> None:
        self.future = future
        self.on_result = on_result


class Connection(asyncio.Protocol):
    """A connection that has been initialized."""

    def __init__(self, handlers: Handlers) -> None:
        self._loop = asyncio.get_running_loop()
        self._handlers = handlers
        self._transport: asyncio.Transport | None = None
        self._frames = FrameReader()
        self._last_id = 0
        self._requests: dict[int, _Request] = {}
        self._answers: dict[Any, asyncio.Future[Any]] = {}
        self._progress: dict[str, ProgressHandler] = {}
        self._attachments: dict[str, Attachment] = {}
        self._is_closing = False
        self._reason: BaseException | None = None
        self._has_ended = asyncio.Event()
        self._has_room = asyncio.Event()
        self._has_room.set()
        self._maximum_bytes: int | None = None
        self.handshake: InitializeResult
        """What was settled when the connection was opened."""
        self.end_of_process: Callable[[], Awaitable[object]] | None = None
        """Waits for the end of the process at the other side, where that belongs to this connection."""

    @classmethod
    async def over(cls, sock: sockets.socket, handlers: Handlers = Handlers()) -> Connection:
        """Initializes a connection over a socket, which from then on belongs to it.

        Raises ``ConnectionLost``, and ``BerthError`` of type ``unsupported_version``.
        """
        sock.setblocking(False)
        connection = cls(handlers)
        await connection._loop.create_unix_connection(lambda: connection, sock=sock)
        try:
            params: dict[str, Any] = {"protocolVersions": [_PROTOCOL_VERSION], "clientInfo": _CLIENT_INFO}
            if handlers.capabilities:
                params["capabilities"] = handlers.capabilities
            connection.handshake = cast(InitializeResult, await connection.request("initialize", params))
            connection._maximum_bytes = connection.handshake["limits"]["maxMessageBytes"]
            connection._send({"method": "initialized", "params": {}})
        except BaseException:
            connection.abort()
            raise
        return connection

    @property
    def is_open(self) -> bool:
        return not self._is_closing

    # MARK: Calls

    async def request(
        self,
        method: str,
        params: Mapping[str, Any],
        *,
        on_progress: ProgressHandler | None = None,
        on_result: Callable[[Any], None] | None = None,
    ) -> Any:
        """Sends a request and waits for its result. Cancelling the task cancels the request.

        ``on_result`` is called before anything that came after the result is looked at, even when nobody waits any
        more.
        """
        await self._room()
        self._last_id += 1
        id = self._last_id
        token = f"p{id}"
        if on_progress is not None:
            params = {**params, "workDoneToken": token}
        self._send({"id": id, "method": method, "params": params})
        request = self._requests[id] = _Request(self._loop.create_future(), on_result)
        if on_progress is not None:
            self._progress[token] = on_progress
        try:
            return await request.future
        except asyncio.CancelledError:
            if id in self._requests:
                with suppress(ConnectionLost):
                    self._send({"method": "$/cancelRequest", "params": {"id": id}})
            raise
        finally:
            self._progress.pop(token, None)
            if on_result is None:
                self._requests.pop(id, None)

    async def notify(self, method: str, params: Mapping[str, Any]) -> None:
        """Sends a notification."""
        await self._room()
        self._send({"method": method, "params": params})

    async def attach(
        self, method: str, params: Mapping[str, Any], attachment: Attachment, *, is_exclusive: bool
    ) -> Mapping[str, Any]:
        """Calls ``stream/attach`` or ``file/watch`` and lets what follows flow into an attachment.

        ``is_exclusive`` says that the connection serves nothing else, so that it may be held still.
        """

        def begin(result: Mapping[str, Any]) -> None:
            id = result["attachment"]
            flow = _Pausing(self) if is_exclusive else _Detaching(self, id)
            attachment.begin(result.get("after"), flow)
            if attachment.is_closed:
                self.detach(id)
            else:
                self._attachments[id] = attachment

        return cast(Mapping[str, Any], await self.request(method, params, on_result=begin))

    def detach(self, id: str) -> None:
        """Ends an attachment without waiting for the answer."""
        self._attachments.pop(id, None)
        if self.is_open:
            self._last_id += 1
            self._send({"id": self._last_id, "method": "stream/detach", "params": {"attachment": id}})

    def forget(self, attachment: Attachment) -> None:
        """Ends an attachment that nobody reads any more."""
        for id in [id for id, other in self._attachments.items() if other is attachment]:
            self.detach(id)

    # MARK: The end

    async def close(self) -> None:
        """Ends the connection in good order. What is open fails with ``ConnectionLost``."""
        with suppress(TimeoutError, ConnectionLost, BerthError):
            async with asyncio.timeout(_CLOSING_SECONDS):
                if self.end_of_process is not None and self.is_open:
                    await self.request("shutdown", {})
                    await self.notify("exit", {})
                if self._transport is not None:
                    self._end(ConnectionLost("The connection was closed by this client."))
                    self._transport.close()
                await self._has_ended.wait()
        self.abort()
        if self.end_of_process is not None:
            await self.end_of_process()

    def abort(self) -> None:
        """Ends the connection at once."""
        self._end(ConnectionLost("The connection was closed by this client."))
        if self._transport is not None:
            self._transport.abort()

    async def wait_closed(self) -> None:
        """Waits for the end of the connection, however it ends."""
        await self._has_ended.wait()

    def _end(self, reason: BaseException | None) -> None:
        """Nothing more is sent or received; everybody who waits is told."""
        if self._is_closing:
            return
        self._is_closing = True
        self._reason = reason
        self._has_room.set()
        requests, self._requests = self._requests, {}
        for request in requests.values():
            if not request.future.done():
                request.future.set_exception(self._lost())
        for answer in list(self._answers.values()):
            answer.cancel()
        attachments, self._attachments = self._attachments, {}
        for attachment in attachments.values():
            attachment.lose(self._lost())

    def _lost(self) -> ConnectionLost:
        if isinstance(self._reason, ConnectionLost):
            return ConnectionLost(*self._reason.args)
        error = ConnectionLost("The connection to the server ended before the answer came.")
        error.__cause__ = self._reason
        return error

    # MARK: Sending

    async def _room(self) -> None:
        """Waits until the server has read enough for more to be sent."""
        while not self._has_room.is_set():
            await self._has_room.wait()

    def _send(self, message: dict[str, Any]) -> None:
        if self._is_closing or self._transport is None:
            raise self._lost()
        message["jsonrpc"] = "2.0"
        body = json.dumps(message, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
        if self._maximum_bytes is not None and len(body) > self._maximum_bytes:
            # The server would skip it, and could not tell whose it was.
            raise BerthError(
                ERROR_CODES["message_too_large"],
                f"The message has {len(body)} bytes, and the server takes {self._maximum_bytes}.",
                {"type": "message_too_large", "retryable": False, "maxMessageBytes": self._maximum_bytes},
            )
        self._transport.write(frame(body))

    # MARK: Receiving

    def _receive(self, body: bytearray) -> None:
        message = json.loads(str(body, "utf-8"))
        match message:
            case {"method": str(method), "id": id}:
                self._asked(method, id, message.get("params", {}))
            case {"method": str(method)}:
                self._notified(method, message.get("params", {}), len(body))
            case {"id": int(id)}:
                self._answered(self._requests.pop(id, None), message)
            case {"error": {"code": int(), "message": str()} as error}:
                # It is about a message that the server could not read, so that message's answer will not come.
                raise BerthError.from_wire(error)
            case _:
                raise FramingError("the server sent what is no JSON-RPC message")

    def _asked(self, method: str, id: Any, params: dict[str, Any]) -> None:
        handler = self._handlers.requests.get(method)
        if handler is None:
            error = {"code": ERROR_CODES["method_not_found"], "message": f"The client has no method {method}."}
            return self._send({"id": id, "error": error})
        answer = self._answers[id] = asyncio.ensure_future(handler(params), loop=self._loop)
        answer.add_done_callback(lambda answer: self._answer(id, answer))

    def _answer(self, id: Any, answer: asyncio.Future[Any]) -> None:
        """Answers a request of the server's, which may have been taken back meanwhile."""
        self._answers.pop(id, None)
        message: dict[str, Any] = {"id": id}
        if answer.cancelled():
            message["error"] = {"code": ERROR_CODES["cancelled"], "message": "The request was cancelled."}
        elif (error := answer.exception()) is None:
            message["result"] = answer.result()
        elif isinstance(error, BerthError):
            message["error"] = {"code": error.code, "message": str(error)}
        else:
            self._report(error)
            message["error"] = {"code": ERROR_CODES["internal_error"], "message": "The client's handler failed."}
        with suppress(ConnectionLost):
            self._send(message)

    def _answered(self, request: _Request | None, message: dict[str, Any]) -> None:
        if request is None:
            return
        if "error" in message:
            if not request.future.done():
                request.future.set_exception(BerthError.from_wire(message["error"]))
            return
        result = message.get("result")
        if request.on_result is not None:
            request.on_result(result)
        if not request.future.done():
            request.future.set_result(result)

    def _notified(self, method: str, params: dict[str, Any], size: int) -> None:
        if method == "$/progress" and (on_progress := self._progress.get(params["token"])):
            return self._call(on_progress, params["value"])
        if method == "$/cancelRequest":
            if (answer := self._answers.get(params["id"])) is not None:
                answer.cancel()
            return
        if (attachment := self._attachments.get(params.get("attachment", ""))) is not None:
            piece = as_piece(method, params)
            if isinstance(piece, End):
                del self._attachments[params["attachment"]]
            if piece is not None:
                return attachment.receive(piece, size)
        if self._handlers.notification is not None:
            self._call(self._handlers.notification, method, params)

    def _call(self, handler: Callable[..., None], *arguments: Any) -> None:
        """Calls what the user gave; its faults are not the connection's."""
        try:
            handler(*arguments)
        except Exception as error:
            self._report(error)

    def _report(self, error: BaseException) -> None:
        self._loop.call_exception_handler({"message": "A handler of a client of Berth failed", "exception": error})

    def pause_reading(self) -> None:
        """Takes nothing more from the server, which then has to wait."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    # MARK: asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        try:
            for body in self._frames.feed(data):
                if self._is_closing:
                    return
                self._receive(body)
        except (FramingError, BerthError, ValueError, LookupError, TypeError) as error:
            self._end(error)
            if self._transport is not None:
                self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end(exc)
        self._has_ended.set()

    def pause_writing(self) -> None:
        self._has_room.clear()

    def resume_writing(self) -> None:
        self._has_room.set()


class _Pausing:
    """Holds a sender by not reading the connection, which is its own."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def hold(self) -> bool:
        self._connection.pause_reading()
        return True

    def go_on(self) -> None:
        self._connection.resume_reading()


class _Detaching:
    """Ends an attachment of a connection that others need too; its reader attaches again when it is ready."""

    def __init__(self, connection: Connection, id: str) -> None:
        self._connection = connection
        self._id = id

    def hold(self) -> bool:
        self._connection.detach(self._id)
        return False

    def go_on(self) -> None:
        """It is never held."""
