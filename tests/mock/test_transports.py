"""Both transports give the answers of the platform, and nothing of their own."""

from __future__ import annotations

import http.client
import io
import socket
from collections.abc import Iterator
from contextlib import nullcontext
from urllib.parse import urlsplit

import pytest
import requests
from mock_helpers import BOX, Api, image

from dl_mock import Platform, serve
from dl_mock.intercept import intercept
from dl_mock.server import Server

ITEM = "65aa00000000000000000003"
DATASET = "65aa00000000000000000002"


@pytest.fixture
def server(platform: Platform) -> Iterator[Server]:
    platform.load_scene(
        {
            "datasets": [{"id": DATASET}],
            "items": [{"id": ITEM, "filename": "/a b.png", "annotations": [BOX]}],
        }
    )
    with serve(platform) as running:
        yield running


CALLS = [
    pytest.param("GET", f"/items/{ITEM}", {}, id="document"),
    pytest.param("GET", f"/items/{ITEM}/stream", {"headers": {"range": "bytes=5-"}}, id="range"),
    pytest.param("GET", "/items/some_id", {}, id="error"),
    pytest.param("GET", "/projects/a%20b/name", {}, id="escaped-path"),
    pytest.param("PUT", "/nowhere?x=1", {}, id="no-route"),
    pytest.param("PATCH", f"/items/{ITEM}?system=true", {"json": {"metadata": {"system": {"ä": "ö"}}}}, id="change"),
    pytest.param("POST", f"/datasets/{DATASET}/query", {"json": {"filter": {"type": "file"}}}, id="query"),
    pytest.param("POST", f"/datasets/{DATASET}/query", {"data": b"{"}, id="broken"),
    pytest.param("POST", "/projects", {"data": {"name": "a b"}}, id="form"),
    pytest.param("HEAD", f"/items/{ITEM}", {}, id="head"),
    pytest.param("HEAD", "/nowhere", {}, id="head-no-route"),
    pytest.param("BREW", f"/items/{ITEM}?x=1", {}, id="unknown-method"),
    pytest.param("F!O", "/nowhere", {}, id="odd-method"),
    pytest.param("BREW", "/nowhere", {"data": b"x"}, id="unknown-method-with-body"),
    pytest.param("DELETE", f"/items/{ITEM}", {}, id="no-content"),
]


@pytest.mark.parametrize(("method", "path", "extra"), CALLS)
def test_a_call_is_answered_alike_on_both(method: str, path: str, extra: dict[str, object], server: Server) -> None:
    token = {"authorization": f"Bearer {server.platform.token}"}
    state = server.platform.state
    before = {name: state.all(name) for name in ("items", "projects", "datasets", "annotations")}
    answers = []
    for transport in (nullcontext(), intercept(server.platform, server.url)):
        _reset(server.platform, before)
        with transport:
            headers = {**token, **extra.get("headers", {})}  # type: ignore[dict-item]
            arguments = {key: value for key, value in extra.items() if key != "headers"}
            answers.append(requests.request(method, server.url + path, headers=headers, timeout=5, **arguments))  # type: ignore[arg-type]

    over_http, in_process = answers
    assert over_http.status_code == in_process.status_code
    assert _without_dates(over_http) == _without_dates(in_process)
    assert over_http.headers.get("content-type") == in_process.headers.get("content-type")
    assert over_http.headers.get("content-range") == in_process.headers.get("content-range")


def _reset(platform: Platform, before: dict[str, list[dict[str, object]]]) -> None:
    for name, rows in before.items():
        for row in platform.state.all(name):
            content = platform.state.read(str(row["id"])) if name == "items" else b""
            platform.state.remove(name, str(row["id"]))
            if name == "items":
                platform.state.write(str(row["id"]), content)
        for row in rows:
            platform.state.put(name, row)


def _without_dates(answer: requests.Response) -> object:
    if "json" not in answer.headers.get("content-type", "") or not answer.content:
        return answer.content
    value = answer.json()
    changing = ("updatedAt", "createdAt", "id", "url", "contributors")  # of whom each has dates
    return {key: value[key] for key in value if key not in changing} if isinstance(value, dict) else value


def test_other_places_are_not_intercepted(server: Server) -> None:
    other = Platform()
    with serve(other) as elsewhere, intercept(server.platform, server.url):
        answer = requests.get(f"{elsewhere.url}/users/me", timeout=5)

    assert answer.status_code == 401
    assert [entry.path for entry in other.journal] == ["/users/me"]


def test_a_body_may_come_in_chunks(server: Server) -> None:
    def chunks() -> Iterator[bytes]:
        yield b'{"filter":'
        yield b'{"type":"file"}}'

    headers = {"authorization": f"Bearer {server.platform.token}", "content-type": "application/json"}
    answer = requests.post(f"{server.url}/datasets/{DATASET}/query", data=chunks(), headers=headers, timeout=5)

    assert answer.json()["totalItemsCount"] == 1


def test_an_upload_may_be_larger_than_a_megabyte(server: Server) -> None:
    content = bytes(5_000_000)
    files = {"file": ("big.bin", io.BytesIO(content))}
    headers = {"authorization": f"Bearer {server.platform.token}"}

    answer = requests.post(
        f"{server.url}/datasets/{DATASET}/items", files=files, data={"path": "/big.bin"}, headers=headers, timeout=20
    )

    assert answer.json()["metadata"]["system"]["size"] == len(content)


def test_a_connection_serves_many_calls_without_delay(server: Server) -> None:
    import time

    address = urlsplit(server.url)
    connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=5)
    headers = {"authorization": f"Bearer {server.platform.token}"}
    started = time.perf_counter()
    for _ in range(50):
        connection.request("GET", f"/api/v1/items/{ITEM}", headers=headers)
        assert connection.getresponse().read()
    connection.close()

    # With delayed acknowledgements each call would take 40 ms.
    assert time.perf_counter() - started < 1


def test_what_is_no_http_is_a_bad_request(server: Server) -> None:
    address = urlsplit(server.url)
    with socket.create_connection((str(address.hostname), address.port), timeout=5) as connection:
        connection.sendall(b"\x16\x03\x01\r\n\r\n")

        assert connection.recv(100).startswith(b"HTTP/1.0 400 ")
    assert server.platform.journal == []


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "BREW"])
def test_a_method_the_platform_does_not_have_is_answered(method: str, server: Server) -> None:
    assert requests.request(method, f"{server.url}/items/{ITEM}", timeout=5).status_code == 501


def test_a_platform_knows_where_it_is_served(server: Server, platform: Platform) -> None:
    assert platform.url == server.url
    assert Api(platform).get(f"/items/{ITEM}").json()["stream"] == f"{server.url}/items/{ITEM}/stream"


def test_a_taken_port_is_an_error(server: Server) -> None:
    with pytest.raises(OSError, match="in use"), serve(Platform(), port=server.port):
        pass


@pytest.mark.parametrize("port", [70_000, -1])
def test_a_port_that_is_none_is_an_error(port: int) -> None:
    with pytest.raises(OSError, match="OverflowError: "), serve(Platform(), port=port):
        pass


def test_a_page_of_an_image_survives_both(server: Server) -> None:
    content = image(30, 40)
    server.platform.state.write(ITEM, content)
    headers = {"authorization": f"Bearer {server.platform.token}"}
    url = f"{server.url}/items/{ITEM}/stream"

    over_http = requests.get(url, headers=headers, timeout=5).content
    with intercept(server.platform, server.url):
        in_process = requests.get(url, headers=headers, timeout=5, stream=True)
        pieces = b"".join(in_process.iter_content(7))

    assert over_http == pieces == content
