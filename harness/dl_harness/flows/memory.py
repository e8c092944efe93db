"""How much memory this process uses, and how much it may use before the machine suffers."""

from __future__ import annotations

import os
import re
from pathlib import Path

GIB = 1 << 30
KEPT_FREE = 0.2
"""The share of the free memory that is left to the rest of the machine."""

UNLIMITED = 1 << 62
VARIABLE = "DL_HARNESS_MEMORY_LIMIT"


def memory_used() -> int:
    """The resident memory of this process in bytes; 0 where the system does not say (no /proc)."""
    try:
        pages = Path("/proc/self/statm").read_bytes().split()[1]
    except OSError:
        return 0
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def memory_limit() -> int:
    """The most that this process may use, in bytes: four fifths of what was free when it started.

    The variable DL_HARNESS_MEMORY_LIMIT holds another limit, in MiB.
    """
    given = os.environ.get(VARIABLE, "")
    if given.isdecimal():
        return int(given) << 20
    try:
        free = re.search(r"MemAvailable:\s+(\d+) kB", Path("/proc/meminfo").read_text())
    except OSError:
        return UNLIMITED
    return int(int(free[1]) * 1024 * (1 - KEPT_FREE)) if free else UNLIMITED
