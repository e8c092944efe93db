"""One connection of the loopback server: HTTP/1.1 as clients of a mock on the same machine speak it.

Written for this and not taken from a web framework because the import of one takes longer than the server may take to
start, and a request through it costs three times as much. It knows lengths, chunks, `Expect`, pipelining and
connections that are kept; a request that it cannot read is answered with 400 and the connection closed.
"""

from __future__ import annotations

import asyncio
import re
from http import HTTPStatus
from typing import Protocol

from dl_mock.message import Delivery, Request, Response

LONGEST_HEAD = 1 << 16
LONGEST_LINE = 1 << 12  # of a chunk's size, or of a trailer
_TOKEN = rb"[-!#$%&'*+.^_`|~0-9A-Za-z]+"
_REQUEST_LINE = re.compile(rb"(" + _TOKEN + rb") ([\x21-\xff]+) HTTP/1\.([01])")
_HEADER = re.compile(rb"(" + _TOKEN + rb"):[ \t]*([^\r\n\x00]*?)[ \t]*")
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\r\n]*)?")
_LENGTH = re.compile(r"\d{1,15}", re.ASCII)
_BODILESS = frozenset({204, 304})
_PHRASES = {status.value: status.phrase for status in HTTPStatus}


class Handler(Protocol):
    """What answers requests."""

    def handle(self, request: Request) -> Response:
        """Answer a request; never raises."""


class _BadRequestError(Exception):
    """What came in is no request."""

    def __init__(self, said: str, status: int = 400) -> None:
        super().__init__(said)
        self.status = status


class _Head:
    """The first part of a request."""

    __slots__ = ("chunked", "headers", "keep", "length", "method", "old", "target")

    def __init__(self, raw: bytes) -> None:
        first, *lines = raw.split(b"\r\n")
        parts = _REQUEST_LINE.fullmatch(first)
        if parts is None:
            raise _BadRequestError("expected a request line such as 'GET /path HTTP/1.1'")
        self.method, self.target = parts[1].decode("ascii"), parts[2].decode("latin-1")
        self.headers: dict[str, str] = {}
        for line in lines:
            field = _HEADER.fullmatch(line)
            if field is None:
                raise _BadRequestError(f"expected a header such as 'name: value', saw {line[:60]!r}")
            self.headers[field[1].decode("ascii").lower()] = field[2].decode("latin-1")
        connection = self.headers.get("connection", "").lower()
        self.old = parts[3] == b"0"  # HTTP/1.0, where a connection is kept only if both sides say so
        self.keep = "keep-alive" in connection if self.old else "close" not in connection
        coding = self.headers.get("transfer-encoding", "").lower()
        if coding and coding != "chunked":
            raise _BadRequestError(f"expected the transfer encoding chunked, saw {coding!r}", 501)
        self.chunked = bool(coding)
        length = self.headers.get("content-length", "0")
        if _LENGTH.fullmatch(length) is None:
            raise _BadRequestError(f"expected a number as content length, saw {length[:60]!r}")
        self.length = int(length)


class Connection(asyncio.Protocol):
    """Reads requests and writes answers, one after the other and each in one piece."""

    def __init__(self, handler: Handler, open_: set[Connection]) -> None:
        self._handler = handler
        self._open = open_
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._head: _Head | None = None
        self._body = bytearray()
        self._wanted = 0  # bytes of the body, or of the chunk, that are still to come
        self._in_chunk = False
        self._in_trailer = False
        self._waiting: asyncio.Task[None] | None = None
        self._ended = False  # the client sends no more

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client is there."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._open.add(self)

    def connection_lost(self, _error: Exception | None) -> None:
        """The client is gone; half a request is none."""
        self._transport = None
        self._open.discard(self)

    def data_received(self, data: bytes) -> None:
        """More bytes."""
        self._buffer += data
        self._go_on()

    def eof_received(self) -> bool:
        """The client sends no more; it may still wait for an answer."""
        self._ended = True
        return self._waiting is not None

    def abandon(self) -> None:
        """Close, whatever is under way."""
        if self._waiting is not None:
            self._waiting.cancel()
        if self._transport is not None:
            self._transport.abort()

    def _go_on(self) -> None:
        """Answer all requests that are complete."""
        try:
            while self._transport is not None and self._waiting is None and not self._transport.is_closing():
                if self._head is None and not self._begin():
                    return
                assert self._head is not None
                if not (self._chunks() if self._head.chunked else self._rest()):
                    return
                head, body = self._head, bytes(self._body)
                self._head, self._body = None, bytearray()
                self._answer(head, body)
        except _BadRequestError as error:
            self._refuse(error)

    def _begin(self) -> bool:
        """Read a head, if it is there."""
        while self._buffer[:2] == b"\r\n":  # some clients end a body with a line too many
            del self._buffer[:2]
        end = self._buffer.find(b"\r\n\r\n")
        if end > LONGEST_HEAD or (end < 0 and len(self._buffer) > LONGEST_HEAD):
            raise _BadRequestError(f"expected at most {LONGEST_HEAD} bytes before the body", 431)
        if end < 0:
            return False
        self._head = _Head(bytes(self._buffer[:end]))
        del self._buffer[: end + 4]
        self._wanted = self._head.length
        self._in_chunk = self._in_trailer = False
        if self._head.headers.get("expect", "").lower() == "100-continue" and self._transport is not None:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        return True

    def _rest(self) -> bool:
        """Take what is there of a body of known length; whether it is complete."""
        taken = self._buffer[: self._wanted]
        self._body += taken
        del self._buffer[: len(taken)]
        self._wanted -= len(taken)
        return self._wanted == 0

    def _chunks(self) -> bool:
        """Take what is there of a body in chunks; whether it is complete."""
        while True:
            if self._in_chunk:
                if not self._rest():
                    return False
                if len(self._buffer) < 2:
                    return False
                if self._buffer[:2] != b"\r\n":
                    raise _BadRequestError("expected the end of a chunk")
                del self._buffer[:2]
                self._in_chunk = False
            line = self._line()
            if line is None:
                return False
            if self._in_trailer:
                if not line:
                    return True
                continue
            size = _CHUNK.fullmatch(line)
            if size is None:
                raise _BadRequestError(f"expected the size of a chunk, saw {line[:60]!r}")
            self._wanted = int(size[1], 16)
            self._in_chunk, self._in_trailer = self._wanted > 0, self._wanted == 0

    def _line(self) -> bytes | None:
        end = self._buffer.find(b"\r\n", 0, LONGEST_LINE)
        if end < 0:
            if len(self._buffer) >= LONGEST_LINE:
                raise _BadRequestError("expected the size of a chunk, saw a long line")
            return None
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 2]
        return line

    def _answer(self, head: _Head, body: bytes) -> None:
        try:
            request = Request.of(head.method, head.target, head.headers, body)
        except ValueError as error:  # a target that is no URL
            raise _BadRequestError(f"expected a path, saw {head.target[:60]!r}: {error}") from None
        answer = self._handler.handle(request)
        if answer.delivery is None:
            self._send(head, answer)
        else:
            self._waiting = asyncio.get_running_loop().create_task(self._deliver(head, answer, answer.delivery))

    async def _deliver(self, head: _Head, answer: Response, how: Delivery) -> None:
        """`message.delivered` for a loop that must not block."""
        await asyncio.sleep(how.delay)
        if how.drop:
            self._waiting = None
            if self._transport is not None:
                self._transport.abort()
            return
        if how.done is not None:
            # Shielded: that a caller is gone ends no execution.
            await asyncio.wait([asyncio.shield(asyncio.wrap_future(how.done))], timeout=how.patience)
        self._send(head, how.answer() if how.answer is not None else answer)
        self._waiting = None
        self._go_on()

    def _send(self, head: _Head, answer: Response) -> None:
        if self._transport is None:
            return
        close = self._ended or not head.keep
        said = "close" if close else "keep-alive" if head.old else None
        self._transport.write(_bytes(answer, "1.1", head.method == "HEAD", said))
        if close:
            self._transport.close()

    def _refuse(self, error: _BadRequestError) -> None:
        """The last answer: where the next request begins, nobody can tell."""
        if self._transport is not None:
            answer = Response.of_json({"status": error.status, "message": str(error)}, error.status)
            self._transport.write(_bytes(answer, "1.0", False, "close"))
            self._transport.close()


def _bytes(answer: Response, version: str, headless: bool, connection: str | None) -> bytes:
    """An answer as it goes over the wire; to HEAD it tells the length of a body and has none."""
    lines = [f"HTTP/{version} {answer.status} {_PHRASES.get(answer.status, '')}"]
    # What came from a caller, such as a media type, must not become another line.
    lines += [f"{name}: {' '.join(value.split())}" for name, value in answer.headers.items()]
    bodiless = answer.status in _BODILESS
    if not bodiless:
        lines.append(f"content-length: {len(answer.body)}")
    if connection is not None:
        lines.append(f"connection: {connection}")
    head = "\r\n".join(lines).encode("latin-1", "replace")
    return head + b"\r\n\r\n" + (b"" if headless or bodiless else answer.body)
