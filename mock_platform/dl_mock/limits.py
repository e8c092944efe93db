"""Limits on requests, for the settings that set one; by default there is none."""

from __future__ import annotations

import math
from collections import deque

from dl_mock.clock import Clock
from dl_mock.message import Request
from dl_mock.routing import ApiError
from dl_mock.settings import Settings

WINDOW = 60.0  # seconds in which requests are counted


class Limits:
    """Remembers when requests came."""

    def __init__(self) -> None:
        self._times: deque[float] = deque()

    def check(self, request: Request, settings: Settings, clock: Clock) -> None:
        """413 for a body that is too large, 429 for a request too many."""
        if settings.most_bytes is not None and len(request.body) > settings.most_bytes:
            raise ApiError(413, f"the body has {len(request.body)} bytes; at most {settings.most_bytes} are taken")
        if settings.most_requests is not None:
            self._count(settings.most_requests, clock().timestamp())

    def _count(self, most: int, now: float) -> None:
        while self._times and self._times[0] <= now - WINDOW:
            self._times.popleft()
        if len(self._times) >= most:
            wait = max(1, math.ceil(self._times[0] + WINDOW - now))
            raise ApiError(429, f"more than {most} requests in a minute", {"retry-after": str(wait)})
        self._times.append(now)
