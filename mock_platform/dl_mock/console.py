"""The request log: one line on standard error for each request."""

from __future__ import annotations

import sys
from datetime import datetime
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from dl_mock.platform import JournalEntry, Platform


def log_requests(platform: Platform, stream: TextIO | None = None) -> None:
    """Write a line for each request from now on."""
    target = stream or sys.stderr

    def write(entry: JournalEntry) -> None:
        target.write(line(entry) + "\n")
        target.flush()

    platform.on_request(write)


def line(entry: JournalEntry) -> str:
    """What the log says of a request; control characters in it are escaped, so that it stays one line."""
    query = "&".join(f"{name}={value}" for name, value in entry.query.items())
    took = (entry.time - entry.started) * 1000
    target = entry.path + (f"?{query}" if query else "")
    told = f"{datetime.now():%H:%M:%S.%f}"[:-3]
    text = f"{told} {entry.status} {entry.method:6} {target} {took:.1f} ms, {entry.bytes_in} in, {entry.bytes_out} out"
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in (f"{text}: {entry.error}" if entry.error else text))
