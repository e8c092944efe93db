"""Dependencies point one way, and what is loaded in every pytest session stays cheap."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import dl_fixtures
import dl_harness
import dl_mock

HEAVY = ("dtlpy", "hypothesis", "numpy", "aiohttp", "PIL", "pandas", "responses", "jinja2", "dl_mock")
STDLIB = frozenset(sys.stdlib_module_names)

PLAIN = {"msgspec", "evidence"}
ALLOWED: dict[str, set[str]] = {
    # who may import what: modules of dl_harness by name, other packages by theirs
    "evidence": {"msgspec"},
    "contract": {"evidence", "packaging"},
    "plugins": {"contract", "hookspecs", "pluggy"},
    "hookspecs": {"contract", "evidence", "plan", "pluggy"},
    "catalogue": {"contract", "contracts", "plugins", "spec"},
    "likeness": {"evidence", "msgspec"},
    "examples": {"evidence", "msgspec", "spec"},
    "contracts": {"contract", "contracts", "evidence", "likeness"},
    "results": {"contract", "evidence", "msgspec"},
    "syntax": set(),
    "workspace": {"evidence"},
    "static": {"evidence", "msgspec", "pyflakes", "spec", "static", "syntax", "workspace"},
    "spec": {"evidence", "msgspec"},
    "manifest": {"evidence", "msgspec"},
    "target": {"msgspec", "evidence", "manifest", "spec", "syntax", "workspace"},
    "ground_truth": {"PIL"},
    "scene": {"dl_fixtures", "dl_mock", "evidence", "ground_truth"},
    "training_scenes": set(),
    "odd_items": {"dl_fixtures"},
    "remains": set(),
    "plan": {"evidence", "training_scenes"},
    "flows": {
        "dl_mock",
        "dtlpy",
        "evidence",
        "flows",
        "hypothesis",
        "likeness",
        "msgspec",
        "numpy",
        "PIL",
        "requests",
        "scene",
        "spec",
        "syntax",
        "target",
        "workspace",
        "odd_items",
        "plan",
    },
    "child": {
        "dl_fixtures",
        "dl_mock",
        "evidence",
        "flows",
        "msgspec",
        "plan",
        "plugins",
        "scene",
        "spec",
        "target",
        "training_scenes",
        "odd_items",
        "workspace",
    },
    "run": {"contract", "evidence", "msgspec", "remains", "spec", "workspace"},
    "reports": {"PIL", "click", "contract", "evidence", "jinja2", "msgspec", "reports", "results"},
    "checking": {
        *{
            "catalogue",
            "contract",
            "dl_mock",
            "examples",
            "evidence",
            "manifest",
            "msgspec",
            "plugins",
            "results",
            "run",
            "scene",
            "spec",
            "static",
            "target",
        },
        *{"tomli", "tomllib"},
    },
    "bench": {
        *{
            "bench",
            "cases",
            "checking",
            "contracts",
            "dl_mock",
            "evidence",
            "flows",
            "reports",
            "run",
            "scene",
            "spec",
            "target",
        },
        *{"workspace", "PIL", "click", "jinja2", "msgspec", "numpy", "pytest"},
    },
    "cases": {"checking", "contract", "pytest", "reports", "results", "spec"},
    "plugin": {"bench", "cases", "checking", "contract", "pytest", "reports", "spec"},
    "cli": {"bench", "catalogue", "checking", "click", "contract", "reports", "spec"},
    "__init__": {"cases", "checking", "results", "spec"},
}


def imports(file: Path) -> set[str]:
    """What a module imports at any depth: `dl_harness` modules by their first part, other packages by theirs."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_bytes())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [
                f"{node.module}.{alias.name}" if node.module == "dl_harness" else node.module for alias in node.names
            ]
        else:
            continue
        for name in names:
            parts = name.split(".")
            found.add(parts[1] if parts[0] == "dl_harness" and len(parts) > 1 else parts[0])
    return found - STDLIB - {"__future__"}


def modules(package: object) -> list[Path]:
    """The source files of a package."""
    return sorted(Path(str(package.__file__)).parent.rglob("*.py"))  # type: ignore[attr-defined]


@pytest.mark.parametrize("file", modules(dl_harness), ids=lambda p: "/".join(p.parts[-2:]))
def test_the_harness_imports_only_what_its_layer_may(file: Path) -> None:
    part = file.relative_to(Path(str(dl_harness.__file__)).parent).parts[0].removesuffix(".py")

    assert imports(file) <= ALLOWED[part]


@pytest.mark.parametrize("file", modules(dl_mock), ids=lambda p: "/".join(p.parts[-2:]))
def test_the_mock_platform_knows_nothing_of_the_harness_or_the_sdk(file: Path) -> None:
    allowed = {"dl_mock", "PIL", "jwt", "msgspec", "requests_toolbelt", "sortedcontainers"}
    allowed |= {
        "connection": {"dtlpy"},
        "adapters": {"dtlpy"},
        "adapter_child": {"dtlpy"},
        "intercept": {"responses", "requests", "urllib3"},
        "recordings": {"cv2"},
        "pages": {"jinja2"},
    }.get(file.stem, set())
    allowed |= {"click"} if file.stem == "cli" else set()

    assert imports(file) <= allowed


def test_fixtures_depend_on_nothing() -> None:
    assert {name for file in modules(dl_fixtures) for name in imports(file)} == set()


@pytest.mark.parametrize("module", ["dl_harness", "dl_harness.plugin", "dl_harness.cli", "dl_mock", "dl_mock.cli"])
def test_loading_stays_cheap(module: str) -> None:
    program = f"import sys, {module}; print(*(m for m in {HEAVY!r} if m in sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()

    assert [name for name in loaded if not module.startswith(name)] == []
