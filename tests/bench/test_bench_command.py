"""`dl-harness bench` on real processes. Nothing here depends on how fast the machine is: slower means ten times."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from dl_harness import cli
from dl_harness.bench import document

HERE = Path(__file__).resolve().parent
SUBJECTS = HERE / "bench_subjects.py"


def bench(*arguments: str) -> int:
    """Run the command; returns its exit code."""
    return cli._main(["bench", *arguments])


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with an adapter at a tag, which has become ten times slower since, without a commit."""
    folder = tmp_path / "repository"
    folder.mkdir()
    shutil.copy(SUBJECTS, folder / "adapter.py")
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "first"], ["tag", "v1"]):
        identity = ["-c", "user.name=a", "-c", "user.email=a@localhost"]
        subprocess.run(["git", *identity, *arguments], cwd=folder, check=True)
    changed = (folder / "adapter.py").read_text().replace("LOOPS = 20_000", "LOOPS = 200_000")
    (folder / "adapter.py").write_text(changed)
    (folder / "staged.txt").write_text("staged")
    (folder / "untracked.txt").write_text("untracked")
    subprocess.run(["git", "add", "staged.txt"], cwd=folder, check=True)
    return folder


def state_of(repository: Path) -> dict[str, Any]:
    """Everything in a repository, git's own files included."""
    files = {str(p.relative_to(repository)): p.read_bytes() for p in sorted(repository.rglob("*")) if p.is_file()}
    return {name: content for name, content in files.items() if "__pycache__" not in name}


def test_uncommitted_changes_are_compared_with_a_revision_and_nothing_is_touched(
    repository: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = state_of(repository)

    code = bench(f"{repository}/adapter.py:Steady", "--against", "v1", "--json", str(tmp_path / "bench.json"))

    out = capsys.readouterr().out
    assert (code, "SLOWER: " in out) == (1, True), out
    assert "seeable " in out
    assert state_of(repository) == before
    written = json.loads((tmp_path / "bench.json").read_bytes())
    jsonschema.validate(written, document.schema())
    assert written["comparison"]["verdict"] == "fail"
    assert written["comparison"]["this"]["batch_cpu"] > 3 * written["comparison"]["other"]["batch_cpu"]


@pytest.mark.slow
def test_another_target_can_be_the_other_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert bench(f"{SUBJECTS}:Steady", "--against", f"{SUBJECTS}:TenTimes") == 0
    assert "NOT SLOWER" in capsys.readouterr().out


@pytest.mark.slow
def test_an_adapter_that_remembers_gains_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert bench(f"{SUBJECTS}:TenTimes", "--against", f"{SUBJECTS}:Remembers") == 1, capsys.readouterr().out


def test_a_version_that_ends_its_process_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert bench(f"{SUBJECTS}:Dies", "--against", f"{SUBJECTS}:Steady") == 5
    out = capsys.readouterr().out
    assert "this version: the process ended during a round with status 9" in out
    assert "seeable " in out


@pytest.mark.parametrize(
    ("against", "said"),
    [
        ("no-such-revision", "--against no-such-revision: no revision of"),
        ("v1", "adapter.py is not in that revision"),
        ("--upload-pack=x", "--against --upload-pack=x: no revision of"),
    ],
)
def test_what_is_no_other_version_is_refused(
    repository: Path, capsys: pytest.CaptureFixture[str], against: str, said: str
) -> None:
    target = repository / ("adapter.py" if against != "v1" else "new/adapter.py")
    if against == "v1":
        target.parent.mkdir()
        shutil.copy(SUBJECTS, target)

    assert bench(f"{target}:Steady", "--against", against) == 4
    assert said in capsys.readouterr().err


def test_a_name_that_is_a_revision_and_a_path_is_refused(
    repository: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(repository)
    (repository / "v1").mkdir()

    assert bench("adapter.py:Steady", "--against", "v1") == 4
    assert "--against v1 is a revision and a path; write ./v1 for the path" in capsys.readouterr().err
