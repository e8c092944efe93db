"""Source is read in several threads at once while other code parses too."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

import pytest

from dl_harness.syntax import RETRIES, parse


def mismatched(times: int) -> Callable[..., ast.Module]:
    """`ast.parse` as it is for a thread that other threads disturb so many times (CPython issue 106905)."""
    real, failures = ast.parse, iter(range(times))

    def disturbed(*args: Any, **kwargs: Any) -> Any:
        if next(failures, None) is not None:
            raise SystemError("AST constructor recursion depth mismatch (before=36, after=122)")
        return real(*args, **kwargs)

    return disturbed


def test_a_race_inside_the_interpreter_is_waited_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ast, "parse", mismatched(RETRIES))

    assert ast.unparse(parse(b"a = 1")) == "a = 1"


def test_what_does_not_pass_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ast, "parse", mismatched(RETRIES + 1))

    with pytest.raises(SystemError, match="recursion depth"):
        parse(b"a = 1")


def test_a_fault_of_the_source_is_told() -> None:
    with pytest.raises(SyntaxError):
        parse("def (")
