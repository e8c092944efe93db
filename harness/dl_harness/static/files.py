"""Source files as they are found: any encoding, any syntax, any size, and what could not be read of them."""

from __future__ import annotations

import ast
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from dl_harness.evidence import Place
from dl_harness.syntax import parse
from dl_harness.workspace import LEFT_OUT

LARGEST_SOURCE = 1_000_000
"""Bytes; a larger file is data or generated code."""

MOST_FOLDERS = 5_000

NEWER_SYNTAX = (
    ((3, 12), re.compile(r"^\s*type\s+\w+.*=|^\s*(?:async\s+)?(?:def|class)\s+\w+\s*\[|\b[rR]?[fF][rR]?(?:\"|')")),
    ((3, 11), re.compile(r"^\s*except\s*\*|\[\s*\*")),
    ((3, 14), re.compile(r"^\s*except\s+[\w.]+\s*,\s*[\w.]+(?:\s*,\s*[\w.]+)*\s*:|\b[rR]?t[rR]?(?:\"|')")),
    ((3, 15), re.compile(r"^\s*lazy\s+(?:import|from)\b")),
)
"""Lines that only a Python from this version on can read."""


@dataclass(frozen=True)
class SourceFile:
    """One file: its text, and its syntax tree or the reason why there is none."""

    path: Path
    text: str = ""
    tree: ast.Module | None = None
    problem: str | None = None
    line: int | None = None
    newer: bool = False  # the problem is syntax of a Python newer than the one that runs

    def place(self, node: ast.AST | None = None) -> Place:
        """Where a node stands; without one, the line of the problem."""
        return Place(str(self.path), getattr(node, "lineno", None) or self.line or 1)

    @cached_property
    def lines(self) -> list[str]:
        """The lines of the text."""
        return self.text.splitlines()

    @cached_property
    def nodes(self) -> list[ast.AST]:
        """Every node of the tree."""
        return [] if self.tree is None else list(ast.walk(self.tree))

    @cached_property
    def parents(self) -> dict[ast.AST, ast.AST]:
        """The node that holds a node."""
        return {child: node for node in self.nodes for child in ast.iter_child_nodes(node)}

    @cached_property
    def changes_path(self) -> bool:
        """Whether the file touches sys.path."""
        return any(
            isinstance(n, ast.Attribute) and n.attr == "path" and isinstance(n.value, ast.Name) and n.value.id == "sys"
            for n in self.nodes
        )

    def above(self, node: ast.AST) -> Iterator[ast.AST]:
        """The nodes that hold a node, from the inside out."""
        parents = self.parents
        while node in parents:
            node = parents[node]
            yield node


def read_source(path: Path) -> SourceFile:
    """Read and parse a file; whatever is wrong with it becomes its `problem`."""
    try:
        if path.stat().st_size > LARGEST_SOURCE:
            return SourceFile(path, problem=f"more than {LARGEST_SOURCE:,} bytes, which are not read")
        source = path.read_bytes()
    except OSError as error:
        return SourceFile(path, problem=error.strerror or type(error).__name__)
    text = source.decode("utf-8-sig", errors="replace")
    try:
        return SourceFile(path, text, parse(source, str(path)))
    except (SyntaxError, ValueError) as error:
        line = error.lineno if isinstance(error, SyntaxError) else None
        message = error.msg if isinstance(error, SyntaxError) else str(error)
        newer = _newer(text.splitlines()[line - 1 : line] if line else [])
        return SourceFile(path, text, problem=message, line=line, newer=newer)
    except (RecursionError, MemoryError):
        return SourceFile(path, text, problem="nested too deeply to be read", newer=True)


def _newer(lines: list[str]) -> bool:
    return any(
        sys.version_info < version and pattern.search(line) for line in lines for version, pattern in NEWER_SYNTAX
    )


def python_files(root: Path, most: int = 20_000) -> Iterator[Path]:
    """The Python files below a folder, without environments, caches and links to folders."""
    found = 0
    for index, (parent, folders, names) in enumerate(os.walk(root)):
        folders[:] = sorted(f for f in folders if f not in LEFT_OUT and not (Path(parent, f) / "pyvenv.cfg").exists())
        for name in sorted(names):
            if name.endswith(".py"):
                found += 1
                yield Path(parent, name)
        if index > MOST_FOLDERS or found > most:
            return
