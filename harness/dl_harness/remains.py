"""What an adapter leaves on the machine: programs that outlive it, and secrets in what it printed."""

from __future__ import annotations

import base64
import os
import re
import signal
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

SECRET_NAME = re.compile(
    r"(?:^|_)(?:\w*KEY|\w*TOKEN|SECRET\w*|PASSW\w*|PWD|PAT|CREDENTIALS?|AUTH|\w*WEBHOOK\w*|DSN|\w*DATABASE_URL)(?:_|$)",
    re.IGNORECASE,
)
SHORTEST_SECRET = 6
PROC = Path("/proc")
HELPERS = ("multiprocessing.resource_tracker", "multiprocessing.forkserver", "joblib.externals")
"""Programs that Python's own libraries start, and that end by themselves a moment later."""


def running_with(variable: str, value: str) -> dict[int, str]:
    """The processes that were started with an environment variable, by id, with their command lines.

    Empty where the system has no /proc. A daemon that forked away from its parent still has its environment.
    """
    wanted = f"{variable}={value}".encode()
    found = {}
    for entry in PROC.glob("[0-9]*"):
        with suppress(OSError):  # of another user, or gone since it was listed
            if wanted in (entry / "environ").read_bytes().split(b"\0"):
                words = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
                if words:  # a zombie has none
                    found[int(entry.name)] = words
    return found


def end_all(processes: Mapping[int, str]) -> tuple[str, ...]:
    """End processes by their ids, and name the ones that Python's libraries have not started themselves."""
    for number in processes:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(number, signal.SIGKILL)
    return tuple(words for words in processes.values() if not any(helper in words for helper in HELPERS))


def secrets(variables: Mapping[str, str]) -> dict[str, str]:
    """The variables whose names speak of secrets, and whose values could be one."""
    return {
        name: value
        for name, value in variables.items()
        if SECRET_NAME.search(name) and len(value) >= SHORTEST_SECRET and not os.path.exists(value)
    }


def forms(secret: str) -> Iterator[tuple[str, str]]:
    """A secret as it is, and as programs encode it; with words for how."""
    raw = secret.encode()
    yield "", secret
    yield " in base64", base64.b64encode(raw).decode().rstrip("=")
    yield " in base64", base64.urlsafe_b64encode(raw).decode().rstrip("=")
    yield " in hexadecimal", raw.hex()
    yield " as part of a URL", quote(secret, safe="")


def printed(variables: Mapping[str, str], output: str) -> tuple[str, ...]:
    """Which secrets a text tells, and how; never the values."""
    told = {
        f"the value of {name}{how}"
        for name, value in secrets(variables).items()
        for how, form in forms(value)
        if form in output and (not how or form != value)
    }
    return tuple(sorted(told))
