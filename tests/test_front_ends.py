"""The command line, the pytest plugin and the Python call give the same verdicts over one core."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import jsonschema
import pytest

import dl_harness
from dl_harness import checking
from dl_harness.reports import document

LOSES_THE_LAST = """
import dtlpy as dl


class LosesTheLast(dl.BaseModelAdapter):
    def load(self, local_path, **kwargs):
        pass

    def predict(self, batch, **kwargs):
        found = []
        for image in batch[:-1]:
            collection = dl.AnnotationCollection()
            info = {"name": "m", "model_id": "1", "confidence": 0.5}
            collection.add(dl.Box(left=1, top=1, right=9, bottom=9, label="thing"), model_info=info)
            found.append(collection)
        return found
"""


def dl_harness_command(*arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own."""
    command = [sys.executable, "-m", "dl_harness.cli", *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=300)


@pytest.fixture(scope="module")
def losing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an adapter that forgets the last item of every batch."""
    folder = tmp_path_factory.mktemp("losing")
    (folder / "adapter.py").write_text(LOSES_THE_LAST)
    return folder


@pytest.fixture(scope="module")
def by_command(losing: Path) -> tuple[subprocess.CompletedProcess[str], dict[str, object]]:
    """What the command line says of it, and its JSON document."""
    ran = dl_harness_command(
        "check", "adapter.py:LosesTheLast", "--json", "r.json", "--junit", "r.xml", "--html", "r.html", cwd=losing
    )
    return ran, json.loads((losing / "r.json").read_text())


def test_silent_loss_fails_and_names_the_items(
    by_command: tuple[subprocess.CompletedProcess[str], dict[str, object]],
) -> None:
    ran, _ = by_command

    assert ran.returncode == 1
    assert "OUT-002  predict returns one AnnotationCollection per item in the batch" in ran.stdout
    assert re.search(r"saw +3 collections; nothing is stored for [\w./-]+\.(jpg|png)", ran.stdout)
    assert "adapter.py:9" in ran.stdout


def test_the_json_document_validates_and_adds_up(
    by_command: tuple[subprocess.CompletedProcess[str], dict[str, object]],
) -> None:
    _, report = by_command

    jsonschema.validate(report, document.schema())
    adapter = report["adapters"][0]  # type: ignore[index]
    plan = adapter["plan"]
    assert plan["planned"] == plan["executed"] + plan["inapplicable"] + plan["vacuous"] == len(adapter["results"])


def test_all_reports_are_written(losing: Path, by_command: object) -> None:
    assert "<testsuite" in (losing / "r.xml").read_text()
    assert "data:image/" in (losing / "r.html").read_text()


def test_the_python_call_gives_the_same_verdicts(
    losing: Path, by_command: tuple[subprocess.CompletedProcess[str], dict[str, object]]
) -> None:
    report = dl_harness.check(f"{losing / 'adapter.py'}:LosesTheLast")

    expected = {r["contract"]: r["verdict"] for r in by_command[1]["adapters"][0]["results"]}  # type: ignore[index]
    assert {r.contract: r.verdict for r in report.adapters[0].results} == expected


def test_the_plugin_gives_the_same_verdicts(
    losing: Path,
    by_command: tuple[subprocess.CompletedProcess[str], dict[str, object]],
    pytester: pytest.Pytester,
) -> None:
    ran = pytester.runpytest_subprocess(
        "--adapter", f"{losing / 'adapter.py'}:LosesTheLast", "-rA", "-p", "no:randomly"
    )

    verdicts = {r["contract"]: r["verdict"] for r in by_command[1]["adapters"][0]["results"]}  # type: ignore[index]
    failed = set(re.findall(r"FAILED .*test_contract\[([A-Z]+-\d+)\]", ran.stdout.str()))
    passed = set(re.findall(r"PASSED .*test_contract\[([A-Z]+-\d+)\]", ran.stdout.str()))
    assert failed == {id_ for id_, verdict in verdicts.items() if verdict == "fail"}
    assert passed == {id_ for id_, verdict in verdicts.items() if verdict in {"pass", "warning"}}
    assert ran.ret == 1


def test_a_suite_in_a_test_file(losing: Path, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        adapter=LOSES_THE_LAST,
        test_adapter="""
            import dl_harness
            from adapter import LosesTheLast

            suite = dl_harness.suite(
                LosesTheLast, select=["OUT-001", "OUT-002", "OUT-015"], expect={"OUT-002": "the last item is forgotten"}
            )

            @suite.parametrize()
            def test_contract(case):
                case.check()
        """,
    )

    ran = pytester.runpytest_subprocess("-v")

    ran.assert_outcomes(passed=1, xfailed=1, skipped=1)
    ran.stdout.fnmatch_lines(["*test_contract[[]OUT-001[]] PASSED*", "*test_contract[[]OUT-002[]] XFAIL*"])


def test_the_ini_option_names_adapters(losing: Path, pytester: pytest.Pytester) -> None:
    pytester.makeini(f"[pytest]\nadapter = {losing / 'adapter.py'}:LosesTheLast\n")

    ran = pytester.runpytest_subprocess("--adapter-select", "OUT-002")

    ran.assert_outcomes(failed=1, passed=1)
    ran.stdout.fnmatch_lines(["*OUT-002  predict returns one AnnotationCollection per item*"])


def test_an_unused_plugin_leaves_no_trace(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("import sys\ndef test_it():\n    assert not {'dtlpy', 'dl_mock', 'msgspec'} & set(sys.modules)")
    pytester.runpytest_subprocess("-p", "no:dl_harness")
    without = {path.name for path in pytester.path.iterdir()}

    ran = pytester.runpytest_subprocess()

    ran.assert_outcomes(passed=1)
    ran.stdout.no_fnmatch_line("*adapters:*")
    assert {path.name for path in pytester.path.iterdir()} - without <= {"runpytest-1"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(["no/such/place"], "no/such/place does not exist", id="no-such-path"),
        pytest.param(["adapter.py"], "did you mean adapter.py:LosesTheLast", id="a-file-without-a-class"),
        pytest.param(["adapter.py:Loses"], "its classes are: LosesTheLast", id="no-such-class"),
        pytest.param(["nothing.here:Class"], "there is no module nothing.here", id="no-such-module"),
        pytest.param(["empty"], "holds no dataloop.json", id="a-folder-without-a-manifest"),
        pytest.param([], "no TARGET was given", id="no-target"),
        pytest.param(["adapter.py:LosesTheLast", "--items", "empty"], "--items", id="an-empty-items-folder"),
        pytest.param(
            ["adapter.py:LosesTheLast", "--model", "broken.json"], "expected a JSON object", id="a-broken-model"
        ),
        pytest.param(["adapter.py:LosesTheLast", "--select", "OUT-02"], "OUT-002", id="no-such-contract"),
        pytest.param(["adapter.py:LosesTheLast", "--json", "empty"], "saw a folder", id="a-report-over-a-folder"),
        pytest.param(["--nonsense"], "No such option", id="no-such-option"),
    ],
)
def test_what_was_typed_wrong_is_a_usage_error(losing: Path, arguments: list[str], said: str) -> None:
    (losing / "empty").mkdir(exist_ok=True)
    (losing / "broken.json").write_text("{")

    ran = dl_harness_command("check", *arguments, cwd=losing)

    assert (ran.returncode, ran.stdout) == (4, "")
    assert said.lower() in ran.stderr.lower()
    assert "Traceback" not in ran.stderr


def test_a_report_that_cannot_be_written_costs_no_other(losing: Path) -> None:
    (losing / "file").write_text("")

    ran = dl_harness_command(
        "check",
        "adapter.py:LosesTheLast",
        "--select",
        "SIG",
        "--json",
        "file/r.json",
        "--junit",
        "still.xml",
        cwd=losing,
    )

    assert ran.returncode == 3
    assert "file/r.json" in ran.stderr
    assert "Traceback" not in ran.stderr
    assert (losing / "still.xml").exists()


def test_an_interrupted_check_reports_what_it_learned(tmp_path: Path) -> None:
    (tmp_path / "adapter.py").write_text(
        LOSES_THE_LAST.replace("        found = []", "        import time; time.sleep(600)\n        found = []")
    )
    command = [sys.executable, "-m", "dl_harness.cli", "check", "adapter.py:LosesTheLast", "--json", "r.json"]
    process = subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, text=True, env={**os.environ, "TMPDIR": str(tmp_path)}
    )
    wait_for(
        lambda: any(b'"function":"predict"' in f.read_bytes() for f in tmp_path.glob("dl-harness-*/evidence.jsonl"))
    )

    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)

    assert process.returncode == 2
    report = json.loads((tmp_path / "r.json").read_text())
    assert report["verdict"] == "interrupted"
    verdicts = {r["contract"]: r["verdict"] for r in report["adapters"][0]["results"]}
    assert verdicts["SIG-004"] == "pass"
    assert verdicts["LIF-002"] == "pass"
    assert list(tmp_path.glob("dl-harness-*")) == []


def wait_for(condition: object, limit_s: float = 60) -> None:
    """Wait until a condition holds; fail when it does not in time."""
    end = time.monotonic() + limit_s
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < end, "the condition did not come true in time"
        time.sleep(0.1)


def test_a_selection_runs_only_the_flows_it_needs(losing: Path) -> None:
    report = dl_harness.check(f"{losing / 'adapter.py'}:LosesTheLast", select=["OUT-004"])

    assert "evaluate_model" not in report.adapters[0].plan.flows
    assert "predict_items" in report.adapters[0].plan.flows


def test_secrets_stay_out_of_every_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROVIDER_API_KEY", "sk-do-not-show-me")
    (tmp_path / "adapter.py").write_text(
        "import os\nimport dtlpy as dl\n\n\nclass Tells(dl.BaseModelAdapter):\n"
        "    def load(self, local_path, **kwargs):\n"
        "        print('using', os.environ['PROVIDER_API_KEY'])\n"
        "        raise ValueError('refused: ' + os.environ['PROVIDER_API_KEY'])\n\n"
        "    def predict(self, batch, **kwargs):\n        return []\n"
    )

    reports = ["--json", "r.json", "--junit", "r.xml", "--html", "r.html"]
    ran = dl_harness_command("check", "adapter.py:Tells", "-v", *reports, cwd=tmp_path)

    assert "refused: [secret]" in ran.stdout
    everything = (
        ran.stdout + ran.stderr + "".join((tmp_path / f"r.{kind}").read_text() for kind in ("json", "xml", "html"))
    )
    assert "do-not-show" not in everything


def test_stand_ins_for_frameworks_come_first_on_the_import_path(tmp_path: Path) -> None:
    (tmp_path / "stubs").mkdir()
    (tmp_path / "stubs" / "a_framework_nobody_has.py").write_text("def run(batch):\n    return [0.5 for _ in batch]\n")
    source = LOSES_THE_LAST.replace("import dtlpy as dl", "import a_framework_nobody_has\nimport dtlpy as dl")
    (tmp_path / "adapter.py").write_text(source)

    without = dl_harness.check(f"{tmp_path / 'adapter.py'}:LosesTheLast", select=["SIG-002"])
    with_stubs = dl_harness.check(
        f"{tmp_path / 'adapter.py'}:LosesTheLast", select=["SIG-002"], stubs=tmp_path / "stubs"
    )

    assert (without.verdict, with_stubs.verdict) == ("fail", "pass")
    assert "No module named 'a_framework_nobody_has'" in without.adapters[0].results[0].findings[0].saw


def test_the_page_on_frameworks_is_run_as_it_stands(examples: Path) -> None:
    """docs/frameworks.md: a framework and a service that are not there, both from the folder of stand-ins."""
    target = f"{examples / 'stubbed_framework' / 'quality_adapter.py'}:QualityAdapter"

    report = dl_harness.check(target, select=["SIG-002", "OUT-002", "LIF-004", "LIF-011"])

    assert {result.contract: result.verdict for result in report.adapters[0].results} == dict.fromkeys(
        ("SIG-002", "OUT-002", "LIF-004", "LIF-011"), "pass"
    )


@pytest.mark.parametrize("name", ["chat_adapter", "digits_classifier", "face_detector", "text_embedder"])
@pytest.mark.parametrize("wrappers", ["sdk", "reference"])
def test_the_examples_conform(examples: Path, name: str, wrappers: str) -> None:
    checked = checking.run([str(examples / name)], {"wrappers": wrappers})

    wrong = [
        r.contract for a in checked.report.adapters for r in a.results if r.verdict not in {"pass", "inapplicable"}
    ]
    assert (checked.report.verdict, wrong) == ("pass", [])
