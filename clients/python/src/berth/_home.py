"""Where a server keeps its state, and where its socket is."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import Final

# The longest path of a socket that a server listens on, in bytes.
_LONGEST_SOCKET: Final = 103


@dataclass(frozen=True, slots=True)
class ServerRecord:
    """What a running server writes into its home's lock file, for those who look for it."""

    pid: int
    socket: str
    """Empty for a server without one."""


class Home:
    """The folder of a server's state."""

    __slots__ = ("path",)

    def __init__(self, path: str | os.PathLike[str] | None = None) -> None:
        """Without a path: ``BERTH_HOME``, else ``$XDG_STATE_HOME/berth``, else ``~/.local/state/berth``."""
        chosen = None if path is None else os.fspath(path)
        self.path = _absolute(chosen or _environment("BERTH_HOME") or _standard_path())

    @property
    def socket(self) -> str:
        """The socket that clients connect to, unless the server was started with another one.

        Where a path in the home would be too long for a socket, a short name under the temporary directory takes its
        place.
        """
        runtime = _environment("XDG_RUNTIME_DIR")
        if runtime and self.path == _absolute(_standard_path()):
            if len(os.fsencode(runtime)) + 18 <= _LONGEST_SOCKET:
                return f"{runtime}/berth/berth.sock"
        in_home = f"{self.path}/berth.sock"
        # A second socket, whose name is three bytes longer, stands beside it.
        if len(os.fsencode(in_home)) + 3 <= _LONGEST_SOCKET:
            return in_home
        temporary = _environment("TMPDIR")
        if temporary is None or len(os.fsencode(temporary)) >= 40:
            temporary = "/tmp"
        return f"{temporary}/berth-{os.geteuid()}/{_short_name(self.path)}.sock"

    @property
    def record(self) -> ServerRecord | None:
        """The record of the server that took this home last; it may have gone since."""
        try:
            with open(f"{self.path}/lock", "rb") as file:
                record = json.loads(file.read())
            return ServerRecord(pid=record["pid"], socket=record["socket"])
        except (OSError, ValueError, KeyError, TypeError):
            return None


def _standard_path() -> str:
    state = _environment("XDG_STATE_HOME")
    if state and state.startswith("/"):
        return f"{state}/berth"
    return f"{_environment('HOME') or '/root'}/.local/state/berth"


def _environment(name: str) -> str | None:
    return os.environ.get(name) or None


def _absolute(path: str) -> str:
    """The path from the root, with the links on it resolved as far as it exists, so that one folder has one name."""
    try:
        return os.path.realpath(path, strict=True)
    except OSError:
        pass
    trimmed = path.rstrip("/") or "/"
    parent, slash, name = trimmed.rpartition("/")
    if not slash:
        return f"{_absolute('.')}/{name}"
    above = _absolute(parent) if parent else ""
    return f"{'' if above == '/' else above}/{name}"


def _short_name(path: str) -> str:
    """Sixteen hexadecimal digits that stand for a path (FNV-1a)."""
    value = 0xCBF2_9CE4_8422_2325
    for byte in os.fsencode(path):
        value = (value ^ byte) * 0x100_0000_01B3 & 0xFFFF_FFFF_FFFF_FFFF
    return f"{value:016x}"
