"""Every contract has a broken adapter that it alone catches: this project's mutation test.

By default each broken adapter meets every contract that needs none of the flows that take long; those that are to be
caught in such flows meet their family. `pytest -m slow tests/test_every_contract_bites.py` runs all of them against
the whole catalogue.
"""

from __future__ import annotations

import ast
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import messages
from ahead import ahead
from dl_harness import checking
from dl_harness.checking import Checked
from dl_harness.contract import CONTRACTS
from dl_harness.results import Result
from dl_harness.syntax import parse
from nursery import nursery

TESTS = Path(__file__).resolve().parent

WHOLE = tuple(contract.id for contract in checking.select([]))
EVALUATING = tuple(id_ for id_ in WHOLE if "evaluate_model" in CONTRACTS[id_].needs)
LONG = frozenset({"evaluate_model", "train_varied", "reload", "resave", "predict_odd", "embed_odd"})
"""Flows that take most of a whole check; by default only those meet them that are to be caught there."""
WITHOUT_LONG_FLOWS = tuple(id_ for id_ in WHOLE if LONG.isdisjoint(CONTRACTS[id_].needs))

DETECTOR: dict[str, Any] = {
    "model": {"name": "detector", "outputType": "box", "labels": ["bright", "dark"]},
    "artifacts": str(TESTS / "good" / "artifacts" / "detector"),
}
CONFIGURED: dict[str, Any] = {
    **DETECTOR,
    "model": {**DETECTOR["model"], "configuration": {"confidence_threshold": 0.1}},
}
CLASSIFIER: dict[str, Any] = {"model": {"name": "classifier", "outputType": "class", "labels": ["red", "green"]}}
SEGMENTER: dict[str, Any] = {"model": {"name": "segmenter", "outputType": "binary", "labels": ["bright"]}}
FEW = str(TESTS / "few")
TRAINER: dict[str, Any] = {**CLASSIFIER, "items": FEW}
WORDS: dict[str, Any] = {
    "model": {"name": "words", "inputType": "text", "outputType": "class", "labels": ["long", "short"]}
}
JSON: dict[str, Any] = {"model": {"inputType": "json", "outputType": "class", "labels": ["long", "short"]}}
EMBEDDER: dict[str, Any] = {"model": {"name": "embedder", "configuration": {"embeddings_size": 24}}}


STATIC = "broken/static"
"""Adapters that only the static pass meets: what it reads in them may break a run as well, in many ways."""

READ_TOO = {
    "OUT-002 return in the loop": {"LOP-001"},
    "OUT-014": {"SID-006"},
    "THR-006": {"SID-006"},
    "TRN-003": {"POR-004"},
    "LAY-004": {"LIF-016"},
    "LAY-009 another name": {"LIF-016"},
    "LIF-010": {"LIF-012", "LIF-013"},
}
"""Contracts that have something to say of the adapter of another one: static ones see in the source what the run shows,
and what is saved or stored wrongly is also missing when it is loaded or predicted again."""


@dataclass(frozen=True)
class Broken:
    """An adapter that breaks one contract, and what its check is given; `line` stands where a manifest is wrong."""

    target: str
    given: dict[str, Any] = field(default_factory=dict)
    line: str | None = None
    function_of: str | None = None  # the class that holds the function, when it is not the broken one

    @property
    def lines(self) -> tuple[Path, range]:
        """The file and the lines in which the finding must point: the class, or the line of the manifest."""
        file, _, name = (self.function_of or self.target).partition(":")
        if self.static and self.line is None:
            return self._marked
        path = TESTS / file if name else TESTS / file / "dataloop.json"
        if self.line is not None:
            number = path.read_text("utf-8").splitlines().index(self.line) + 1
            return path, range(number, number + 1)
        classes = [node for node in parse(path.read_bytes()).body if isinstance(node, ast.ClassDef)]
        (found,) = (node for node in classes if node.name == name)
        return path, range(found.lineno, (found.end_lineno or found.lineno) + 1)

    @property
    def static(self) -> bool:
        """Whether only the static pass meets it."""
        return self.target.startswith(STATIC)

    @property
    def _marked(self) -> tuple[Path, range]:
        """The line of a source that is marked as the broken one."""
        (found,) = (
            (file, number)
            for file in (TESTS / self.target).rglob("*.py")
            for number, line in enumerate(file.read_text("utf-8").splitlines(), 1)
            if line.endswith("# broken")
        )
        return found[0], range(found[1], found[1] + 1)


DETECTING, ECHOING = "good/detector.py:Detector", "good/prompts.py:Echo"

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
    "MAN-001": Broken("broken/static/man_001", line='        "computeConfig": "gpu",'),
    "MAN-002": Broken("broken/static/man_002", line='            "name": "predict_videos",'),
    "MAN-003": Broken("broken/static/man_003", line='            "name": "count",'),
    "MAN-004": Broken("broken/static/man_004", line='                "type": "Items[]"'),
    "MAN-005": Broken("broken/static/man_005", line='        "outputType": "polygon",'),
    "MAN-006": Broken("broken/static/man_006", line='        "inputType": "jpeg",'),
    "MAN-007": Broken("broken/static/man_007", line='        "status": "ready",'),
    "MAN-008": Broken("broken/static/man_008", line='            "name": "predict_items"'),
    "MAN-009": Broken("broken/static/man_009", line='              "train": {'),
    "MAN-010": Broken("broken/static/man_010", line='          "id_to_label_map": {'),
    "MAN-011": Broken("broken/static/man_011", line='          "id_to_label_map": {'),
    "MAN-012": Broken("broken/static/man_012", line='        "outputType": "class",'),
    "MAN-013": Broken("broken/static/man_013", line='          "weights_filename": "best.pt"'),
    "MAN-014": Broken("broken/static/man_014", line='            "localPath": "C:\\\\models\\\\finder.pt"'),
    "MAN-015": Broken("broken/static/man_015", line='  "name": "copied",'),
    "NAM-001": Broken("broken/static/nam_001"),
    "NAM-002": Broken("broken/static/nam_002"),
    "NAM-003": Broken("broken/static/nam_003"),
    "NAM-004": Broken("broken/static/nam_004"),
    "NAM-005": Broken("broken/static/nam_005"),
    "NAM-006": Broken("broken/static/nam_006"),
    "IMP-001": Broken("broken/static/imp_001"),
    "IMP-002": Broken("broken/static/imp_002"),
    "IMP-003": Broken("broken/static/imp_003"),
    "IMP-004": Broken("broken/static/imp_004"),
    "SDK-001": Broken("broken/static/sdk_001"),
    "SDK-002": Broken("broken/static/sdk_002"),
    "SDK-003": Broken("broken/static/sdk_003"),
    "SDK-004": Broken("broken/static/sdk_004"),
    "SDK-005": Broken("broken/static/sdk_005"),
    "INI-001": Broken("broken/static/ini_001"),
    "INI-002": Broken("broken/static/ini_002"),
    "INI-003": Broken("broken/static/ini_003"),
    "INI-004": Broken("broken/static/ini_004"),
    "LOP-001": Broken("broken/static/lop_001"),
    "LOP-002": Broken("broken/static/lop_002"),
    "LOP-003": Broken("broken/static/lop_003"),
    "CFG-001": Broken("broken/static/cfg_001"),
    "CFG-002": Broken("broken/static/cfg_002"),
    "CFG-003": Broken("broken/static/cfg_003", line='          "iou": 0.4'),
    "CFG-004": Broken("broken/static/cfg_004", line='        "configuration": {}'),
    "SID-001": Broken("broken/static/sid_001"),
    "SID-002": Broken("broken/static/sid_002"),
    "SID-003": Broken("broken/static/sid_003"),
    "SID-004": Broken("broken/static/sid_004"),
    "SID-005": Broken("broken/static/sid_005"),
    "SID-006": Broken("broken/static/sid_006"),
    "POR-001": Broken("broken/static/por_001"),
    "POR-002": Broken("broken/static/por_002"),
    "POR-003": Broken("broken/static/por_003"),
    "POR-004": Broken("broken/static/por_004"),
    "POR-005": Broken("broken/static/por_005"),
    "POR-006": Broken("broken/static/por_006"),
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
    "OUT-020": Broken("broken/output.py:SharesACollection", DETECTOR),
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
    "THR-011": Broken("broken/throughput.py:LeavesAThread", DETECTOR),
    "THR-012": Broken("broken/throughput.py:LeavesAFileOpen", DETECTOR),
    "THR-013": Broken("broken/throughput.py:KeepsEveryBatch", DETECTOR),
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
    "LIF-012": Broken("broken/reloading.py:ParsesInPlace"),
    "LIF-013": Broken("broken/reloading.py:KeepsTheFirstModel", DETECTOR),
    "LIF-014": Broken("broken/reloading.py:FallsBackToStock", DETECTOR),
    "LIF-015": Broken("broken/reloading.py:MovesItsWeights", TRAINER),
    "LIF-016": Broken("broken/running_effects.py:LoadsUnderAnotherName", SEGMENTER),
    "SID-050": Broken("broken/running_effects.py:DescribesItsItems", DETECTOR),
    "SID-051": Broken("broken/running_effects.py:SeedsEverything", DETECTOR),
    "SID-052": Broken("broken/running_effects.py:LeavesAWorker", DETECTOR),
    "SID-053": Broken("broken/running_effects.py:PrintsItsKey", DETECTOR),
    "CFG-050": Broken("broken/running_effects.py:ReplacesItsConfiguration", CONFIGURED),
    "CFG-051": Broken("broken/running_effects.py:IgnoresItsThreshold", CONFIGURED, function_of=DETECTING),
    "ROB-001": Broken("broken/robustness.py:ExpectsThreeChannels", DETECTOR),
    "ROB-002": Broken("broken/robustness.py:ExpectsBytes", DETECTOR),
    "ROB-003": Broken("broken/robustness.py:HalvesTheSides", DETECTOR),
    "ROB-004": Broken("broken/robustness.py:ReadsEveryExifTag", DETECTOR),
    "ROB-005": Broken("broken/robustness.py:CountsPerWord", WORDS),
    "ROB-006": Broken("broken/robustness.py:SplitsTheMimetype", DETECTOR),
    "ROB-007": Broken("broken/robustness.py:TakesTheFirstPart"),
    "ROB-008": Broken("broken/robustness.py:JoinsTheParts"),
    "ROB-009": Broken("broken/robustness.py:TakesTheFirstKey", JSON),
    "ERR-001": Broken("broken/errors.py:SkipsTheUnreadable", DETECTOR),
    "ERR-002": Broken("broken/errors.py:RaisesForOne", DETECTOR),
    "ERR-003": Broken("broken/errors.py:AnswersAnyway", DETECTOR, function_of=DETECTING),
    "PRM-001": Broken("broken/prompt.py:AnswersTheFirst", function_of=ECHOING),
    "PRM-002": Broken("broken/prompt.py:AnswersTheNextItem"),
    "PRM-003": Broken("broken/prompt.py:HidesItsName"),
    "PRM-004": Broken("broken/prompt.py:NamesEachAnswerAnew", function_of=ECHOING),
    "TRN-001": Broken("broken/training.py:ListsTheTopFolder", TRAINER),
    "TRN-002": Broken("broken/training.py:CopiesToOneFolder", TRAINER),
    "TRN-003": Broken("broken/training.py:DigsTheFolderOutOfTheFilter", TRAINER),
    "TRN-004": Broken("broken/training.py:TakesTheFirstAnnotation", TRAINER),
    "TRN-005": Broken("broken/training.py:AppendsToItsLabels", TRAINER),
    "TRN-006": Broken("broken/training.py:ResumesFromHalfACheckpoint", TRAINER),
    "TRN-007": Broken("broken/training.py:CountsInText", TRAINER),
    "TRN-008": Broken("broken/training.py:PublishesAMeanOfNothing", TRAINER),
    "TRN-009": Broken("broken/training.py:ForgetsTheStatus", TRAINER),
    "TRN-010": Broken("broken/training.py:ValidatesAlways", TRAINER),
    "TRN-011": Broken("broken/training.py:NeedsTwoClasses", TRAINER),
    "TRN-012": Broken("broken/training.py:NeedsAnAnnotation", TRAINER),
    "TRN-013": Broken("broken/training.py:ChecksEveryStem", TRAINER),
    "TRN-014": Broken("broken/training.py:SplitsAtTheFirstDot", TRAINER),
    "TRN-015": Broken("broken/training.py:LooksUpEveryLabel", TRAINER),
    "TRN-016": Broken("broken/training.py:NumbersByTheRecipe", TRAINER),
    "TRN-017": Broken("broken/training.py:TrainsInSilence", TRAINER),
    "LAW-001": Broken("broken/laws.py:GetsUsedToLight", DETECTOR),
    "LAW-002": Broken("broken/laws.py:IsLessCertainInSmallBatches", DETECTOR),
    "LAW-003": Broken("broken/laws.py:RemembersWhatItHasSeen", DETECTOR),
    "LAW-004": Broken("broken/laws.py:ComparesWithTheBrightest", DETECTOR),
    "LAW-005": Broken("broken/laws.py:SplitsLargeBatches", DETECTOR),
    "LAW-006": Broken("broken/laws.py:PadsMixedBatches", DETECTOR),
    "LAW-007": Broken("broken/laws.py:ReadsTheSizeOfTheFile", DETECTOR),
    "LAW-008": Broken("broken/laws.py:StaysInTheFrameOfTheModel", DETECTOR),
}


OTHERWISE = {
    "SIG-001 unreadable": Broken("broken/manifests/unreadable", line='    "modules" []'),
    "OUT-001 None": Broken("broken/output.py:ReturnsNothing", DETECTOR),
    "OUT-002 return in the loop": Broken("broken/output.py:ReturnsInsideTheLoop", DETECTOR),
    "OUT-009 masks": Broken("broken/output.py:KeepsTheSizeOfTheModel", SEGMENTER),
    "LAY-009 another name": Broken("broken/layout.py:LoadsAnotherName", CLASSIFIER),
    "OUT-019 empty": Broken("broken/output.py:AnswersWithNothing"),
    "LIF-003 texts": Broken("broken/kinds.py:ReadsPlainTextOnly", WORDS),
    "LIF-004 prompts": Broken("broken/kinds.py:WantsOnePart"),
    "OUT-002 texts": Broken("broken/kinds.py:LeavesOutShortTexts", WORDS),
    "OUT-004 texts": Broken("broken/kinds.py:GroupsTextsByLength", WORDS),
    "OUT-004 masks": Broken("broken/kinds.py:ReversesItsMasks", SEGMENTER),
    "OUT-006 texts": Broken("broken/kinds.py:NumbersItsTexts", WORDS),
    "OUT-007 masks": Broken("broken/kinds.py:CallsMasksByTheirColour", SEGMENTER),
    "OUT-012 classes": Broken("broken/kinds.py:IsSureInPercent", CLASSIFIER),
    "OUT-016 arrays": Broken("broken/kinds.py:EmbedsAnArray", EMBEDDER),
    "LAW-002 vectors": Broken("broken/laws.py:EmbedsAgainstTheMean", EMBEDDER),
}
"""Other ways to break some of them, each with a branch of its own in the contract."""


class Run(NamedTuple):
    """A broken adapter by the contract that it breaks, and the contracts that it meets."""

    name: str
    catalogue: tuple[str, ...] = WITHOUT_LONG_FLOWS

    @property
    def contract(self) -> str:
        return self.name.split()[0]

    @property
    def broken(self) -> Broken:
        return OTHERWISE.get(self.name) or BROKEN[self.name]


def catalogue_of(name: str) -> tuple[str, ...]:
    """The contracts that a broken adapter meets by default."""
    id_ = name.split()[0]
    if id_ in EVALUATING:
        return WHOLE
    family = tuple(o for o in WHOLE if CONTRACTS[o].family == CONTRACTS[id_].family and o not in EVALUATING)
    return WITHOUT_LONG_FLOWS if LONG.isdisjoint(CONTRACTS[id_].needs) else family


def takes_long(name: str) -> bool:
    """Whether a proof costs more than a warning is worth in every run of the tests."""
    found = CONTRACTS[name.split()[0]]
    return found.severity == "warning" and not LONG.isdisjoint(found.needs)


DEFAULT = [Run(name, catalogue_of(name)) for name in (*BROKEN, *OTHERWISE) if not takes_long(name)]
THE_REST = [Run(id_, WHOLE) for id_ in BROKEN if catalogue_of(id_) != WHOLE and not BROKEN[id_].static]


os.environ.setdefault("PROVIDER_API_KEY", "a-secret-of-the-tests")


def carry_out(run: Run) -> Checked:
    if run.broken.static:
        return checking.run([str(TESTS / run.broken.target / "dataloop.json")], {"static": True})
    return checking.run([str(TESTS / run.broken.target)], {**run.broken.given, "select": run.catalogue})


@pytest.fixture(scope="module")
def check(request: pytest.FixtureRequest) -> Iterator[Callable[[Run], Checked]]:
    """What a run came to."""
    with nursery(), ahead(request, "run", carry_out) as result:
        yield result


def results(checked: Checked) -> dict[str, Result]:
    (adapter,) = checked.report.adapters
    return {result.contract: result for result in adapter.results}


def test_every_contract_has_a_broken_adapter() -> None:
    assert set(BROKEN) == set(CONTRACTS)


@pytest.mark.parametrize("run", DEFAULT, ids=lambda run: run.name)
def test_only_this_contract_is_broken(check: Callable[[Run], Checked], run: Run) -> None:
    assert_only_this_is_broken(results(check(run)), run)


@pytest.mark.slow
@pytest.mark.parametrize("run", THE_REST, ids=lambda run: run.name)
def test_only_this_contract_is_broken_in_the_whole_catalogue(check: Callable[[Run], Checked], run: Run) -> None:
    assert_only_this_is_broken(results(check(run)), run)


def assert_only_this_is_broken(found: Mapping[str, Result], run: Run) -> None:
    """One contract has findings, each of which says everything and points to the adapter."""
    verdict = {"error": "fail", "warning": "warning"}[CONTRACTS[run.contract].severity]
    told = {r.contract: r.verdict for r in found.values() if r.verdict not in QUIET}
    assert {id_: v for id_, v in told.items() if id_ not in READ_TOO.get(run.name, ())} == {run.contract: verdict}
    file, lines = run.broken.lines
    for finding in found[run.contract].findings:
        assert all((finding.expected, finding.saw, finding.where)), finding
        assert "dl-harness-" not in f"{finding.expected}{finding.saw}{finding.where}", "a path of the workspace"
        assert (Path(finding.file or "").resolve(), finding.line in lines) == (file, True), finding


@pytest.mark.parametrize("run", [run for run in DEFAULT if run.name in BROKEN], ids=lambda run: run.name)
def test_the_message_is_the_one_that_is_shipped(check: Callable[[Run], Checked], run: Run) -> None:
    if messages.WRITTEN_ON.read_text("utf-8") != messages.versions():
        pytest.skip(f"messages quote exceptions, and were written on {messages.WRITTEN_ON.read_text('utf-8').strip()}")
    shipped = messages.EXAMPLES / f"{run.contract}.txt"

    assert shipped.is_file(), messages.RENEW.format(run.contract)
    message = messages.message(results(check(run))[run.contract])
    assert messages.words(message) == messages.words(shipped.read_text("utf-8")), messages.RENEW.format(run.contract)


QUIET = {"pass", "inapplicable", "vacuous"}


def test_three_collections_for_four_items_cost_three_of_ten_items_their_annotations(
    check: Callable[[Run], Checked],
) -> None:
    checked = check(Run("OUT-002"))

    (drawn,) = checked.drawn.values()
    lost = [one.item.name for one in drawn if not one.annotations]
    assert (len(drawn), lost) == (10, ["coffee.jpg", "grace_hopper.jpg", "rocket.jpg"])
    findings = results(checked)["OUT-002"].findings[:3]
    assert [(f.expected, f.saw) for f in findings] == [
        ("4 collections for 4 items", "3 collections; nothing is stored for coffee.jpg"),
        ("4 collections for 4 items", "3 collections; nothing is stored for grace_hopper.jpg"),
        ("2 collections for 2 items", "1 collection; nothing is stored for rocket.jpg"),
    ]
    assert {f.where.partition(" (")[0] for f in findings} == {"predict in predict_items"}


def test_a_generator_costs_every_item_its_annotations(check: Callable[[Run], Checked]) -> None:
    checked = check(Run("OUT-001"))

    (drawn,) = checked.drawn.values()
    assert [one.annotations for one in drawn] == [()] * 10
    assert [finding.saw for finding in results(checked)["OUT-001"].findings[:3]] == [
        "a generator; astronaut.jpg lost 2 annotations, blank.png lost 1 annotation, cat.jpg lost 1 annotation,"
        " coffee.jpg lost 2 annotations",
        "a generator; display.png lost 1 annotation, flower.jpg lost 2 annotations, galaxies.jpg lost 2 annotations,"
        " grace_hopper.jpg lost 2 annotations",
        "a generator; palace.jpg lost 2 annotations, rocket.jpg lost 2 annotations",
    ]
