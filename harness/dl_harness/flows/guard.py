"""Keeps an adapter on this machine: connections and name look-ups beyond loopback are refused and reported."""

from __future__ import annotations

import ipaddress
import os
import sys
from collections.abc import Callable
from typing import Any

CHANGES = frozenset({"os.remove", "os.rename", "os.rmdir", "os.truncate"})
SENDING = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})
LOOPBACK_NAMES = frozenset({"localhost", "localhost.localdomain", "ip6-localhost", ""})


class ProtectedError(PermissionError):
    """What the adapter sees when it would change a file of the user's own repository."""


class NetworkRefusedError(ConnectionRefusedError):
    """What the adapter sees when it tries to leave the machine."""


def install(
    opened: Callable[[object, object, object], None], refused: Callable[[str], None], protected: str, workspace: str
) -> None:
    """Watch files and sockets of this process for the rest of its life (audit hooks cannot be removed).

    The events are the interpreter's own: https://docs.python.org/3/library/audit_events.html
    """

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            if is_writing(*arguments[1:]):
                _refuse_inside(protected, workspace, arguments[0])
            opened(*arguments)
        elif event in CHANGES:
            _refuse_inside(protected, workspace, arguments[0], itself=event == "os.truncate")
        elif event in SENDING | {"socket.getaddrinfo", "socket.gethostbyname"}:
            host = _host(event, arguments)
            if host is not None and not is_loopback(host):
                refused(host)
                raise NetworkRefusedError(
                    f"dl-harness keeps checks on this machine: a connection to {host} was refused. Point the adapter at"
                    " a stub on loopback (see [tool.dl-harness.service]) or supply the file with --artifacts."
                )

    sys.addaudithook(watch)


def _host(event: str, arguments: tuple[Any, ...]) -> str | None:
    address = arguments[1] if event in SENDING else arguments[0]
    if isinstance(address, tuple) and address:
        address = address[0]
    elif event in SENDING:
        return None  # a Unix socket
    if isinstance(address, (bytes, bytearray)):
        address = bytes(address).decode(errors="replace")
    return address if isinstance(address, str) else None


def is_writing(mode: object, flags: object) -> bool:
    """Whether an `open` event is about writing; `mode` is open's, `flags` os.open's."""
    by_mode = isinstance(mode, str) and bool(set(mode) & set("wax+"))
    return by_mode or (isinstance(flags, int) and bool(flags & (os.O_WRONLY | os.O_RDWR)))


def _refuse_inside(protected: str, workspace: str, path: object, *, itself: bool = True) -> None:
    """Refuse to change what is really a file of the user's repository: the workspace links large files.

    With `itself` false only the folder counts, since removing a link leaves what it points to.
    """
    if not isinstance(path, (str, bytes, os.PathLike)):
        return
    text = os.fsdecode(path)
    real = os.path.realpath(text) if itself else os.path.join(os.path.realpath(os.path.dirname(text)), "x")
    if real.startswith(protected.rstrip(os.sep) + os.sep) and not real.startswith(workspace + os.sep):
        raise ProtectedError(f"dl-harness keeps your repository as it is: {os.path.basename(text)} was not changed")


def is_loopback(host: str) -> bool:
    """Whether an address or a name stays on this machine."""
    if host.lower() in LOOPBACK_NAMES:
        return True
    try:
        address = ipaddress.ip_address(host.split("%")[0])
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified
