"""Every contract has a broken adapter that it alone catches: this project's mutation test."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from dl_harness import checking
from dl_harness.contract import CONTRACTS
from dl_harness.results import AdapterReport, Finding, Result

checking.select([])  # declares the catalogue

TESTS = Path(__file__).resolve().parent
EVALUATING = frozenset(c.id for c in CONTRACTS.values() if "evaluate_model" in c.needs)
"""Contracts that need an evaluation, which costs more than everything else together (importing dtlpymetrics)."""

DETECTOR: dict[str, Any] = {
    "model": {"name": "detector", "outputType": "box", "labels": ["bright", "dark"]},
    "artifacts": str(TESTS / "good" / "artifacts" / "detector"),
}
CLASSIFIER: dict[str, Any] = {"model": {"name": "classifier", "outputType": "class", "labels": ["red", "green"]}}
EMBEDDER: dict[str, Any] = {"model": {"name": "embedder", "configuration": {"embeddings_size": 24}}}


@dataclass(frozen=True)
class Broken:
    """An adapter that breaks one contract, and what its check is given; `place` is a file that findings point to."""

    target: str
    given: dict[str, Any] = field(default_factory=dict)
    place: str | None = None

    @property
    def file(self) -> str:
        """The file that findings name, below this folder."""
        return self.place or self.target.partition(":")[0]


BROKEN = {
    "SIG-001": Broken("broken/manifests/model_of_no_module", place="broken/manifests/model_of_no_module/dataloop.json"),
    "SIG-002": Broken("broken/manifests/entry_point_moved", place="broken/manifests/entry_point_moved/dataloop.json"),
    "SIG-003": Broken("broken/manifests/class_renamed", place="broken/manifests/class_renamed/dataloop.json"),
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
    "SIG-015": Broken("broken/signature.py:EvaluatesLater", DETECTOR),
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
    "LAY-009": Broken("broken/layout.py:SavesWithoutTheColours", CLASSIFIER),
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
    "LIF-010": Broken("broken/lifecycle.py:PutsTheModelAway", DETECTOR),
    "LIF-011": Broken("broken/lifecycle.py:PhonesHome", DETECTOR),
}
