"""Whatever stands in a file, the static pass comes to its end without a failure of ours."""

from __future__ import annotations

import ast
import importlib.util
import json
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from dl_harness import checking
from dl_harness.evidence import SourceRead, Subject
from dl_harness.results import AdapterReport
from dl_harness.spec import Target
from dl_harness.static.reader import Reader

ADAPTER = """import dtlpy as dl


class A(dl.BaseModelAdapter):
    def load(self, local_path, **kwargs):
        self.size = 2

    def predict(self, batch, **kwargs):
        return [dl.AnnotationCollection() for _ in batch]
"""

ODD: dict[str, bytes] = {
    "nothing": b"",
    "a byte order mark": b"\xef\xbb\xbf" + ADAPTER.encode(),
    "latin-1 with its cookie": b"# -*- coding: latin-1 -*-\n# \xe9\n" + ADAPTER.encode(),
    "bytes that are no text": b"\xff\xfe\x00" + ADAPTER.encode(),
    "a cookie of no encoding": b"# -*- coding: klingon -*-\n" + ADAPTER.encode(),
    "null bytes": ADAPTER.encode() + b"\x00\x00",
    "Windows lines": ADAPTER.replace("\n", "\r\n").encode(),
    "old Python": b"print 'hello'\n" + ADAPTER.encode(),
    "newer Python": b"type Pair[T] = tuple[T, T]\n" + ADAPTER.encode(),
    "a notebook": json.dumps({"cells": [{"source": ["import dtlpy"]}]}).encode(),
    "deep nesting": ADAPTER.encode() + b"x = " + b"(" * 150 + b"1" + b")" * 150 + b"\n",
    "a long sum": ADAPTER.encode() + b"x = " + b"+".join([b"1"] * 3000) + b"\n",
    "a large file": ADAPTER.encode() + b"DATA = [\n" + b"    0,\n" * 160_000 + b"]\n",
    "a class that is its own base": b"class A(A):\n    pass\n",
    "a circle of classes": b"class A(B):\n    pass\n\n\nclass B(A):\n    pass\n",
    "a base made at run time": ADAPTER.replace("dl.BaseModelAdapter", "make()").encode(),
    "a star import of itself": b"from adapter import *\n" + ADAPTER.encode(),
    "two classes of one name": (ADAPTER + ADAPTER).encode(),
    "a class in a condition": b"import sys\nif sys.maxsize:\n    class A:\n        pass\nelse:\n    A = None\n",
    "a decorated class": ADAPTER.replace("class A", "@dl.Package.decorators.module(name='m')\nclass A").encode(),
    "a name that is no class": b"A = 3\n",
    "an import of the class": b"from elsewhere import A\n",
    "no such class": b"import dtlpy as dl\n",
}


def manifest(**module: object) -> str:
    entry = {"name": "m", "entryPoint": "adapter.py", "className": "A", "initInputs": [], "functions": [], **module}
    return json.dumps({"name": "odd", "components": {"modules": [entry], "models": [{"name": "x", "moduleName": "m"}]}})


def read(folder: Path) -> AdapterReport:
    (adapter,) = checking.run([str(folder / "dataloop.json")], {"static": True}).report.adapters
    assert {r.contract: r.reason for r in adapter.results if r.verdict == "error"} == {}
    return adapter


@pytest.mark.parametrize("name", ODD)
def test_odd_sources_are_read_or_said_to_be_unreadable(tmp_path: Path, name: str) -> None:
    (tmp_path / "adapter.py").write_bytes(ODD[name])
    (tmp_path / "dataloop.json").write_text(manifest())

    assert read(tmp_path).verdict in {"pass", "fail", "vacuous"}


def test_source_that_no_python_reads_fails_and_newer_source_does_not(tmp_path: Path) -> None:
    (tmp_path / "dataloop.json").write_text(manifest())
    (tmp_path / "adapter.py").write_bytes(ODD["old Python"])
    old = {r.contract: r for r in read(tmp_path).results}["SIG-002"]
    (tmp_path / "adapter.py").write_text(
        "except_ = 1\ntry:\n    pass\nexcept ValueError, TypeError:\n    pass\n" + ADAPTER
    )
    new = {r.contract: r for r in read(tmp_path).results}["SIG-002"]

    assert (old.verdict, old.findings[0].line) == ("fail", 1)
    assert new.verdict == ("pass" if sys.version_info >= (3, 14) else "vacuous")


ODD_MANIFESTS = (
    *("", "[]", "null", "3", '{"components": 4}', '{"components": {"modules": 1, "models": {}}}', "{" * 5000),
    '{"components": {"modules": [{"name": "m", "functions": 3, "initInputs": "x"}], "models": [3, null]}}',
    '{"components": {"modules": [{"name": [], "functions": [[]]}], "models": [{"name": {}, "artifacts": [1]}]}}',
    '{"components": {"modules": [{"name": "m", "functions": [{"name": "f", "input": [{"name": [], "type": {}}]}]}]}}',
)


@pytest.mark.parametrize("text", ODD_MANIFESTS)
def test_odd_manifests_become_findings(tmp_path: Path, text: str) -> None:
    (tmp_path / "dataloop.json").write_text(text)

    assert read(tmp_path).verdict == "fail"


def test_links_in_a_circle_and_files_that_cannot_be_read_cost_nothing(tmp_path: Path) -> None:
    (tmp_path / "adapter.py").write_text("from helpers import x\n" + ADAPTER)
    (tmp_path / "dataloop.json").write_text(manifest())
    (tmp_path / "loop").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "helpers.py").symlink_to(tmp_path / "helpers.py")

    assert read(tmp_path).verdict in {"pass", "fail"}


def test_nothing_is_imported_and_nothing_of_the_adapter_is_run(tmp_path: Path) -> None:
    (tmp_path / "adapter.py").write_text("import a_framework_nobody_has\nraise SystemExit(7)\n" + ADAPTER)
    (tmp_path / "dataloop.json").write_text(manifest())
    program = (
        "import sys\nfrom dl_harness.cli import _main\n"
        "code = _main(['check', '--static', sys.argv[1]])\n"
        "print(code, *(m for m in ('dtlpy', 'numpy', 'dl_mock', 'hypothesis') if m in sys.modules))"
    )

    ran = subprocess.run([sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True)

    assert ran.stdout.splitlines()[-1] == "0"


def of_file(path: Path, reader: Reader) -> SourceRead:
    """One file read as if its first class were an adapter."""
    try:
        tree = ast.parse(path.read_bytes())
        name = next((node.name for node in tree.body if isinstance(node, ast.ClassDef)), "Nothing")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        name = "Nothing"
    subject = Subject(name, str(path), entry_point=path.name, class_name=name)
    return reader.read(Target(subject, str(path.parent), source=str(path)))[1]


def installed(*packages: str) -> list[Path]:
    """The source files of installed packages."""
    folders = []
    for package in packages:
        spec = importlib.util.find_spec(package)
        assert spec is not None and spec.origin is not None
        folders.append(Path(spec.origin).parent)
    return sorted(file for folder in folders for file in folder.rglob("*.py"))


def test_a_sample_of_real_code_is_read_without_a_failure() -> None:
    reader = Reader()
    sample = installed("json", "msgspec", "click")[::4]

    assert {str(file): failed for file in sample if (failed := of_file(file, reader).failed)} == {}


@pytest.mark.slow
def test_hundreds_of_files_are_read_without_a_failure() -> None:
    library = Path(sysconfig.get_paths()["stdlib"])
    files = [f for f in sorted(library.rglob("*.py")) if "site-packages" not in f.parts][::5]
    files += installed("dtlpy", "pytest", "hypothesis", "aiohttp", "numpy")[::7]

    reader = Reader()
    assert len(files) > 400
    assert {str(file): failed for file in files if (failed := of_file(file, reader).failed)} == {}
