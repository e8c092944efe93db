"""A fixed piece of work, so that times on one machine can be told in units of it.

A ratio to it is steadier than seconds and says nothing on another machine: processors, interpreters and numerical
libraries change its time and an adapter's in different ways.
"""

from __future__ import annotations

import hashlib
import inspect

import numpy as np

LOOPS = 12_000
SIDE = 96


def kernel() -> list[float]:
    """Some interpreter, some memory, some arithmetic: 2 to 5 ms on one thread."""
    known: dict[int, int] = {}
    for number in range(LOOPS):
        key = number * 2654435761 % 1009
        known[key] = known.get(key, 0) + number
    square = np.arange(SIDE * SIDE, dtype=np.float64).reshape(SIDE, SIDE) / 1000
    for _ in range(4):
        square = square @ square.T / (1 + np.abs(square).max())
    return [float(sum(known.values())), float(square.sum())]


def kernel_hash() -> str:
    """What the kernel is; times in units of another one cannot be compared."""
    return hashlib.sha256(inspect.getsource(kernel).encode() + f"{LOOPS} {SIDE}".encode()).hexdigest()[:16]
