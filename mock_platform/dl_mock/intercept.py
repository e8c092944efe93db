"""In-process transport: the SDK's `requests` calls go straight to the platform.

`responses` cannot see uploads, which the SDK makes with aiohttp (SDK: services/api_client.py upload_file_async); they
need the server.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import requests
import responses
from requests import PreparedRequest
from urllib3.response import HTTPResponse

from dl_mock.message import Dropped, Request, delivered
from dl_mock.platform import Platform


@contextmanager
def intercept(platform: Platform, url: str | None = None) -> Iterator[None]:
    """Answer every `requests` call below `url`; calls to other places pass through."""
    base = url or platform.url
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        mock.add_passthru(re.compile(f"(?!{re.escape(base)})"))
        mock.add(_Everything(platform, base, mock))
        yield


class _Everything(responses.BaseResponse):
    """One rule for all calls: `responses` tries its rules one by one, so one per route would cost most of a call."""

    def __init__(self, platform: Platform, base: str, mock: responses.RequestsMock) -> None:
        super().__init__("GET", base)
        self._platform = platform
        self._base = base
        self._mock = mock

    def matches(self, request: PreparedRequest) -> tuple[bool, str]:
        return (request.url or "").startswith(self._base), "another place"

    def get_response(self, request: PreparedRequest) -> HTTPResponse:
        # The journal is the record; the lists of `responses` would hold every body of a run.
        self._mock.calls.reset()
        self.calls.reset()
        asked = Request.of(request.method or "GET", request.url or "", _texts(request.headers), _bytes(request.body))
        try:
            answer = delivered(self._platform.handle(asked))
        except Dropped as error:
            raise requests.ConnectionError(str(error), request=request) from None
        # An answer to HEAD tells the length of a body and has none; `requests` would fail on one.
        body = b"" if request.method == "HEAD" else answer.body
        return HTTPResponse(
            body=io.BytesIO(body),
            status=answer.status,
            headers={**answer.headers, "content-length": str(len(answer.body))},
            preload_content=False,
            request_method=request.method,
        )


def _bytes(body: Any) -> bytes:
    if body is None:
        return b""
    return body.encode() if isinstance(body, str) else bytes(body)


def _texts(headers: Any) -> dict[str, str]:
    return {name: value if isinstance(value, str) else value.decode("latin-1") for name, value in headers.items()}
