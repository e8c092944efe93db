"""The gate itself: how often `bench --against` is wrong, from pairs of rounds that were recorded on this machine.

Real processes make pairs of rounds while as many extra processes as twice the cores keep the machine busy: of an
adapter against itself, and against ones that do 15 %, 25 %, 50 % and 100 % more. From every recording, comparisons are
then played as they would have gone: pairs in the order in which they were made, from a start that is drawn, judged at
the same looks with the same rule, and a slowdown confirmed by pairs of another pair of processes.

DL_HARNESS_GATE_SESSIONS says how many pairs of processes are recorded for each adapter (4), and
DL_HARNESS_GATE_RECORDING names a file that recordings are read from, if it is there, or else written to.
"""

from __future__ import annotations

import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mock_platform import Row, at_most

PAIRS = 202
COMPARISONS = 1000
ADAPTER = """
import dtlpy as dl

class Same(dl.BaseModelAdapter):
    factor = 1.0

    def load(self, local_path, **kwargs):
        pass

    def prepare_item_func(self, item):
        return item.download(save_locally=False).read()

    def predict(self, batch, **kwargs):
        return [self.one(content) for content in batch]

    def one(self, content):
        found = 0
        for number in range(int(75000 * self.factor)):
            found = (found * 31 + number) % 65537
        boxes = dl.AnnotationCollection()
        info = {"name": "m", "model_id": "m", "confidence": 0.5}
        boxes.add(dl.Box(left=1, top=1, right=9, bottom=9, label="cat"), model_info=info)
        return boxes

class Plus15(Same):
    factor = 1.15

class Plus25(Same):
    factor = 1.25

class Plus50(Same):
    factor = 1.5

class Twice(Same):
    factor = 2.0
"""
FACTORS = {"Same": 0.0, "Plus15": 0.15, "Plus25": 0.25, "Plus50": 0.5, "Twice": 1.0}

Recording = dict[str, list[dict[str, list[float]]]]
"""By adapter, for each pair of processes: the logarithms of the ratios by quantity."""


def recorded(sessions: int) -> Recording:
    """Pairs of rounds from real processes, beside twice as many busy processes as there are cores."""
    from dl_harness.bench.against import version
    from dl_harness.bench.comparing import Pairs, log_ratios
    from dl_harness.bench.subject import Ask, started

    found: Recording = {name: [] for name in FACTORS}
    burning = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(2 * (os.cpu_count() or 1))]
    try:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "adapter.py"
            file.write_text(ADAPTER)
            for session in range(sessions):
                for name in FACTORS:
                    this, other = version(f"{file}:{name}", {}), version(f"{file}:Same", {})
                    with started(this.target, this.spec) as one, started(other.target, other.spec) as two:
                        one.start()
                        two.start()
                        pairs, order = Pairs(), random.Random(session)
                        for number in range(PAIRS + 3):
                            ask = Ask(4, first=4 * number)
                            turns = [(one, 0), (two, 1)]
                            order.shuffle(turns)
                            rounds = {index: subject.ask(ask) for subject, index in turns}
                            if number >= 3:  # the first ones warm up
                                pairs.this.append(rounds[0])
                                pairs.other.append(rounds[1])
                    kinds = [("work", "cpu"), ("work", "own"), ("whole", "cpu"), ("whole", "own")]
                    found[name].append({f"{q} {clock}": log_ratios(pairs, q, clock) for q, clock in kinds})
    finally:
        for process in burning:
            process.kill()
            process.wait()
    return found


def played(recording: list[dict[str, list[float]]], draw: random.Random) -> tuple[str, int]:
    """One comparison as it would have gone: the verdict, and how many pairs it took."""
    first, second = draw.sample(recording, 2) if len(recording) > 1 else (recording[0], recording[0])
    verdict, pairs = once(first, draw)
    if verdict == "fail":
        again, more = once(second, draw)
        return ("fail" if again == "fail" else "inconclusive"), pairs + more
    return verdict, pairs


def once(session: dict[str, list[float]], draw: random.Random) -> tuple[str, int]:
    """The looks of one pair of processes."""
    from dl_harness.bench.verdicts import LOOKS, TOLERANCE, judge, together

    length = len(next(iter(session.values())))
    start = draw.randrange(length)
    series = {name: (values + values)[start : start + LOOKS[-1]] for name, values in session.items()}
    verdicts: list[Any] = []
    for look, pairs in enumerate(LOOKS):
        found = [
            judge(values[:pairs], look, tolerance=TOLERANCE * (2 if name.endswith("own") else 1))
            for name, values in series.items()
        ]
        verdicts = [one.verdict for one in found]
        if all(one.final for one in found) or "fail" in verdicts:
            return together(verdicts), pairs
    return together(verdicts), LOOKS[-1]


def simulated() -> Iterator[Row]:
    """A thousand comparisons of each adapter, played from recordings."""
    file = os.environ.get("DL_HARNESS_GATE_RECORDING")
    sessions = int(os.environ.get("DL_HARNESS_GATE_SESSIONS", "4"))
    if file and Path(file).exists():
        recording: Recording = json.loads(Path(file).read_text())
    else:
        recording = recorded(sessions)
        if file:
            Path(file).write_text(json.dumps(recording))
    draw = random.Random(5)
    for name, slowdown in FACTORS.items():
        counts: Counter[str] = Counter()
        lengths = []
        for _ in range(COMPARISONS):
            verdict, pairs = played(recording[name], draw)
            counts[verdict] += 1
            lengths.append(pairs)
        spread = statistics.median(statistics.pstdev(one["work cpu"]) for one in recording[name])
        note = (
            f"{dict(counts)} of {COMPARISONS} from {len(recording[name])} pairs of processes; a ratio spreads by"
            f" {spread:.1%}; {statistics.median(lengths):.0f} pairs"
        )
        if not slowdown:
            yield at_most("unchanged, called slower", counts["fail"] / COMPARISONS, 0.001, note)
            continue
        missed = {0.15: counts["pass"], 0.25: counts["pass"]}.get(slowdown, COMPARISONS - counts["fail"])
        what = "passed" if slowdown in {0.15, 0.25} else "not called slower"
        limit = {0.15: 0.2, 0.25: 0.0, 0.5: 0.05, 1.0: 0.01}[slowdown]
        yield at_most(f"{slowdown:.0%} slower, {what}", missed / COMPARISONS, limit, note)


PARTS = {"simulated": simulated}
