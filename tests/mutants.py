"""Mutation testing of the contracts: `python -m tests.mutants --evidence DIR`.

`python -m tests.kill_matrix --evidence DIR` has recorded what every adapter of the tests did, once. Each mutant, one
small change in a module of contracts, then judges these records again: no adapter is run. A mutant is killed when any
verdict, count or sentence of any record differs, or when it cannot be loaded; beside the records there are those of
`hand_written.py`, for what no adapter of the tests does. `--reference` does the same for the reference flows, with
their tests instead of records, which takes much longer.

Mutants that survive need a reason in `survivors.json`: the same results for every record that there can be, or a
question of taste. `--survivors FILE` writes those that have none yet. Exit status 1: there are some.
"""

from __future__ import annotations

import argparse
import ast
import gc
import hashlib
import importlib
import importlib.abc
import importlib.machinery
import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TESTS = Path(__file__).resolve().parent
ROOT = TESTS.parent
sys.path.insert(0, str(TESTS))

import msgspec

from dl_harness.contract import CONTRACTS
from dl_harness.evidence import Evidence
from dl_harness.results import judge

HARNESS = ROOT / "harness" / "dl_harness"
SURVIVORS = TESTS / "survivors.json"
LIMIT_S = 60
COMPARED = {
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
}  # fmt: skip


@dataclass(frozen=True)
class Mutant:
    """One change in one module; `id` stays the same as long as the code around it does."""

    module: str
    function: str
    line: int
    before: str
    after: str
    start: int
    end: int
    occurrence: int = 0

    @property
    def id(self) -> str:
        about = (self.module, self.function, self.before, self.after, str(self.occurrence))
        return hashlib.sha1("\0".join(about).encode()).hexdigest()[:12]

    def source(self, text: bytes) -> bytes:
        """The module with the change made."""
        return text[: self.start] + self.after.encode() + text[self.end :]


def mutants(module: str) -> Iterator[Mutant]:
    """Every change of a module (`contracts.output`) that is tried."""
    text = path_of(module).read_bytes()
    seen: dict[tuple[str, str, str], int] = {}
    for found in _Changes(module, text).found:
        key = (found.function, found.before, found.after)
        seen[key] = seen.get(key, -1) + 1
        yield Mutant(**{**found.__dict__, "occurrence": seen[key]})


def path_of(module: str) -> Path:
    """The file of a module of the harness."""
    path = HARNESS.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


class _Changes(ast.NodeVisitor):
    """Walks a module and notes what could be changed: conditions, comparisons, numbers, words, findings."""

    def __init__(self, module: str, text: bytes) -> None:
        self.found: list[Mutant] = []
        self._module = module
        self._text = text
        self._starts = [0]
        for line in text.splitlines(keepends=True):
            self._starts.append(self._starts[-1] + len(line))
        self._within: list[str] = []
        self.visit(ast.parse(text))

    def _change(self, node: ast.AST, after: str | ast.AST) -> None:
        assert isinstance(node, (ast.expr, ast.stmt))
        start = self._starts[node.lineno - 1] + node.col_offset
        end = self._starts[(node.end_lineno or node.lineno) - 1] + (node.end_col_offset or 0)
        before = self._text[start:end].decode()
        after = after if isinstance(after, str) else ast.unparse(after)
        if isinstance(node, ast.expr):
            after = f"({after})"
        function = ".".join(self._within)
        self.found.append(Mutant(self._module, function, node.lineno, before, after, start, end))

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._within.append(node.name)
        for part in node.body[1 if ast.get_docstring(node) else 0 :]:
            self.visit(part)
        self._within.pop()

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self._within.append(node.name)
        self.generic_visit(node)
        self._within.pop()

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        """Texts are compared as a whole; what stands in them has no place of its own on older Pythons."""

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self.visit(node.value)

    def visit_Compare(self, node: ast.Compare) -> None:
        if len(node.ops) == 1:
            changed = COMPARED[type(node.ops[0])]()
            self._change(node, ast.Compare(node.left, [changed], node.comparators))
        for side in (node.left, *node.comparators):
            if isinstance(side, ast.Constant) and isinstance(side.value, str):
                self._change(side, repr(f"{side.value}?"))
        self.generic_visit(node)

    def visit_Set(self, node: ast.Set) -> None:
        for place, element in enumerate(node.elts):
            if isinstance(element, ast.Constant) and len(node.elts) > 1:
                self._change(node, ast.Set([e for i, e in enumerate(node.elts) if i != place]))
        self.generic_visit(node)

    def visit_BoolOp(self, node: ast.BoolOp) -> None:
        other = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        self._change(node, ast.BoolOp(other, node.values))
        self.generic_visit(node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> None:
        if isinstance(node.op, ast.Not):
            self._change(node, node.operand)
        self.generic_visit(node)

    def visit_BinOp(self, node: ast.BinOp) -> None:
        swapped = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult}.get(type(node.op))
        if swapped is not None and not _textual(node):
            self._change(node, ast.BinOp(node.left, swapped(), node.right))
        self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, (int, float)) and not isinstance(node.value, bool):
            self._change(node, repr(node.value + 1))

    def visit_If(self, node: ast.If) -> None:
        self._condition(node.test)
        self.generic_visit(node)

    def visit_IfExp(self, node: ast.IfExp) -> None:
        self._condition(node.test)
        self.generic_visit(node)

    def visit_comprehension(self, node: ast.comprehension) -> None:
        for test in node.ifs:
            self._condition(test)
        self.generic_visit(node)

    def _condition(self, test: ast.expr) -> None:
        if not isinstance(test, (ast.Compare, ast.UnaryOp)):
            self._change(test, "True")
            self._change(test, "False")

    def visit_Continue(self, node: ast.Continue) -> None:
        self._change(node, "pass")

    def visit_Expr(self, node: ast.Expr) -> None:
        if isinstance(node.value, (ast.Yield, ast.YieldFrom)):
            self._change(node, "pass")
        self.generic_visit(node)

    def visit_Return(self, node: ast.Return) -> None:
        if node.value is not None and not (isinstance(node.value, ast.Constant) and node.value.value is None):
            self._change(node, "return None")
        self.generic_visit(node)


def _textual(node: ast.BinOp) -> bool:
    sides = (node.left, node.right)
    return any(
        isinstance(s, ast.JoinedStr)
        or (isinstance(s, ast.Constant) and isinstance(s.value, str))
        or (isinstance(s, ast.BinOp) and _textual(s))
        for s in sides
    )


# -- what a mutant is judged by ---------------------------------------------------------------------


class Records:
    """Evidence, and what the contracts say of it when nothing is changed."""

    def __init__(self, folder: Path) -> None:
        from hand_written import EVIDENCE

        files = sorted(folder.glob("*.json"))
        self.evidence = [(file.stem, msgspec.json.decode(file.read_bytes(), type=Evidence)) for file in files]
        self.evidence += list(EVIDENCE.items())
        import dl_harness.contracts  # noqa: F401 - declares the catalogue

        self.said = {name: self._say(evidence, list(CONTRACTS)) for name, evidence in self.evidence}
        self.modules = {id_: c.judge.__module__.removeprefix("dl_harness.") for id_, c in CONTRACTS.items()}

    @staticmethod
    def _say(evidence: Evidence, ids: list[str]) -> dict[str, Any]:
        results = judge(evidence, [CONTRACTS[id_] for id_ in ids])
        return {r.contract: (r.verdict, r.findings, r.evidence, r.reason) for r in results}

    def kills(self, mutant: Mutant) -> bool:
        """Whether anything is said otherwise; called in a process of its own."""
        load(mutant)
        ids = list(CONTRACTS)
        own = [id_ for id_ in ids if self.modules.get(id_) == mutant.module] or ids
        for name, evidence in sorted(
            self.evidence, key=lambda one: self.modules.get(one[0].split()[0]) != mutant.module
        ):
            said = self._say(evidence, own)
            if any(said[id_] != self.said[name].get(id_) for id_ in own):
                return True
        return False


class Tests:
    """The tests of the reference flows, run in a process that has loaded the SDK."""

    FILES = ("tests/flows/test_reference.py", "tests/flows/test_reference_equals_sdk.py")

    def __init__(self) -> None:
        import dtlpy  # noqa: F401
        import pytest  # noqa: F401

    def kills(self, mutant: Mutant) -> bool:
        """Whether a test fails; called in a process of its own."""
        import pytest

        load(mutant)
        sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: SIM115 - open for the life of the process
        os.dup2(sys.stdout.fileno(), 1)
        os.dup2(sys.stdout.fileno(), 2)
        return pytest.main(["-q", "-x", "-p", "no:cacheprovider", *(str(ROOT / f) for f in self.FILES)]) != 0


class _Changed(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Loads one module from changed source."""

    def __init__(self, mutant: Mutant) -> None:
        self._name = f"dl_harness.{mutant.module}"
        self._path = path_of(mutant.module)
        self._source = mutant.source(self._path.read_bytes())

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> importlib.machinery.ModuleSpec | None:
        if fullname != self._name:
            return None
        package = self._path.name == "__init__.py"
        spec = importlib.machinery.ModuleSpec(fullname, self, origin=str(self._path), is_package=package)
        spec.has_location = True
        if package:
            spec.submodule_search_locations = [str(self._path.parent)]
        return spec

    def exec_module(self, module: Any) -> None:
        exec(compile(self._source, str(self._path), "exec"), module.__dict__)


def load(mutant: Mutant) -> None:
    """Import the contracts, or the reference flows, anew with the change made."""
    again = ("dl_harness.contracts", "dl_harness.likeness", "dl_harness.flows.reference")
    for name in [name for name in sys.modules if name.startswith(again)]:
        del sys.modules[name]
    CONTRACTS.clear()
    sys.meta_path.insert(0, _Changed(mutant))
    importlib.import_module("dl_harness.contracts")


def survives(oracle: Records | Tests, mutant: Mutant) -> bool:
    """Whether nothing notices the change. A mutant that does not come to an end is killed."""
    pid = os.fork()
    if pid == 0:
        signal.alarm(LIMIT_S)
        gc.disable()
        code = 1
        try:
            code = 1 if oracle.kills(mutant) else 0
        finally:
            os._exit(code)  # also for a mutant that cannot be loaded, or raises
    _, status = os.waitpid(pid, 0)
    return status == 0


def modules_of(reference: bool) -> list[str]:
    """The modules that are mutated."""
    folder = HARNESS / "flows" / "reference" if reference else HARNESS / "contracts"
    package = "flows.reference" if reference else "contracts"
    found = [f"{package}.{file.stem}" for file in sorted(folder.glob("*.py")) if file.stem != "__init__"]
    return [*found, package] if reference else found


def known() -> dict[str, dict[str, str]]:
    """The survivors that have a reason, by id."""
    return {entry["id"]: entry for entry in json.loads(SURVIVORS.read_text("utf-8"))}


def main() -> int:
    """Try all mutants, and say which survive without a reason."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--evidence", type=Path, metavar="DIR", help="what the kill matrix has recorded")
    parser.add_argument("--reference", action="store_true", help="the reference flows instead of the contracts")
    parser.add_argument("--modules", metavar="NAMES", help="some modules only, such as contracts.output")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="try each N-th mutant only")
    parser.add_argument("--survivors", type=Path, metavar="FILE", help="write the survivors without a reason")
    given = parser.parse_args()
    if not given.reference and given.evidence is None:
        parser.error("--evidence is needed; python -m tests.kill_matrix --evidence DIR records it")
    os.environ.setdefault("CI", "1")
    oracle: Records | Tests = Tests() if given.reference else Records(given.evidence)
    modules = given.modules.split(",") if given.modules else modules_of(given.reference)
    all_ = [mutant for module in modules for mutant in mutants(module)][:: given.every]
    started = time.monotonic()
    gc.freeze()  # pages that are not looked at stay shared
    with ThreadPoolExecutor(2) as pool:
        alive = [m for m, lives in zip(all_, pool.map(lambda m: survives(oracle, m), all_), strict=True) if lives]
    reasons = known()
    rest = [mutant for mutant in alive if mutant.id not in reasons]
    for mutant in rest:
        print(f"{mutant.id} {mutant.module}:{mutant.line} {mutant.function}: {mutant.before!r} -> {mutant.after!r}")
    if given.survivors:
        entries = [
            {"id": m.id, "module": m.module, "function": m.function, "before": m.before, "after": m.after, "reason": ""}
            for m in rest
        ]
        given.survivors.write_text(json.dumps(entries, indent=1), "utf-8")
    rate = len(all_) / max(time.monotonic() - started, 1e-9) * 60
    print(
        f"{len(all_)} mutants, {len(all_) - len(alive)} killed, {len(alive) - len(rest)} survive with a reason,"
        f" {len(rest)} without one ({rate:.0f} a minute)"
    )
    return 1 if rest else 0


if __name__ == "__main__":
    sys.exit(main())
