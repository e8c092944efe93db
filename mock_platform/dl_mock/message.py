"""Requests and responses as plain frozen values, free of any transport."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, wait
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from dl_mock.reading import write_json

JSON_HEADERS: Mapping[str, str] = MappingProxyType({"content-type": "application/json; charset=utf-8"})
NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True)
class Request:
    """One call to the platform; `path` is decoded and may begin with `/api/v1`, header names are lower-case."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @classmethod
    def of(cls, method: str, target: str, headers: Mapping[str, str] = NOTHING, body: bytes = b"") -> Request:
        """Build from a URL or a request target, as a transport sees it."""
        split = urlsplit(target)
        return cls(
            method=method.upper(),
            path=unquote(split.path),
            query=dict(parse_qsl(split.query, keep_blank_values=True)),
            headers={name.lower(): value for name, value in headers.items()},
            body=body,
        )

    @classmethod
    def of_json(cls, method: str, target: str, value: Any, headers: Mapping[str, str] = NOTHING) -> Request:
        """Build with `value` as the JSON body."""
        body = json.dumps(value).encode()
        return cls.of(method, target, {**headers, "content-type": "application/json"}, body)


@dataclass(frozen=True)
class Delivery:
    """How a transport hands over an answer that is not to go out at once.

    It waits `delay` seconds; then, at most `patience` seconds, for `done`, and sends what `answer` gives by then; or,
    with `drop`, closes the connection without a word.
    """

    delay: float = 0.0
    drop: bool = False
    done: Future[None] | None = None
    patience: float = 0.0
    answer: Callable[[], Response] | None = None


@dataclass(frozen=True)
class Response:
    """What the platform answers."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    delivery: Delivery | None = field(default=None, compare=False)

    @classmethod
    def of_json(cls, value: Any, status: int = 200, headers: Mapping[str, str] = NOTHING) -> Response:
        """Encode `value`; the answer is one write on any transport."""
        body = write_json(value)
        return cls(status, body, {**JSON_HEADERS, **headers} if headers else JSON_HEADERS)

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


class Dropped(ConnectionError):
    """The connection is to be closed without an answer."""


def delivered(response: Response) -> Response:
    """The answer once it may go out, for a transport that can block; raises Dropped if none is to be given."""
    how = response.delivery
    if how is None:
        return response
    time.sleep(how.delay)
    if how.drop:
        raise Dropped("the mock platform was told to drop this answer")
    if how.done is not None:
        wait([how.done], how.patience)
    return how.answer() if how.answer is not None else response
