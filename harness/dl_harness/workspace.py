"""A place to run an adapter in: a copy of its application root, with a home and a temporary folder beside it.

Adapters write next to their sources, into the working directory and into `~/.dataloop`. Here all of that is thrown
away afterwards, and every path can be told apart from the user's own files.
"""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from dl_harness.evidence import FileChange

LEFT_OUT = frozenset(
    {".git", ".hg", ".svn", ".venv", "node_modules", "__pycache__", ".tox", ".nox", ".mypy_cache"}
    | {".ruff_cache", ".pytest_cache", ".hypothesis", ".idea", ".vscode", ".dataloop"}
)
LARGEST_COPY = 1 << 26  # bytes; larger files are linked, and the guard refuses to write through the link
MOST_COPIED = 1 << 30
MOST_FILES = 20_000

Listing = dict[str, tuple[int, int]]


@dataclass(frozen=True)
class Workspace:
    """The folders of one run, and the application root they stand for."""

    directory: Path
    source: Path

    @property
    def app(self) -> Path:
        """The copy of the application root; the working directory of the adapter."""
        return self.directory / "app"

    @property
    def home(self) -> Path:
        """HOME; `DATALOOP_PATH` is `.dataloop` in it, as on a user's machine."""
        return self.directory / "home"

    @property
    def dataloop(self) -> Path:
        """DATALOOP_PATH."""
        return self.home / ".dataloop"

    @property
    def tmp(self) -> Path:
        """TMPDIR."""
        return self.directory / "tmp"

    @property
    def handoff(self) -> Path:
        """Artifacts that one stage leaves for the next, and for a fresh process."""
        return self.directory / "handoff"

    @property
    def items(self) -> Path:
        """The bytes of the items, by id, for reports."""
        return self.directory / "items"

    def original(self, path: str) -> str:
        """The user's own path for a path in the copy."""
        try:
            return str(self.source / Path(path).relative_to(self.app))
        except ValueError:
            return path

    def as_seen(self, text: str) -> str:
        """A text with the user's own paths for those in the copy, and short names for the other folders."""
        return text.replace(str(self.app), str(self.source)).replace(f"{self.directory}{os.sep}", "")

    def named(self, path: str | os.PathLike[str]) -> str:
        """A path by the folder of the workspace that holds it: `working directory/x`, `home/x`, `tmp/x`."""
        absolute = Path(self.app, path)
        if absolute == self.directory:
            return "working directory/.."
        for root, folder in (("working directory", self.app), ("home", self.home), ("tmp", self.tmp)):
            if absolute.is_relative_to(folder):
                return f"{root}/{absolute.relative_to(folder)}"
        return str(absolute)

    def real(self, named: str | None) -> str | None:
        """The path that `named` has given a name; None for None."""
        if named is None:
            return None
        for root, folder in (("working directory", self.app), ("home", self.home), ("tmp", self.tmp)):
            if named == root or named.startswith(f"{root}/"):
                return str(folder / named[len(root) :].lstrip("/"))
        return named


def prepare(directory: Path, source: Path, part: str | None = None) -> Workspace:
    """Copy the application root, or one entry of it (large files are linked), and make the other folders.

    A folder that holds too much to be an adapter's repository (a home, a temporary folder) is linked entry by entry.
    Raises OSError when the disk is full or the source cannot be read.
    """
    workspace = Workspace(directory, source)
    for folder in (workspace.app, workspace.dataloop, workspace.tmp):
        folder.mkdir(parents=True, exist_ok=True)
    files = list(itertools.islice(_files(source / (part or ""), directory), MOST_FILES + 1))
    if len(files) > MOST_FILES:
        for entry in source.iterdir():
            if entry.name not in LEFT_OUT and entry.resolve() != directory.resolve():
                (workspace.app / entry.name).symlink_to(entry.resolve())
        return workspace
    copied = 0
    for file in files:
        with suppress(FileNotFoundError):  # gone since it was listed: an editor's file, another check's workspace
            copied += _bring(file, workspace.app / file.relative_to(source), MOST_COPIED - copied)
    return workspace


def _bring(file: Path, target: Path, most: int) -> int:
    """Copy a file, or link it when it is large; returns the bytes that were copied."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if file.is_dir():  # a link to a folder
        target.symlink_to(file.resolve())
        return 0
    size = file.stat().st_size
    if size > min(LARGEST_COPY, most):
        target.symlink_to(file.resolve())
        return 0
    shutil.copy2(file, target)
    return size


def _files(source: Path, left_out: Path) -> Iterator[Path]:
    """The files below a folder that may matter to the adapter; of a file, itself."""
    if source.is_file():
        yield source
    for parent, folders, names in os.walk(source):
        folders[:] = [
            f
            for f in folders
            if f not in LEFT_OUT and not _is_environment(Path(parent, f)) and Path(parent, f) != left_out
        ]
        yield from (file for name in names if (file := Path(parent, name)).is_file())
        yield from (link for name in folders if (link := Path(parent, name)).is_symlink())


def _is_environment(folder: Path) -> bool:
    return (folder / "pyvenv.cfg").exists()


def listing(workspace: Workspace) -> Listing:
    """Every file that the adapter can reach by a relative path, HOME or TMPDIR, with its size and time of change."""
    found: Listing = {}
    for directory in (workspace.app, workspace.home, workspace.tmp):
        for parent, folders, files in os.walk(directory):
            folders[:] = [f for f in folders if f != "__pycache__"]
            for name in files:
                path = os.path.join(parent, name)
                try:
                    status = os.stat(path)
                except OSError:  # gone since it was listed
                    continue
                found[path] = (status.st_size, status.st_mtime_ns)
    return found


def changes(workspace: Workspace, before: Listing, after: Listing) -> tuple[FileChange, ...]:
    """What is new, changed or gone between two listings."""
    made = [(path, "created") for path in after if path not in before]
    made += [(path, "changed") for path, state in after.items() if path in before and before[path] != state]
    made += [(path, "deleted") for path in before if path not in after]
    return tuple(FileChange(workspace.named(path), what) for path, what in sorted(made))
