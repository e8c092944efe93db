"""Loopback transport: a real HTTP server around `Platform.handle`, in a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address

from dl_mock.http_connection import Connection
from dl_mock.platform import PREFIX, Platform

BACKLOG = 256  # the SDK opens a connection per upload and many in parallel


class Server:
    """A platform that listens."""

    def __init__(self, platform: Platform, host: str, port: int) -> None:
        self.platform = platform
        self.host = host
        self.port = port
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="dl-mock-server", daemon=True)
        self._started = threading.Event()
        self._stop = asyncio.Event()
        self._failure: Exception | None = None

    @property
    def url(self) -> str:
        """Where the platform is found; the SDK insists on `api/v1` in it (SDK: entities/command.py)."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}{PREFIX}"

    def start(self) -> None:
        """Begin to accept requests; raises OSError if that is not possible, such as when the port is taken."""
        self._thread.start()
        self._started.wait()
        if self._failure is None:
            return
        self._thread.join()
        if isinstance(self._failure, OSError):
            raise self._failure
        raise OSError(f"{type(self._failure).__name__}: {self._failure}") from self._failure

    def stop(self) -> None:
        """Close all connections and wait for the thread."""
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._serve())
        except Exception as error:
            if self._started.is_set():
                raise
            # Whoever waits for the start has to hear of it.
            self._failure = error
        finally:
            self._started.set()
            self._loop.close()

    async def _serve(self) -> None:
        open_: set[Connection] = set()
        listening = await self._loop.create_server(
            lambda: Connection(self.platform, open_), self.host, self.port, backlog=BACKLOG, reuse_address=True
        )
        bound, self.port = listening.sockets[0].getsockname()[:2]
        self.host = _reachable(self.host, bound)
        self._started.set()
        await self._stop.wait()
        listening.close()
        for connection in tuple(open_):
            connection.abandon()
        await asyncio.sleep(0)  # in which the connections close


def _reachable(host: str, bound: str) -> str:
    """An address by which this machine reaches what listens on `host`: all addresses together are none to call."""
    if not ip_address(bound.partition("%")[0]).is_unspecified:
        return host
    return "::1" if ":" in bound else "127.0.0.1"


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach what listens on `host`."""
    try:
        return ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return host == "localhost"


@contextmanager
def serve(platform: Platform, host: str = "127.0.0.1", port: int = 0) -> Iterator[Server]:
    """Serve a platform while the context is open; port 0 is any free one. Sets the platform's own url."""
    server = Server(platform, host, port)
    server.start()
    before, platform.url = platform.url, server.url
    try:
        yield server
    finally:
        platform.url = before
        server.stop()
