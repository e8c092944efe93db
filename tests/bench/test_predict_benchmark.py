"""The fixture in a user's test files, with the options of pytest-benchmark and beside workers of pytest-xdist."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

SUBJECTS = Path(__file__).resolve().parent / "bench_subjects.py"

TEST = """
def test_speed(predict_benchmark):
    predict_benchmark("bench_subjects.py:Steady", batch_size=3, rounds=4)
"""


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    """A folder with adapters and a test that measures one."""
    shutil.copy(SUBJECTS, pytester.path)
    pytester.makepyfile(TEST)
    return pytester


def test_rounds_are_the_adapters_own_and_are_written_to_a_file(project: pytest.Pytester) -> None:
    done = project.runpytest_subprocess("--benchmark-json=out.json", "-p", "no:cacheprovider")

    done.assert_outcomes(passed=1)
    [found] = json.loads((project.path / "out.json").read_text())["benchmarks"]
    assert (found["stats"]["rounds"], found["group"]) == (4, "Steady: predict, predict")
    told = found["extra_info"]
    assert (told["batch_size"], told["flow"], told["function"]) == (3, "predict", "predict")
    assert told["items_per_second"] > 0
    assert 0 < found["stats"]["median"] < 60


def test_disabled_benchmarks_ask_for_one_batch(project: pytest.Pytester) -> None:
    done = project.runpytest_subprocess("--benchmark-disable", "-p", "no:cacheprovider")

    done.assert_outcomes(passed=1)


@pytest.mark.slow
def test_beside_other_workers_nothing_is_timed(project: pytest.Pytester) -> None:
    pytest.importorskip("xdist")

    done = project.runpytest_subprocess("-n", "2", "-rs", "-p", "no:cacheprovider")

    done.assert_outcomes(skipped=1)
    done.stdout.fnmatch_lines(["*measures nothing beside other workers of pytest-xdist*"])


@pytest.mark.slow
def test_an_adapter_that_fails_fails_the_test(project: pytest.Pytester) -> None:
    project.makepyfile(TEST.replace("Steady", "RunsOutOfMemory").replace("batch_size=3", "batch_size=8"))

    done = project.runpytest_subprocess("-p", "no:cacheprovider")

    done.assert_outcomes(failed=1)
    done.stdout.fnmatch_lines(["*MemoryError: cannot hold 8 items*"])


@pytest.mark.slow
def test_saved_runs_are_compared_and_the_wrappers_can_be_measured(project: pytest.Pytester) -> None:
    project.makepyfile(TEST.replace("rounds=4", 'rounds=4, flow="reference"'))
    first = project.runpytest_subprocess("--benchmark-save=one", "-p", "no:cacheprovider")
    second = project.runpytest_subprocess("--benchmark-compare", "-p", "no:cacheprovider")

    first.assert_outcomes(passed=1)
    second.assert_outcomes(passed=1)
    second.stdout.fnmatch_lines(["*Steady: predict, reference*"])
