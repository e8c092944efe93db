"""A place to run an adapter in: a copy of its application root, with a home and a temporary folder beside it.

Adapters write next to their sources, into the working directory and into `~/.dataloop`. Here all of that is thrown
away afterwards, and every path can be told apart from the user's own files.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from dl_harness.evidence import FileChange

LEFT_OUT = frozenset(
    {".git", ".hg", ".svn", ".venv", "venv", "env", "node_modules", "__pycache__", ".tox", ".nox", ".mypy_cache"}
    | {".ruff_cache", ".pytest_cache", ".hypothesis", ".idea", ".vscode", ".dataloop"}
)
LARGEST_COPY = 1 << 20  # larger files are linked: weights are read, not written
MOST_FILES = 50_000

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

    def named(self, path: str | os.PathLike[str]) -> str:
        """A path by the folder of the workspace that holds it: `working directory/x`, `home/x`, `tmp/x`."""
        absolute = Path(self.app, path)
        for root, folder in (("working directory", self.app), ("home", self.home), ("tmp", self.tmp)):
            if absolute.is_relative_to(folder):
                return f"{root}/{absolute.relative_to(folder)}"
        return str(absolute)


def prepare(directory: Path, source: Path) -> Workspace:
    """Copy the application root (large files are linked) and make the other folders.

    Raises OSError when the disk is full or the source cannot be read.
    """
    workspace = Workspace(directory, source)
    for folder in (workspace.app, workspace.dataloop, workspace.tmp):
        folder.mkdir(parents=True, exist_ok=True)
    count = 0
    for parent, folders, files in os.walk(source):
        folders[:] = [f for f in folders if f not in LEFT_OUT and not _is_environment(Path(parent, f))]
        target = workspace.app / Path(parent).relative_to(source)
        target.mkdir(exist_ok=True)
        for name in files:
            count += 1
            if count > MOST_FILES:
                raise OSError(
                    f"{source} holds more than {MOST_FILES} files; name the folder that holds the adapter's manifest"
                )
            _place(Path(parent, name), target / name)
    return workspace


def _is_environment(folder: Path) -> bool:
    return (folder / "pyvenv.cfg").exists()


def _place(file: Path, target: Path) -> None:
    if not file.is_file():
        return
    if file.stat().st_size > LARGEST_COPY:
        target.symlink_to(file.resolve())
    else:
        shutil.copy2(file, target)


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
