"""Whatever an adapter does to its process, there is a verdict, one clear finding, and every other result."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from ahead import ahead
from dl_harness import checking
from dl_harness.remains import PROC
from dl_harness.results import AdapterReport, Finding

TESTS = Path(__file__).resolve().parent
CALL_LIMIT_S = 3
LONG = {"evaluate_model", "train_varied", "reload", "resave", "predict_odd", "embed_odd", "predict_laws", "embed_laws"}
GIVEN: dict[str, Any] = {
    "model": {"name": "detector", "outputType": "box", "labels": ["bright", "dark"]},
    "artifacts": str(TESTS / "good" / "artifacts" / "detector"),
    "call_limit": CALL_LIMIT_S,
    "select": [c.id for c in checking.select([]) if LONG.isdisjoint(c.needs)],
}
"""All contracts but those of the flows that take long."""


class Bad(NamedTuple):
    """An adapter, the contract that catches it, and what the first finding says and where it points."""

    target: str
    contract: str
    saw: str
    where: str
    line: str | None  # the text of the line that the finding names; None when only the file is known


FIRST_BATCH = "predict in predict_items, for astronaut.jpg, blank.png, cat.jpg, coffee.jpg"

IN_A_FLOW = {
    "hang": Bad(
        "predicting.py:Hangs", "LIF-004", "predict did not come back within 3 s", FIRST_BATCH, "time.sleep(1e6)"
    ),
    "hang-in-a-thread": Bad(
        "predicting.py:HangsWhilePreparing",
        "LIF-003",
        "prepare_item_func did not come back within 3 s",
        "prepare_item_func in predict_items, for cat.jpg",
        "time.sleep(1e6)",
    ),
    "sys.exit": Bad(
        "predicting.py:Exits",
        "LIF-004",
        "it ended the process (SystemExit: no GPU, giving up)",
        FIRST_BATCH,
        'sys.exit("no GPU, giving up")',
    ),
    "os._exit": Bad(
        "predicting.py:Dies",
        "LIF-004",
        "the process died (exit status 11)",
        FIRST_BATCH,
        "def predict(self, batch: list[np.ndarray], **kwargs: Any) -> list[dl.AnnotationCollection]:",
    ),
    "segmentation-fault": Bad(
        "predicting.py:Crashes",
        "LIF-004",
        "the process died (killed by SIGSEGV)",
        FIRST_BATCH,
        "def predict(self, batch: list[np.ndarray], **kwargs: Any) -> list[dl.AnnotationCollection]:",
    ),
    "chdir": Bad(
        "predicting.py:Wanders",
        "LAY-010",
        "changed to working directory/..",
        "predict in predict_items",
        "def predict(self, batch: list[np.ndarray], **kwargs: Any) -> list[dl.AnnotationCollection]:",
    ),
    "endless-recursion": Bad(
        "predicting.py:Recurses",
        "LIF-004",
        "it raised RecursionError: maximum recursion depth exceeded",
        FIRST_BATCH,
        "return self.predict(batch)",
    ),
    "base-exception": Bad(
        "predicting.py:StopsEverything", "LIF-004", "it raised Stop: enough", FIRST_BATCH, 'raise Stop("enough")'
    ),
    "keyboard-interrupt": Bad(
        "predicting.py:PressesControlC",
        "LIF-004",
        "it raised KeyboardInterrupt",
        FIRST_BATCH,
        "raise KeyboardInterrupt",
    ),
    "async-predict": Bad(
        "predicting.py:PredictsLater",
        "SIG-015",
        "it is a coroutine function, whose body runs only when somebody awaits it",
        "predict",
        "async def predict(self, batch: list[np.ndarray], **kwargs: Any) -> list[dl.AnnotationCollection]:",
    ),
    "hang-in-load": Bad(
        "loading.py:HangsInLoad",
        "LIF-002",
        "load did not come back within 3 s",
        "load in load_from_model",
        "time.sleep(1e6)",
    ),
    "os._exit-in-load": Bad(
        "loading.py:DiesInLoad",
        "LIF-002",
        "the process died (exit status 9)",
        "load in load_from_model",
        "def load(self, local_path: str, **kwargs: Any) -> None:",
    ),
    "abstract": Bad(
        "abstract.py:Abstract",
        "LIF-001",
        "it raised TypeError: Can't instantiate abstract class Abstract",
        "load_from_model",
        "class Abstract(Detector, abc.ABC):",
    ),
}

ON_IMPORT = {
    "import-error": Bad(
        "no_such_module.py:NeedsAFramework",
        "SIG-002",
        "ModuleNotFoundError: No module named 'a_framework_that_is_not_here'",
        "no_such_module.py",
        "import a_framework_that_is_not_here",
    ),
    "sys.exit": Bad(
        "exits_on_import.py:NeedsArguments",
        "SIG-002",
        "SystemExit: usage: exits_on_import.py --model MODEL",
        "exits_on_import.py",
        'sys.exit("usage: exits_on_import.py --model MODEL")',
    ),
    "os._exit": Bad(
        "dies_on_import.py:NeverThere",
        "SIG-002",
        "ProcessDied: the process died during the import",
        "dies_on_import.py",
        None,
    ),
    "hang": Bad(
        "hangs_on_import.py:NeverThere",
        "SIG-002",
        "TimeLimit: the import did not come back within 3 s",
        "hangs_on_import.py",
        "time.sleep(1e6)",
    ),
}


@pytest.fixture(scope="module")
def check(request: pytest.FixtureRequest) -> Iterator[Callable[[Bad], AdapterReport]]:
    """The report on an adapter."""
    # Only two at a time: a call limit of three seconds is real time.
    with ahead(request, "bad", lambda bad: report_on(TESTS / "bad" / bad.target), workers=2) as result:
        yield result


def report_on(target: Path) -> AdapterReport:
    (report,) = checking.run([str(target)], GIVEN).report.adapters
    return report


def broken(report: AdapterReport) -> dict[str, tuple[Finding, ...]]:
    return {r.contract: r.findings for r in report.results if r.verdict not in {"pass", "inapplicable", "vacuous"}}


def assert_says(finding: Finding, bad: Bad) -> None:
    assert finding.saw.startswith(bad.saw)
    assert bad.where in finding.where
    file = TESTS / "bad" / bad.target.partition(":")[0]
    assert Path(finding.file or "").resolve() == file
    lines = file.read_text("utf-8").splitlines()
    assert (lines[finding.line - 1].strip() if finding.line else None) == bad.line


@pytest.mark.parametrize("bad", IN_A_FLOW.values(), ids=IN_A_FLOW)
def test_what_happens_in_a_flow_costs_no_other_result(check: Callable[[Bad], AdapterReport], bad: Bad) -> None:
    report = check(bad)

    assert report.verdict == "fail"
    assert list(broken(report)) == [bad.contract]
    assert_says(broken(report)[bad.contract][0], bad)
    passed = {r.contract for r in report.results if r.verdict == "pass"}
    assert passed >= {"SIG-002", "SIG-003", "SIG-004", "SIG-006", "SIG-009", "SIG-011", "SIG-014"} - {bad.contract}
    plan = report.plan
    assert (
        len(report.results) == plan.planned == plan.executed + plan.inapplicable + plan.vacuous == len(GIVEN["select"])
    )


@pytest.mark.parametrize("bad", ON_IMPORT.values(), ids=ON_IMPORT)
def test_what_happens_on_import_is_one_finding(check: Callable[[Bad], AdapterReport], bad: Bad) -> None:
    report = check(bad)

    assert report.verdict == "fail"
    ((id_, (finding,)),) = broken(report).items()
    assert id_ == bad.contract
    assert_says(finding, bad)


def test_a_syntax_error_is_named_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "adapter.py"
    file.write_text("import dtlpy as dl\n\n\nclass Half(dl.BaseModelAdapter):\n    def load(self, local_path)\n")

    report = report_on(Path(f"{file}:Half"))

    ((id_, (finding,)),) = broken(report).items()
    assert (report.verdict, id_) == ("fail", "SIG-002")
    assert finding.saw == "SyntaxError: expected ':' (adapter.py, line 5)"
    assert (finding.file, finding.line) == (str(file), 5)


def test_the_machine_keeps_its_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DL_HARNESS_MEMORY_LIMIT", "700")
    target = str(TESTS / "bad" / "predicting.py:TakesAllMemory")

    (report,) = checking.run([target], {**GIVEN, "call_limit": 300, "select": ["LIF-004"]}).report.adapters

    (finding,) = broken(report)["LIF-004"]
    assert report.verdict == "fail"
    assert re.match(r"it took \d\.\d GiB of memory, of 0\.7 that this machine had free", finding.saw)
    assert finding.where.startswith("predict in predict_items")


def test_a_daemon_does_not_outlive_the_check() -> None:
    report = report_on(TESTS / "bad" / "predicting.py:Daemonises")

    assert (report.verdict, list(broken(report))) == ("pass", ["SID-052"])
    assert "os.setsid()" in broken(report)["SID-052"][0].saw
    running = [entry.read_bytes() for entry in PROC.glob("[0-9]*/cmdline") if entry.exists()]
    assert not [words for words in running if b"time.sleep(600)" in words and b"os.setsid()" in words]


def test_megabytes_of_output_do_no_harm() -> None:
    report = report_on(TESTS / "bad" / "predicting.py:Shouts")

    assert (report.verdict, broken(report)) == ("pass", {})
    assert 0 < len(report.output_tail) <= 16_384


def test_other_adapters_of_the_same_run_are_still_checked() -> None:
    targets = [str(TESTS / "bad" / "loading.py:DiesInLoad"), str(TESTS / "good" / "detector.py:Detector")]

    checked = checking.run(targets, GIVEN)

    assert [adapter.verdict for adapter in checked.report.adapters] == ["fail", "pass"]
    assert (checked.report.verdict, checked.exit_code) == ("fail", 1)
