"""The loopback server speaks HTTP with any client, however its bytes arrive, and outlives those that do not."""

from __future__ import annotations

import asyncio
import http.client
import json
import socket
import threading
from collections.abc import Iterator
from itertools import pairwise
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dl_mock import Platform, serve
from dl_mock.http_connection import Connection
from dl_mock.message import Request, Response
from dl_mock.server import Server


class Echo:
    """Answers with what it was asked."""

    def __init__(self) -> None:
        self.asked: list[Request] = []

    def handle(self, request: Request) -> Response:
        self.asked.append(request)
        return Response(200, request.body or request.path.encode(), {"content-type": "text/plain"})


class Wire(asyncio.Transport):
    """A transport that keeps what is written to it."""

    def __init__(self) -> None:
        super().__init__()
        self.sent = b""
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert not self.closed
        self.sent += bytes(data)

    def close(self) -> None:
        self.closed = True

    abort = close

    def is_closing(self) -> bool:
        return self.closed


def talk(pieces: list[bytes]) -> tuple[Echo, Wire]:
    echo, wire = Echo(), Wire()
    connection = Connection(echo, set())
    connection.connection_made(wire)
    for piece in pieces:
        if not wire.closed:
            connection.data_received(piece)
    return echo, wire


def chunked(sizes: list[int]) -> tuple[bytes, bytes]:
    """A body in chunks as it is sent, and the body."""
    chunks = [bytes([97 + number % 26]) * size for number, size in enumerate(sizes) if size]
    sent = b"".join(f"{len(chunk):X};x=y\r\n".encode() + chunk + b"\r\n" for chunk in chunks)
    return sent + b"0\r\nTrailer: 1\r\n\r\n", b"".join(chunks)


def cut(raw: bytes, places: list[int]) -> list[bytes]:
    edges = sorted({0, len(raw), *(place % (len(raw) + 1) for place in places)})
    return [raw[first:end] for first, end in pairwise(edges)]


sizes = st.lists(st.integers(0, 40), max_size=5)


@given(sizes, sizes, st.lists(st.integers(0, 2000), max_size=60))
def test_requests_are_the_same_however_their_bytes_arrive(one: list[int], other: list[int], places: list[int]) -> None:
    first, first_body = chunked(one)
    second_body = b"b" * sum(other)
    raw = b"POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + first
    raw += b"PUT /b?x=1 HTTP/1.1\r\ncontent-length: " + str(len(second_body)).encode() + b"\r\n\r\n" + second_body
    raw += b"\r\nGET /c HTTP/1.1\r\nX-Odd:  \xe4 b \r\n\r\n"

    echo, wire = talk(cut(raw, places))

    assert [(one.method, one.path, one.body) for one in echo.asked] == [
        ("POST", "/a", first_body),
        ("PUT", "/b", second_body),
        ("GET", "/c", b""),
    ]
    assert echo.asked[1].query == {"x": "1"}
    assert echo.asked[2].headers == {"x-odd": "ä b"}
    assert wire.sent.count(b"HTTP/1.1 200 OK\r\n") == 3
    assert not wire.closed


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"hello\r\n\r\n", 400),
        (b"GET  / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/2.0\r\n\r\n", 400),
        (b"G@T / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nno colon\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nname : x\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\na: b\r\n folded\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\ncontent-length: -1\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\ncontent-length: 1e3\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\ntransfer-encoding: gzip\r\n\r\n", 501),
        (b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n", 400),
        (b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n1\r\nabc", 400),
        (b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n" + b"1" * 5000, 400),
        (b"GET //[ HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\na: " + b"x" * 70_000, 431),
    ],
)
def test_what_is_no_request_is_refused_once_and_the_connection_closed(raw: bytes, status: int) -> None:
    echo, wire = talk([raw, b"GET / HTTP/1.1\r\n\r\n"])

    assert wire.sent.startswith(f"HTTP/1.0 {status} ".encode())
    assert json.loads(wire.sent.partition(b"\r\n\r\n")[2])["status"] == status
    assert (wire.closed, echo.asked) == (True, [])


@given(st.binary(max_size=300))
def test_no_bytes_do_harm(raw: bytes) -> None:
    talk([raw, b"\r\n\r\n"])


@pytest.mark.parametrize(
    ("version", "said", "kept"),
    [("1.1", None, True), ("1.1", "close", False), ("1.0", None, False), ("1.0", "Keep-Alive", True)],
)
def test_a_connection_is_kept_if_the_client_means_it(version: str, said: str | None, kept: bool) -> None:
    header = f"Connection: {said}\r\n" if said else ""

    _, wire = talk([f"GET /x HTTP/{version}\r\n{header}\r\n".encode()])

    assert wire.closed is not kept
    assert (b"connection: close" in wire.sent) is not kept


def test_a_client_that_asks_first_is_told_to_go_on() -> None:
    _, wire = talk([b"POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n", b"ok"])

    assert wire.sent.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n")


def test_values_of_headers_stay_in_their_line() -> None:
    class Tricked(Echo):
        def handle(self, request: Request) -> Response:
            return Response(200, b"x", {"content-type": "a\r\nset-cookie: b\u2028"})

    wire = Wire()
    connection = Connection(Tricked(), set())
    connection.connection_made(wire)
    connection.data_received(b"GET / HTTP/1.1\r\n\r\n")

    assert b"\r\ncontent-type: a set-cookie: b\r\n" in wire.sent


@pytest.fixture
def server(platform: Platform) -> Iterator[Server]:
    platform.load_scene({"datasets": [{"name": "d"}]})
    with serve(platform) as running:
        yield running


def test_half_an_upload_changes_nothing(server: Server) -> None:
    address = urlsplit(server.url)
    state = server.platform.state
    dataset = state.all("datasets")[0]["id"]
    with socket.create_connection((str(address.hostname), address.port), timeout=5) as connection:
        head = f"POST /api/v1/datasets/{dataset}/items HTTP/1.1\r\nTransfer-Encoding: chunked\r\n"
        connection.sendall(f"{head}Authorization: Bearer {server.platform.token}\r\n\r\nff\r\n--half".encode())
    with socket.create_connection((str(address.hostname), address.port), timeout=5) as connection:
        connection.sendall(b"GET /api/v1/users/me HTTP/1.1\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 401 ")

    assert (state.count("items"), [entry.path for entry in server.platform.journal]) == (0, ["/users/me"])


def test_many_clients_at_once_are_all_served(server: Server) -> None:
    """Each adds a document of its own, changes it, and sees it as it left it."""
    address = urlsplit(server.url)
    headers = {"authorization": f"Bearer {server.platform.token}", "content-type": "application/json"}
    project = server.platform.state.all("projects")[0]["id"]
    failures: list[str] = []
    together = threading.Barrier(32)

    def work(number: int) -> None:
        connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=60)

        def ask(method: str, path: str, body: object = None) -> dict[str, object]:
            connection.request(method, f"{address.path}{path}", json.dumps(body) if body else None, headers)
            answer = connection.getresponse()
            content = json.loads(answer.read())
            if answer.status != 200:
                failures.append(f"{method} {path}: {answer.status} {content}")
            return dict(content)

        try:
            together.wait(60)
            made = ask("POST", "/ml/models", {"name": f"m{number}", "projectId": project})
            for turn in range(4):
                ask("PATCH", f"/ml/models/{made['id']}", {"configuration": {"turn": turn}})
            seen = ask("POST", "/ml/models/query", {"filter": {"name": f"m{number}"}})
            if [one["configuration"] for one in seen["items"]] != [{"turn": 3}]:  # type: ignore[attr-defined]
                failures.append(f"{number} saw {seen}")
        except Exception as error:
            failures.append(f"{number}: {error!r}")
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []
    assert server.platform.state.count("models") == 32
