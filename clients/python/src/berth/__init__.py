"""A client of Berth, a local server for workspaces, files, streams and jobs.

``connect`` and ``spawn`` make a ``Client``, which has every method of the protocol by the first part of its name::

    async with berth.connect() as client:
        workspace = await client.workspace.create(name="demo")
        async for event in client.follow("events", tail=0):
            ...

The structures of the protocol are in ``berth.types``.
"""

from ._attachment import Gap
from ._client import Client, FileEvent, connect, spawn
from ._errors import BerthError, ConnectionLost, RequestTimedOut, ServerUnavailable, is_error
from ._follower import Follower
from ._questions import PermissionHandler

__all__ = [
    "BerthError",
    "Client",
    "ConnectionLost",
    "FileEvent",
    "Follower",
    "Gap",
    "PermissionHandler",
    "RequestTimedOut",
    "ServerUnavailable",
    "connect",
    "is_error",
    "spawn",
]
