"""The static pass sees defects that adapters really had, and is silent once they are mended."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from shapes import SHAPES, Shape

from dl_harness import checking
from dl_harness.results import AdapterReport

CLEAN = Path(__file__).parent / "clean"
ADAPTERS = sorted(folder.name for folder in CLEAN.iterdir() if folder.is_dir())


@pytest.fixture
def repository(tmp_path: Path) -> Callable[[str], Path]:
    """A copy of a clean adapter in a folder of its own."""

    def copied(name: str) -> Path:
        target = tmp_path / name
        shutil.copytree(CLEAN / name, target, ignore=shutil.ignore_patterns("__pycache__"))
        (target / ".git").mkdir()
        return target

    return copied


def read(folder: Path) -> AdapterReport:
    (adapter,) = checking.run([str(folder)], {"static": True}).report.adapters
    return adapter


def findings(adapter: AdapterReport, *verdicts: str) -> dict[str, list[str]]:
    return {
        r.contract: [f"{f.saw} ({f.file}:{f.line})" for f in r.findings]
        for r in adapter.results
        if r.verdict in verdicts
    }


def test_there_are_enough_of_both() -> None:
    assert len({shape.name for shape in SHAPES}) == len(SHAPES) >= 60
    assert len(ADAPTERS) >= 12
    assert {shape.adapter for shape in SHAPES} <= set(ADAPTERS)


@pytest.mark.parametrize("name", ADAPTERS)
def test_a_clean_adapter_passes_without_a_finding(repository: Callable[[str], Path], name: str) -> None:
    adapter = read(repository(name))

    assert findings(adapter, "fail", "error", "warning") == {}
    assert adapter.verdict == "pass"


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_a_defect_is_seen_before_its_fix(repository: Callable[[str], Path], shape: Shape) -> None:
    folder = repository(shape.adapter)
    file = folder / shape.file
    text = file.read_text("utf-8")
    assert text.count(shape.after) >= 1, "the edit must apply"
    file.write_text(text.replace(shape.after, shape.before, 1), "utf-8")

    told = findings(read(folder), "fail", "warning")

    assert set(shape.seen_by) & set(told), json.dumps(told, indent=1)
