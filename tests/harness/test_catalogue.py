"""The catalogue: what a contract is tied to, its version and hash, and what others add to it."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import dl_harness.contracts  # noqa: F401 - declares the catalogue
from dl_harness import checking
from dl_harness.catalogue import Catalogue, catalogue, content_hash
from dl_harness.contract import CATALOGUE_VERSION, CONTRACTS, Contract, Judged, Judgement, Seen, contract
from dl_harness.evidence import Evidence, Subject
from dl_harness.results import Result, judge


def rule(**about: object) -> Contract:
    """A contract that is always broken."""

    def judgements(evidence: Evidence) -> Iterator[Judgement]:
        yield Judged("things")
        yield Seen("this", "that", "here")

    made = Contract("ACME-001", "acme", "a rule", "why", "fix", judgements)
    return replace(made, **about)  # type: ignore[arg-type]


def judged(made: Contract, sdk: str | None = "1.126.5") -> Result:
    environment = {} if sdk is None else {"dtlpy": sdk}
    (result,) = judge(Evidence(Subject("a", "a.py:A"), environment=environment), [made])
    return result


def own(folder: Path, *sources: str) -> Catalogue:
    for number, source in enumerate(sources):
        (folder / f"own{number}.py").write_text("from dl_harness.contract import Judged, Seen, contract\n" + source)
    return catalogue([f"own{number}.py" for number in range(len(sources))], folder)


DECLARED = """
@contract("ACME-{0}", "acme", "rule {0}", why="why", fix="fix")
def rule_{0}(evidence):
    yield Judged("adapters")
"""


@pytest.mark.parametrize(("sdk", "verdict"), [("1.117.6", "inapplicable"), ("1.120.0", "fail"), ("1.126.5", "fail")])
def test_a_contract_is_about_a_range_of_sdk_versions(sdk: str, verdict: str) -> None:
    result = judged(rule(sdk=">=1.120"), sdk)

    assert result.verdict == verdict
    assert result.reason == (
        "it is about dtlpy >=1.120, and the adapter runs on dtlpy 1.117.6" if sdk < "1.12" else None
    )


def test_without_an_sdk_a_contract_of_some_versions_is_judged_all_the_same() -> None:
    assert judged(rule(sdk=">=1.120"), None).verdict == "fail"


def test_a_pending_contract_reports_and_fails_nothing_until_the_next_minor_version() -> None:
    pending, over = judged(rule(pending=CATALOGUE_VERSION)), judged(rule(pending="0.9"))

    assert (pending.verdict, pending.pending, len(pending.findings)) == ("warning", True, 1)
    assert (over.verdict, over.pending) == ("fail", False)


def test_every_severity_has_its_reason() -> None:
    assert [c.id for c in CONTRACTS.values() if not c.severity_reason.endswith(".")] == []


def test_ids_and_ranges_are_refused_when_they_are_declared() -> None:
    about = {"why": "w", "fix": "f"}
    with pytest.raises(ValueError, match="is no id of a contract"):
        contract("acme", "acme", "s", **about)
    with pytest.raises(ValueError, match="no range of versions"):
        contract("ACME-001", "acme", "s", sdk="newer", **about)
    with pytest.raises(ValueError, match="OUT-002 is taken by one_collection_per_item"):
        contract("OUT-002", "acme", "s", **about)(rule().judge)


def test_version_and_hash_are_told_and_the_hash_is_the_same_in_another_process() -> None:
    said = subprocess.run(
        [sys.executable, "-m", "dl_harness.cli", "--version"], capture_output=True, text=True, check=True
    ).stdout

    assert re.fullmatch(rf"dl-harness \S+, catalogue {CATALOGUE_VERSION} \({content_hash()[:19]}\)\n", said)


def test_own_contracts_are_selected_like_ours(tmp_path: Path) -> None:
    known = own(tmp_path, DECLARED.format("001"), DECLARED.format("002"))

    assert [c.id for c in known.select(["ACME"])] == ["ACME-001", "ACME-002"]
    assert [c.id for c in known.select(["acme", "OUT-002"])] == ["OUT-002", "ACME-001", "ACME-002"]
    assert known.problems == ()
    assert [c.origin for c in known.select(["ACME"])] == ["own0.py", "own1.py"]
    assert "ACME-001" not in CONTRACTS
    assert set(known.own) == {"own0.py", "own1.py"}


BROKEN_MODULES = {
    "a clash with ours": (
        DECLARED.format("001") + DECLARED.format("002").replace("ACME-002", "OUT-002"),
        "declares OUT-002, which is taken by dl-harness itself; choose letters of your own, such as ACME-001",
    ),
    "the same id twice": (
        DECLARED.format("001") + DECLARED.format("002").replace("ACME-002", "ACME-001"),
        "declares ACME-001 twice; the second declaration is left out",
    ),
    "a name that is not there": (
        DECLARED.format("001") + "\nundefined\n",
        "could not be imported: NameError: name 'undefined' is not defined (own0.py, line 7)",
    ),
    "a syntax error": ("def f(:\n", "could not be imported: SyntaxError: invalid syntax (own0.py, line 2)"),
    "an end of the process": ("raise SystemExit(3)\n", "could not be imported: SystemExit: 3 (own0.py, line 2)"),
    "a hook that nobody calls": (
        "from dl_harness.hookspecs import hookimpl\n@hookimpl\ndef dl_harness_contract():\n    return []\n",
        "could not be imported: PluginValidationError: unknown hook 'dl_harness_contract' in plugin",
    ),
    "a hook that raises": (
        "from dl_harness.hookspecs import hookimpl\n@hookimpl\ndef dl_harness_contracts():\n    return 1 / 0\n",
        "failed in dl_harness_contracts: ZeroDivisionError: division by zero (own0.py, line 5)",
    ),
    "what is no contract": (
        "from dl_harness.hookspecs import hookimpl\n@hookimpl\ndef dl_harness_contracts():\n    return ['ACME-009']\n",
        "gives 'ACME-009' as a contract, which is no Contract",
    ),
}


@pytest.mark.parametrize("what", BROKEN_MODULES)
def test_what_cannot_be_used_is_said_and_costs_nothing_else(tmp_path: Path, what: str) -> None:
    source, said = BROKEN_MODULES[what]

    known = own(tmp_path, source, DECLARED.format("011"))

    (problem,) = known.problems
    assert problem.origin == "own0.py"
    assert problem.message.startswith(said)
    assert {c.id for c in known.contracts} >= {*CONTRACTS, "ACME-011"}


def test_a_module_that_is_not_there_is_said(tmp_path: Path) -> None:
    (problem,) = catalogue(["missing.py"], tmp_path).problems

    assert problem.message == f"could not be imported: FileNotFoundError: there is no file {tmp_path / 'missing.py'}"


def test_a_plugin_changes_contracts(tmp_path: Path) -> None:
    known = own(
        tmp_path,
        "import dataclasses\nfrom dl_harness.hookspecs import hookimpl\n@hookimpl\n"
        "def dl_harness_modify_contracts(contracts):\n"
        "    contracts[:] = [dataclasses.replace(c, severity='warning') for c in contracts if c.id != 'THR-007']\n",
    )

    assert {c.severity for c in known.contracts} == {"warning"}
    assert {c.id for c in known.contracts} == {*CONTRACTS} - {"THR-007"}


def test_a_contract_of_ours_and_one_of_the_repository_that_raise_say_who_mends_them() -> None:
    def judgements(evidence: Evidence) -> Iterator[Judgement]:
        yield Judged("things", 1 // 0)

    ours, theirs = judged(rule(judge=judgements)), judged(rule(judge=judgements, origin="own.py"))

    assert (ours.verdict, theirs.verdict) == ("error", "error")
    assert str(ours.reason).endswith("ZeroDivisionError: integer division or modulo by zero; please report this")
    assert re.search(r"\(test_catalogue.py, line \d+\); it comes from own.py, mend it there$", str(theirs.reason))


def test_a_contract_that_cannot_say_whether_it_applies_costs_no_other_result() -> None:
    def applies(evidence: Evidence) -> str | None:
        raise KeyError("subject")

    assert judged(rule(applies=applies)).verdict == "error"


def test_the_command_line_lists_what_the_current_directory_adds(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.dl-harness]\ncontracts = ["own.py", "gone.py"]\n')
    (tmp_path / "own.py").write_text("from dl_harness.contract import Judged, contract\n" + DECLARED.format("001"))

    listed, explained = (
        subprocess.run(
            [sys.executable, "-m", "dl_harness.cli", *arguments],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
        )
        for arguments in (["contracts", "--select", "ACME"], ["explain", "OUT-002"])
    )

    assert listed.stdout.splitlines()[2:] == ["acme", "  ACME-001  rule 001  (from own.py)"]
    assert "gone.py could not be imported" in listed.stderr
    assert CONTRACTS["OUT-002"].severity_reason.split()[0] in explained.stdout


def test_select_without_names_is_the_whole_catalogue() -> None:
    assert [c.id for c in checking.select([])] == list(CONTRACTS)


def result(family: str, verdict: str) -> Result:
    return Result("X-001", family, "error", verdict, "s", "w", "f", reason="there was none")  # type: ignore[arg-type]


@pytest.mark.parametrize("family", checking.REQUIRED_FAMILIES)
def test_a_run_that_could_judge_nothing_of_a_required_family_does_not_pass(family: str) -> None:
    others = [result(other, "pass") for other in checking.REQUIRED_FAMILIES if other != family]
    vacuous, inapplicable = result(family, "vacuous"), result(family, "inapplicable")
    evidence = Evidence(Subject("a", "a.py:A"))

    verdict, summary = checking.verdict_of(evidence, (*others, vacuous, inapplicable), False)

    assert (verdict, "there was none" in summary) == ("vacuous", True)
    assert checking.verdict_of(evidence, (*others, vacuous, result(family, "pass")), False)[0] == "pass"
    if family != "output format":
        assert checking.verdict_of(evidence, (*others, inapplicable), False)[0] == "pass"
    assert (
        checking.verdict_of(evidence, (*others, result("laws", "vacuous"), result(family, "pass")), False)[0] == "pass"
    )
