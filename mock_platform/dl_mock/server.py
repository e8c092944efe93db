"""Loopback transport: a real HTTP server around `Platform.handle`, in a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from aiohttp import web

from dl_mock.message import Request
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
        self._failure: OSError | None = None

    @property
    def url(self) -> str:
        """Where the platform is found; the SDK insists on `api/v1` in it (SDK: entities/command.py)."""
        return f"http://{self.host}:{self.port}{PREFIX}"

    def start(self) -> None:
        """Begin to accept requests; raises OSError if the port is taken."""
        self._thread.start()
        self._started.wait()
        if self._failure is not None:
            self._thread.join()
            raise self._failure

    def stop(self) -> None:
        """Close all connections and wait for the thread."""
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self._started.set()
            self._loop.close()

    async def _serve(self) -> None:
        runner = web.ServerRunner(web.Server(self._answer, access_log=None), shutdown_timeout=0.1)
        await runner.setup()
        try:
            site = web.TCPSite(runner, self.host, self.port, backlog=BACKLOG, reuse_address=True)
            try:
                await site.start()
            except OSError as error:
                self._failure = error
                return
            self.port = runner.addresses[0][1]
            self._started.set()
            await self._stop.wait()
        finally:
            await runner.cleanup()

    async def _answer(self, request: web.BaseRequest) -> web.Response:
        # Read from the stream: `request.read()` has a limit on the size, and uploads are chunked, without a length.
        body = await request.content.read()
        headers: dict[str, Any] = dict(request.headers)
        answer = self.platform.handle(Request.of(request.method, request.raw_path, headers, body))
        return web.Response(status=answer.status, headers=dict(answer.headers), body=answer.body)


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
