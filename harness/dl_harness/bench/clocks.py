"""The clocks of a round: wall time, the processor time of threads and children, and waiting for a core."""

from __future__ import annotations

import gc
import os
import resource
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from dl_harness.bench.record import Mark, Phase

JUMP_S = 0.05
"""A difference between two clocks that no ordinary adjustment makes within one round."""


class Stopwatch:
    """Measures one phase at a time in the calling thread."""

    def __init__(self) -> None:
        cuda = _cuda()
        self._synchronise: Callable[[], object] = cuda.synchronize if cuda is not None else lambda: None
        self.children = 0.0

    def start(self) -> None:
        """Begin a phase."""
        self._children = children_cpu()
        self._delay = _delay()
        self._synchronise()
        self._cpu = time.process_time()
        self._wall = time.perf_counter()

    def stop(self) -> Phase:
        """End it."""
        self._synchronise()
        wall = time.perf_counter() - self._wall
        cpu = time.process_time() - self._cpu
        delay = _delay() - self._delay
        self.children = max(0.0, children_cpu() - self._children)
        return Phase(wall, cpu + self.children, min(delay, wall))


def _delay() -> float:
    """How long this thread has been ready to run without running, where the kernel tells (Linux: schedstat)."""
    try:
        with open("/proc/thread-self/schedstat", "rb") as file:
            return int(file.read().split()[1]) / 1e9
    except (OSError, IndexError, ValueError):
        return 0.0


def children_cpu() -> float:
    """Processor time of all child processes so far, those that have ended and those that run."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return ended.ru_utime + ended.ru_stime + sum(_cpu_of(pid) for pid in descendants(os.getpid()))


def _cpu_of(pid: int) -> float:
    """Processor time of another process (Linux: the clock of a process, clock_getcpuclockid)."""
    try:
        return time.clock_gettime((~pid << 3) | 2)
    except OSError:
        return 0.0


def descendants(pid: int) -> Iterator[int]:
    """The processes that a process has started, and those that they have."""
    try:
        tasks = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return
    for task in tasks:
        try:
            with open(f"/proc/{pid}/task/{task}/children", "rb") as file:
                found = [int(word) for word in file.read().split()]
        except (OSError, ValueError):
            continue
        for child in found:
            yield child
            yield from descendants(child)


def accelerator() -> str:
    """What computes beside the processor, as far as the framework tells; empty for nothing."""
    cuda = _cuda()
    return f"cuda ({cuda.get_device_name()})" if cuda is not None else ""


def _cuda() -> Any:
    torch = sys.modules.get("torch")
    cuda = getattr(torch, "cuda", None)
    try:
        return cuda if cuda is not None and cuda.is_available() else None
    except Exception:  # a broken driver is the adapter's affair; the clock goes on without it
        return None


def memory() -> int:
    """Resident bytes of this process."""
    try:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[1]) * resource.getpagesize()
    except (OSError, ValueError):
        return peak_memory()


def reset_peak_memory() -> None:
    """Let `peak_memory` begin anew, where the kernel can (Linux: clear_refs)."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def peak_memory() -> int:
    """The most resident bytes of this process since the reset, or since its start."""
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


class Watch:
    """Notices clocks that jump and machines that sleep between two moments."""

    def __init__(self) -> None:
        self._real, self._boot = _offsets()

    def marks(self) -> tuple[Mark, ...]:
        """What has happened since the last question."""
        before, (self._real, self._boot) = (self._real, self._boot), _offsets()
        found: list[Mark] = []
        if abs(self._boot - before[1]) > JUMP_S:
            found.append("suspended")
        elif abs(self._real - before[0]) > JUMP_S:
            found.append("clock")
        return tuple(found)


def _offsets() -> tuple[float, float]:
    steady = time.monotonic()
    boot = time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else steady
    return time.time() - steady, boot - steady


@contextmanager
def quiet_collector() -> Iterator[None]:
    """Without garbage collection; what was there before is left out of the collections that follow."""
    was_on = gc.isenabled()
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.unfreeze()
        if was_on:
            gc.enable()
