"""What the `predict_benchmark` fixture does: rounds of an adapter's own process, as rounds of pytest-benchmark.

The test process imports neither the adapter nor the SDK. pytest-benchmark reads a clock that only advances by what the
adapter's process has measured, so its statistics, comparisons and files hold the adapter's time and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, Literal

import pytest

from dl_harness.bench.against import version
from dl_harness.bench.comparing import worker
from dl_harness.bench.record import Ready, Round
from dl_harness.bench.subject import Ask, SubjectError

Flow = Literal["predict", "sdk", "reference"]
FLOWS = ("predict", "sdk", "reference")
ROUNDS, WARM_UP_ROUNDS = 20, 3
UNDER_XDIST = (
    "predict_benchmark measures nothing beside other workers of pytest-xdist: the adapter was asked for one batch and"
    " answered it. Run the benchmarks alone, without -n (or with -n0); contracts that count calls run anywhere."
)


class Clock:
    """The time that the adapter's process has measured so far, in seconds."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class PredictBenchmark:
    """Callable: measures one adapter and returns its last round. `benchmark` is pytest-benchmark's fixture."""

    def __init__(self, benchmark: Callable[[], Any], clock: Clock, parallel: bool) -> None:
        self._benchmark = benchmark
        self._clock = clock
        self._parallel = parallel

    def __call__(
        self,
        adapter: type | str,
        *,
        items: Any = None,
        batch_size: int | None = None,
        flow: Flow = "predict",
        rounds: int = ROUNDS,
        **given: Any,
    ) -> float:
        """Measure an adapter class or TARGET; returns the seconds of the last batch.

        `flow` is `predict`, the adapter's own functions over one batch, or one of the wrapper functions, `sdk` or
        `reference`, over one batch, uploads included. Every round gets items that were never seen. Further keywords are
        those of `dl_harness.check`: `artifacts`, `model`, `stubs`. Raises UsageError for what cannot be measured as it
        was asked for; the test fails when the adapter does.
        """
        from dl_harness import checking
        from dl_harness.cases import target_of
        from dl_harness.spec import UsageError

        if flow not in FLOWS:
            raise UsageError(f"flow must be one of {', '.join(FLOWS)}, not {flow!r}.")
        target = adapter if isinstance(adapter, str) else target_of(adapter)
        this = version(target, checking.given(items=items, batch_size=batch_size, **given))
        size = this.spec.batch_size
        with ExitStack() as stack:
            try:
                subject = stack.enter_context(worker(this))
                ready = subject.start()
                run = _Run(subject, ready, flow, size, self._clock)
                if self._parallel:
                    run.once()
                    pytest.skip(UNDER_XDIST)
                benchmark = self._benchmark()
                if benchmark.group is None:
                    benchmark.group = f"{this.target.subject.name}: {ready.function}, {flow}"
                benchmark.pedantic(run.once, rounds=rounds, warmup_rounds=WARM_UP_ROUNDS)
            except SubjectError as error:
                pytest.fail(f"{target}: {error}", pytrace=False)
            benchmark.extra_info.update(run.told())
            return run.last


class _Run:
    """One round after the other, over items that were never seen."""

    def __init__(self, subject: Any, ready: Ready, flow: Flow, size: int, clock: Clock) -> None:
        self._subject = subject
        self._ready = ready
        self._flow = flow
        self._size = size
        self._clock = clock
        self._next = 0
        self._cpu: list[float] = []
        self._marked = 0
        self.last = 0.0

    def once(self) -> None:
        """One batch; the clock advances by what it took."""
        first, self._next = self._next, self._next + self._size
        if self._flow == "predict":
            made: Round = self._subject.ask(Ask(self._size, first=first, outputs=True))
            phase = made.whole
            self._marked += bool(made.marks)
            if made.returned not in (None, self._size) and not (made.returned == 0 and self._ready.kind == "prompt"):
                raise SubjectError(f"{self._ready.function} returned {made.returned} results for {self._size} items")
        else:
            phase = self._subject.flow(Ask(self._size, first=first, kind=self._flow)).whole
        self.last = phase.own
        self._cpu.append(phase.cpu)
        self._clock.now += phase.own

    def told(self) -> dict[str, Any]:
        """What is written beside the statistics."""
        cpu = sorted(self._cpu)[len(self._cpu) // 2]
        return {
            "batch_size": self._size,
            "flow": self._flow,
            "function": self._ready.function,
            "items_per_second": self._size / self.last if self.last else None,
            "cpu_seconds_per_batch": cpu,
            "disturbed_rounds": self._marked,
            "distinct_inputs": self._ready.varied,
            "environment": self._ready.environment,
        }
