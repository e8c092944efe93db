"""The page on contracts of one's own: its code, run as it stands there."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from dl_harness import checking
from dl_harness.results import AdapterReport

ROOT = Path(__file__).resolve().parent.parent.parent
GOOD = ROOT / "tests" / "good"

ADDED = """
import dl_harness.contract as of

@of.contract("ACME-002", "acme", "raises", why="w", fix="f", needs=("predict_items",))
def raises(evidence):
    yield of.Judged(evidence.nothing)

@of.contract("OUT-001", "acme", "clashes", why="w", fix="f")
def clashes(evidence):
    yield of.Judged("adapters")
"""


def blocks(language: str) -> list[str]:
    """The code of the page."""
    page = (ROOT / "docs" / "own-contracts.md").read_text("utf-8")
    return re.findall(rf"```{language}\n(.*?)```", page, re.DOTALL)


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> AdapterReport:
    """A repository that does what the page says."""
    folder = tmp_path_factory.mktemp("repository")
    shutil.copy(GOOD / "mean_colours.py", folder)
    shutil.copy(GOOD / "classifier.py", folder / "adapter.py")
    contracts, plugin = blocks("python")
    (folder / "my_contracts.py").write_text(contracts.replace("> 20", "> 0"), "utf-8")
    (folder / "acme_contracts.py").write_text(plugin, "utf-8")
    (folder / "more.py").write_text(ADDED, "utf-8")
    setting = blocks("toml")[0].replace('["my_contracts.py"]', '["my_contracts.py", "acme_contracts.py", "more.py"]')
    (folder / "pyproject.toml").write_text(setting, "utf-8")
    model = {"name": "classifier", "outputType": "class", "labels": ["red", "green"]}
    given = {"model": model, "select": ["ACME", "OUT-012"]}
    (adapter,) = checking.run([f"{folder / 'adapter.py'}:Classifier"], given).report.adapters
    return adapter


def test_the_example_judges_and_is_reported_like_ours(report: AdapterReport) -> None:
    found = {result.contract: result for result in report.results}

    assert (found["ACME-001"].verdict, found["ACME-001"].origin) == ("warning", "my_contracts.py")
    assert found["ACME-001"].evidence["items"] == 35
    assert found["ACME-001"].findings[0].saw == "1 annotations"
    assert set(report.plan.own_contracts) == {"my_contracts.py", "acme_contracts.py", "more.py"}


def test_the_plugin_changes_contracts_and_the_plan(report: AdapterReport) -> None:
    found = {result.contract: result for result in report.results}

    assert (found["OUT-012"].severity, found["OUT-012"].verdict) == ("warning", "pass")
    assert report.plan.not_run["evaluate_model"] == "evaluated in a job of its own"


def test_what_cannot_be_used_costs_no_other_result(report: AdapterReport) -> None:
    found = {result.contract: result for result in report.results}

    assert "it comes from more.py, mend it there" in str(found["ACME-002"].reason)
    assert "more.py declares OUT-001, which is taken by dl-harness itself" in str(found["more.py"].reason)
    assert report.verdict == "error"
    assert "more.py" in report.summary
