"""The short way to a platform in the same process: what the reference flows ask of it passes by the SDK's own plumbing.

The SDK spends most of a request on the call stack, on proxies, on threads and progress bars per item (measured: 3 ms an
item, of which the platform takes a twentieth). Over `dl_mock.connect(platform)` the flows hand requests to the platform
itself: the same requests, in the same order, with the same answers and the same entries in its journal. Over any other
transport nothing changes.
"""

from __future__ import annotations

import functools
import io
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import dtlpy as dl
import requests

from dl_mock.connection import in_process
from dl_mock.message import Request
from dl_mock.platform import PREFIX, Platform

_DOWNLOADED_WHOLE = {"save_locally": False}
"""The arguments of a download that only wants the bytes (SDK: repositories/downloader.py)."""


def shortened(wrapper: Callable[..., Any]) -> Callable[..., Any]:
    """A wrapper function that goes the short way while it runs."""

    @functools.wraps(wrapper)
    def short(adapter: dl.BaseModelAdapter, *args: Any, **kwargs: Any) -> Any:
        with direct(dl.client_api):
            return wrapper(adapter, *args, **kwargs)

    return short


@contextmanager
def direct(client: Any) -> Iterator[None]:
    """Let a client of the SDK go the short way, if it is connected to a platform in this process."""
    platform = in_process()
    if platform is None or is_direct(client):
        yield
        return
    original, download = client.gen_request, dl.Item.download
    client.gen_request = _asking(platform, client, original)
    dl.Item.download = _downloading(download)
    try:
        yield
    finally:
        del client.gen_request
        dl.Item.download = download


def is_direct(client: Any) -> bool:
    """Whether a client goes the short way now."""
    return "gen_request" in vars(client)


def _asking(platform: Platform, client: Any, original: Callable[..., Any]) -> Callable[..., Any]:
    """`gen_request` without the way through `requests` (SDK: services/api_client.py)."""

    def gen_request(
        req_type: str,
        path: str,
        data: Any = None,
        json_req: Any = None,
        files: Any = None,
        stream: bool = False,
        headers: Any = None,
        log_error: bool = True,
        **kwargs: Any,
    ) -> tuple[bool, requests.Response]:
        if files is not None or data is not None:
            more = {"data": data, "files": files, "stream": stream, "headers": headers, "log_error": log_error}
            answer: tuple[bool, requests.Response] = original(req_type, path, json_req=json_req, **more, **kwargs)
            return answer
        sent = {"authorization": f"Bearer {client.token}", **(headers or {})}
        body = b""
        if json_req is not None:
            sent["content-type"] = "application/json"
            body = _encoded(json_req)
        response = _received(platform, Request.of(req_type, PREFIX + path, sent, body))
        if not response.ok:
            client.print_bad_response(response, log_error=log_error)
        return response.ok, response

    return gen_request


def _encoded(value: Any) -> bytes:
    """JSON as `requests` sends it; raises what `requests` raises."""
    try:
        return json.dumps(value, allow_nan=False).encode()
    except ValueError as error:
        raise requests.exceptions.InvalidJSONError(error) from error


def _received(platform: Platform, request: Request) -> requests.Response:
    answer = platform.handle(request)
    response = requests.Response()
    response.status_code = answer.status
    response.headers.update(answer.headers)
    response.headers["content-length"] = str(len(answer.body))
    response._content = answer.body
    response._content_consumed = True  # type: ignore[attr-defined]
    response.encoding = "utf-8"
    response.url = platform.url.removesuffix(PREFIX) + request.path
    return response


def _downloading(original: Callable[..., Any]) -> Callable[..., Any]:
    """`Item.download` for the plain case, an item's bytes in memory: one request instead of a pool of threads."""

    @functools.wraps(original)
    def download(item: dl.Item, *args: Any, **kwargs: Any) -> Any:
        linked = (item.metadata.get("system") or {}).get("shebang", {}).get("linkInfo")
        if args or kwargs != _DOWNLOADED_WHOLE or item.type == "dir" or linked:
            return original(item, *args, **kwargs)
        headers = {"x-dl-sanitize": "0", "Range": "bytes=0-"}
        client = item._client_api
        path = f"/items/{item.id}/stream"
        done, response = client.gen_request("get", path, headers=headers, stream=True, dataset_id=item.dataset_id)
        if not done:
            return original(item, *args, **kwargs)
        content = io.BytesIO(response.content)
        content.name = item.name
        return content

    return download
