"""A git revision of an adapter's repository, in a folder of its own; the repository itself is only read."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from dl_harness.spec import Target, UsageError
from dl_harness.target import resolve

GIT_LIMIT_S = 120
LFS_POINTER = b"version https://git-lfs.github.com/spec/"


def repository_of(target: Target) -> Path | None:
    """The root of the git repository that holds an adapter, or None."""
    folder = Path(target.source).parent if target.source else Path(target.root)
    found = _git(folder, "rev-parse", "--show-toplevel")
    return Path(found.stdout.strip()) if found is not None and found.returncode == 0 else None


def commit_of(target: Target, revision: str) -> str | None:
    """The commit that a revision names in the adapter's repository, or None."""
    top = repository_of(target)
    if top is None or revision.startswith("-") or not revision:
        return None
    found = _git(top, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    return found.stdout.strip() if found is not None and found.returncode == 0 else None


@contextmanager
def checked_out(name: str, target: Target, revision: str, commit: str) -> Iterator[Target]:
    """The same adapter as it was in a commit: `name` is how the target was given.

    Files are written out through an index of our own, so neither the user's files nor their index, their stash or the
    list of worktrees changes. Raises UsageError when the commit cannot be written out or holds no such adapter.
    """
    top = repository_of(target)
    assert top is not None
    directory = Path(tempfile.mkdtemp(prefix="dl-harness-"))
    try:
        tree = directory / "tree"
        index = {"GIT_INDEX_FILE": str(directory / "index")}
        for arguments in (("read-tree", commit), ("checkout-index", "--all", "--force", f"--prefix={tree}{os.sep}")):
            done = _git(top, *arguments, **index)
            if done is None or done.returncode != 0:
                said = done.stderr.strip().splitlines()[-1:] if done is not None else ["git did not come back"]
                raise UsageError(f"--against {revision}: git cannot write out {commit[:12]}: {''.join(said)}.")
        tree.mkdir(exist_ok=True)
        yield _same_adapter(name, target, top.resolve(), tree.resolve(), revision)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _same_adapter(name: str, target: Target, top: Path, tree: Path, revision: str) -> Target:
    path, colon, class_name = name.rpartition(":")
    given = Path(name) if Path(name).exists() else Path(path) if colon and Path(path).exists() else None
    root = tree / Path(target.root).resolve().relative_to(top)
    if given is None:  # a module
        source = tree / Path(target.source or "").resolve().relative_to(top)
        if not source.is_file():
            raise UsageError(f"--against {revision}: {name} is not in that revision.")
        return msgspec.structs.replace(target, root=str(root), source=str(source))
    there = tree / given.resolve().relative_to(top)
    if not there.exists():
        raise UsageError(f"--against {revision}: {given} is not in that revision.")
    try:
        found = resolve(f"{there}:{class_name}" if Path(name) != given else str(there))
    except UsageError as error:
        raise UsageError(f"--against {revision}: {str(error).replace(str(tree), revision)}") from error
    return next((one for one in found if one.subject.name == target.subject.name), found[0])


def pointers(target: Target) -> list[str]:
    """Files of Git LFS whose content is not there: the harness fetches nothing."""
    found = []
    for parent, folders, names in os.walk(target.root):
        folders[:] = [folder for folder in folders if folder != ".git"]
        for name in names:
            file = Path(parent, name)
            if file.is_file() and file.stat().st_size < 1024 and file.read_bytes().startswith(LFS_POINTER):
                found.append(str(file.relative_to(target.root)))
    return found


def _git(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str] | None:
    """Run git without locks, prompts, hooks and downloads; None when there is no git."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    quiet = {"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "GIT_LFS_SKIP_SMUDGE": "1", **variables}
    try:
        return subprocess.run(
            ["git", "-C", str(folder), *arguments],
            capture_output=True,
            text=True,
            errors="replace",
            env={**kept, **quiet},
            timeout=GIT_LIMIT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
