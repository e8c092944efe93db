"""Every contract has a broken adapter that it alone catches: this project's mutation test.

By default each broken adapter meets every contract that needs no evaluation, which costs more than everything else
together (the import of dtlpymetrics). `pytest -m slow tests/test_every_contract_bites.py` runs all of them against the
whole catalogue.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from dl_harness import checking
from dl_harness.checking import Checked
from dl_harness.contract import CONTRACTS
from dl_harness.results import Finding, Result

TESTS = Path(__file__).resolve().parent

WHOLE = tuple(contract.id for contract in checking.select([]))
EVALUATING = tuple(id_ for id_ in WHOLE if "evaluate_model" in CONTRACTS[id_].needs)
WITHOUT_EVALUATION = tuple(id_ for id_ in WHOLE if id_ not in EVALUATING)

DETECTOR: dict[str, Any] = {
    "model": {"name": "detector", "outputType": "box", "labels": ["bright", "dark"]},
    "artifacts": str(TESTS / "good" / "artifacts" / "detector"),
}
CLASSIFIER: dict[str, Any] = {"model": {"name": "classifier", "outputType": "class", "labels": ["red", "green"]}}
SEGMENTER: dict[str, Any] = {"model": {"name": "segmenter", "outputType": "binary", "labels": ["bright"]}}
EMBEDDER: dict[str, Any] = {"model": {"name": "embedder", "configuration": {"embeddings_size": 24}}}


@dataclass(frozen=True)
class Broken:
    """An adapter that breaks one contract, and what its check is given; `line` stands where a manifest is wrong."""

    target: str
    given: dict[str, Any] = field(default_factory=dict)
    line: str | None = None

    @property
    def lines(self) -> tuple[Path, range]:
        """The file and the lines in which the finding must point: the class, or the line of the manifest."""
        file, _, name = self.target.partition(":")
        path = TESTS / file if name else TESTS / file / "dataloop.json"
        if self.line is not None:
            number = path.read_text("utf-8").splitlines().index(self.line) + 1
            return path, range(number, number + 1)
        classes = [node for node in ast.parse(path.read_bytes()).body if isinstance(node, ast.ClassDef)]
        (found,) = (node for node in classes if node.name == name)
        return path, range(found.lineno, (found.end_lineno or found.lineno) + 1)


BROKEN = {
    "SIG-001": Broken("broken/manifests/model_of_no_module", line='        "moduleName": "grey",'),
    "SIG-002": Broken("broken/manifests/entry_point_moved", line='        "entryPoint": "adapter.py",'),
    "SIG-003": Broken("broken/manifests/class_renamed", line='        "className": "GreyAdapter",'),
    "SIG-004": Broken("broken/signature.py:NoAdapter"),
    "SIG-005": Broken("broken/signature.py:NamesTheModelDifferently", DETECTOR),
    "SIG-006": Broken("broken/signature.py:LoadsWithoutKeywords", DETECTOR),
    "SIG-007": Broken("broken/signature.py:SavesUnderAnotherName", CLASSIFIER),
    "SIG-008": Broken("broken/signature.py:TrainsIntoADumpPath", CLASSIFIER),
    "SIG-009": Broken("broken/signature.py:PredictsWithoutKeywords", DETECTOR),
    "SIG-010": Broken("broken/signature.py:EmbedsWithATokenizer", EMBEDDER),
    "SIG-011": Broken("broken/signature.py:PreparesWithASize", DETECTOR),
    "SIG-012": Broken("broken/signature.py:ConvertsUnderAnotherName", CLASSIFIER),
    "SIG-013": Broken("broken/signature.py:EvaluatesWithoutFilters", DETECTOR),
    "SIG-014": Broken("broken/signature.py:TrainsWithoutConverting", CLASSIFIER),
    "SIG-015": Broken("broken/signature.py:PredictsLater", DETECTOR),
    "OUT-001": Broken("broken/output.py:ReturnsAGenerator", DETECTOR),
    "OUT-002": Broken("broken/output.py:ForgetsTheLast", DETECTOR),
    "OUT-003": Broken("broken/output.py:ReturnsDictionaries", DETECTOR),
    "OUT-004": Broken("broken/output.py:SortsTheBatch", DETECTOR),
    "OUT-005": Broken("broken/output.py:PredictsPoints", DETECTOR),
    "OUT-006": Broken("broken/output.py:LabelsWithNumbers", DETECTOR),
    "OUT-007": Broken("broken/output.py:LabelsWithNamesOfItsOwn", DETECTOR),
    "OUT-008": Broken("broken/output.py:DividesByNothing", DETECTOR),
    "OUT-009": Broken("broken/output.py:PredictsFractions", DETECTOR),
    "OUT-010": Broken("broken/output.py:AttachesNumpyNumbers", DETECTOR),
    "OUT-011": Broken("broken/output.py:HidesItsName", DETECTOR),
    "OUT-012": Broken("broken/output.py:CountsInPercent", DETECTOR),
    "OUT-013": Broken("broken/output.py:CleansUpTooMuch", DETECTOR),
    "OUT-014": Broken("broken/output.py:UploadsByItself", DETECTOR),
    "OUT-015": Broken("broken/output.py:SkipsPaleImages", EMBEDDER),
    "OUT-016": Broken("broken/output.py:NestsItsVectors", EMBEDDER),
    "OUT-017": Broken("broken/output.py:EmbedsAnotherSize", EMBEDDER),
    "OUT-018": Broken("broken/output.py:EmbedsBySize", EMBEDDER),
    "OUT-019": Broken("broken/output.py:AnswersNobody"),
    "LAY-001": Broken("broken/layout.py:LoadsFromAFixedFolder", DETECTOR),
    "LAY-002": Broken("broken/layout.py:LoadsItsOwnCopy", DETECTOR),
    "LAY-003": Broken("broken/layout.py:LeavesAPictureBehind", DETECTOR),
    "LAY-004": Broken("broken/layout.py:SavesNothing", DETECTOR),
    "LAY-005": Broken("broken/layout.py:SavesLabelsElsewhere", CLASSIFIER),
    "LAY-006": Broken("broken/layout.py:DownloadsTheDatasetAgain", CLASSIFIER),
    "LAY-007": Broken("broken/layout.py:WritesCheckpointsHere", CLASSIFIER),
    "LAY-008": Broken("broken/layout.py:KnowsTheTrainingFolder", CLASSIFIER),
    "LAY-009": Broken("broken/layout.py:SavesHalfOfIt", DETECTOR),
    "LAY-010": Broken("broken/layout.py:ChangesDirectory", DETECTOR),
    "LAY-011": Broken("broken/layout.py:ConvertsIntoTheWorkingDirectory", CLASSIFIER),
    "THR-001": Broken("broken/throughput.py:PredictsOneByOne", DETECTOR),
    "THR-002": Broken("broken/throughput.py:PredictsEverythingAtOnce", DETECTOR),
    "THR-003": Broken("broken/throughput.py:PreparesAgain", DETECTOR),
    "THR-004": Broken("broken/throughput.py:LoadsTwice", DETECTOR),
    "THR-005": Broken("broken/throughput.py:FetchesArtifactsWhilePredicting", DETECTOR),
    "THR-006": Broken("broken/throughput.py:KeepsCountInTheModel", DETECTOR),
    "THR-007": Broken("broken/throughput.py:LooksUpTheRecipeForEveryItem", DETECTOR),
    "THR-008": Broken("broken/throughput.py:ComparesWithEveryEarlierItem", DETECTOR),
    "THR-009": Broken("broken/throughput.py:DownloadsAgain", DETECTOR),
    "THR-010": Broken("broken/throughput.py:EmbedsOneByOne", EMBEDDER),
    "LIF-001": Broken("broken/lifecycle.py:NeedsAVariable", DETECTOR),
    "LIF-002": Broken("broken/lifecycle.py:LoadsAnotherFile", DETECTOR),
    "LIF-003": Broken("broken/lifecycle.py:StopsAtSmallImages", DETECTOR),
    "LIF-004": Broken("broken/lifecycle.py:NeedsSomethingToFind", DETECTOR),
    "LIF-005": Broken("broken/lifecycle.py:NeedsMoreThanOneImage", EMBEDDER),
    "LIF-006": Broken("broken/lifecycle.py:ConvertsAFlatFolder", CLASSIFIER),
    "LIF-007": Broken("broken/lifecycle.py:TrainsOnTheTestSubset", CLASSIFIER),
    "LIF-008": Broken("broken/lifecycle.py:SavesWithoutAFolder", CLASSIFIER),
    "LIF-009": Broken("broken/lifecycle.py:EvaluatesTheFirstMetric", DETECTOR),
    "LIF-010": Broken("broken/lifecycle.py:KeepsAChannel", SEGMENTER),
    "LIF-011": Broken("broken/lifecycle.py:PhonesHome", DETECTOR),
}

RUNS = [
    pytest.param(id_, catalogue, id=f"{id_}-{name}", marks=[pytest.mark.slow] if slow else [])
    for id_ in BROKEN
    for name, catalogue, slow in (
        *([("without evaluation", WITHOUT_EVALUATION, False)] if id_ not in EVALUATING else []),
        ("whole catalogue", WHOLE, id_ not in EVALUATING),
    )
]

Check = Callable[[str, tuple[str, ...]], Checked]


@pytest.fixture(scope="module")
def check(request: pytest.FixtureRequest) -> Iterator[Check]:
    """The check of a contract's broken adapter; all that this session needs run in the background, two at a time."""
    wanted = [item.callspec.params for item in request.session.items if item.fspath == request.fspath and hasattr(item, "callspec")]
    keys = dict.fromkeys((p["id_"], p["catalogue"]) for p in wanted if "catalogue" in p)
    with ThreadPoolExecutor(2) as pool:
        futures = {key: pool.submit(run, *key) for key in keys}
        yield lambda id_, catalogue: (futures.get((id_, catalogue)) or pool.submit(run, id_, catalogue)).result()
        pool.shutdown(cancel_futures=True)


def run(id_: str, catalogue: tuple[str, ...]) -> Checked:
    broken = BROKEN[id_]
    return checking.run([str(TESTS / broken.target)], {**broken.given, "select": catalogue})


def results(checked: Checked) -> dict[str, Result]:
    (adapter,) = checked.report.adapters
    return {result.contract: result for result in adapter.results}


def test_every_contract_has_a_broken_adapter() -> None:
    assert list(BROKEN) == list(CONTRACTS)


@pytest.mark.parametrize(("id_", "catalogue"), RUNS)
def test_only_this_contract_fails(check: Check, id_: str, catalogue: tuple[str, ...]) -> None:
    found = results(check(id_, catalogue))

    expected = "fail" if CONTRACTS[id_].severity == "error" else "warning"
    assert {r.contract: r.verdict for r in found.values() if r.verdict not in QUIET} == {id_: expected}
    file, lines = BROKEN[id_].lines
    assert [f for f in found[id_].findings if not says_everything(f)] == []
    assert all(Path(f.file or "").resolve() == file and f.line in lines for f in found[id_].findings)


QUIET = {"pass", "inapplicable", "vacuous"}


def says_everything(finding: Finding) -> bool:
    """Whether a person can act on a finding, and it holds no path of the workspace."""
    texts = (finding.expected, finding.saw, finding.where)
    return all(texts) and finding.line is not None and not any("dl-harness-" in text for text in texts)
