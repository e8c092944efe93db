"""Keeps an adapter on this machine: connections and name look-ups beyond loopback are refused and reported."""

from __future__ import annotations

import ipaddress
import sys
from collections.abc import Callable
from typing import Any

LOOPBACK_NAMES = frozenset({"localhost", "localhost.localdomain", "ip6-localhost", ""})


class NetworkRefusedError(ConnectionRefusedError):
    """What the adapter sees when it tries to leave the machine."""


def install(opened: Callable[[object, object, object], None], refused: Callable[[str], None]) -> None:
    """Watch files and sockets of this process for the rest of its life (audit hooks cannot be removed).

    The events are the interpreter's own: https://docs.python.org/3/library/audit_events.html
    """

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            opened(*arguments)
        elif event in {"socket.connect", "socket.sendto", "socket.getaddrinfo", "socket.gethostbyname"}:
            host = _host(event, arguments)
            if host is not None and not is_loopback(host):
                refused(host)
                raise NetworkRefusedError(
                    f"dl-harness keeps checks on this machine: a connection to {host} was refused. Point the adapter at"
                    " a stub on loopback (see [tool.dl-harness.service]) or supply the file with --artifacts."
                )

    sys.addaudithook(watch)


def _host(event: str, arguments: tuple[Any, ...]) -> str | None:
    address = arguments[1] if event in {"socket.connect", "socket.sendto"} else arguments[0]
    if isinstance(address, tuple) and address:
        address = address[0]
    elif event in {"socket.connect", "socket.sendto"}:
        return None  # a Unix socket
    if isinstance(address, (bytes, bytearray)):
        address = bytes(address).decode(errors="replace")
    return address if isinstance(address, str) else None


def is_loopback(host: str) -> bool:
    """Whether an address or a name stays on this machine."""
    if host.lower() in LOOPBACK_NAMES:
        return True
    try:
        address = ipaddress.ip_address(host.split("%")[0])
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified
