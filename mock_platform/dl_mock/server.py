"""Loopback transport: a real HTTP server around `Platform.handle`, in a thread of its own."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from typing import Any

from aiohttp import web

from dl_mock.message import Delivery, Request, Response
from dl_mock.platform import PREFIX, Platform

BACKLOG = 256  # the SDK opens a connection per upload and many in parallel
_REQUEST_LINE = re.compile(r"""\bb['"]([-!#$%&'*+.^_`|~\w]+) (\S+) HTTP/1\.\d""")  # as the parser's message shows it


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
        runner = web.ServerRunner(_Listener(self.platform), shutdown_timeout=0.1)
        await runner.setup()
        try:
            site = web.TCPSite(runner, self.host, self.port, backlog=BACKLOG, reuse_address=True)
            await site.start()
            bound, self.port = runner.addresses[0][:2]
            self.host = _reachable(self.host, bound)
            self._started.set()
            await self._stop.wait()
        finally:
            await runner.cleanup()


class _Listener(web.Server):
    """Hands each request to the platform."""

    def __init__(self, platform: Platform) -> None:
        super().__init__(self._answer)
        self._platform = platform

    def __call__(self) -> web.RequestHandler:
        return _Connection(self, self._platform)

    async def _answer(self, request: web.BaseRequest) -> web.Response:
        # Read from the stream: `request.read()` has a limit on the size, and uploads are chunked, without a length.
        body = await request.content.read()
        headers: dict[str, Any] = dict(request.headers)
        answer = self._platform.handle(Request.of(request.method, request.raw_path, headers, body))
        if answer.delivery is None:
            return _sent(answer)
        return await _delivered(request, answer, answer.delivery)


class _Connection(web.RequestHandler):
    """A connection on which an unknown method is a call without a route, as it is in-process."""

    def __init__(self, manager: web.Server, platform: Platform) -> None:
        super().__init__(manager, loop=asyncio.get_running_loop(), access_log=None)  # type: ignore[arg-type]  # the hint forgets that it may be off
        self._platform = platform

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what the parser did not accept; of a method it does not know there is only its message."""
        line = _REQUEST_LINE.search(message or "") if status == 400 else None
        if line is None:
            return super().handle_error(request, status, exc, message)
        answer = _sent(self._platform.handle(Request.of(line[1], line[2])))
        answer.force_close()
        return answer


async def _delivered(request: web.BaseRequest, answer: Response, how: Delivery) -> web.Response:
    """`message.delivered` for a loop that must not block."""
    await asyncio.sleep(how.delay)
    if how.drop and request.transport is not None:
        request.transport.abort()
    if how.done is not None:
        # Shielded: that a caller is gone ends no execution.
        await asyncio.wait([asyncio.shield(asyncio.wrap_future(how.done))], timeout=how.patience)
    return _sent(how.answer() if how.answer is not None else answer)


def _sent(answer: Response) -> web.Response:
    return web.Response(status=answer.status, headers=dict(answer.headers), body=answer.body)


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
