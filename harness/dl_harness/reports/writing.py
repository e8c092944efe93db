"""Put a report on disk: whole, or not at all."""

from __future__ import annotations

import errno
import os
import secrets
from pathlib import Path

_ADVICE = {
    errno.EACCES: "choose a folder that you may write to",
    errno.EPERM: "choose a folder that you may write to",
    errno.EROFS: "choose a folder that you may write to",
    errno.ENOSPC: "free some space, or choose a folder on another disk",
    errno.EDQUOT: "free some space, or choose a folder on another disk",
    errno.EISDIR: "name a file, not a folder",
    errno.ENOTDIR: "a part of this path is a file; choose a path below a folder",
    errno.EEXIST: "a part of this path is a file; choose a path below a folder",
    errno.ENAMETOOLONG: "choose a shorter name",
}


class ReportError(Exception):
    """A report could not be written; the message says which and what to do."""


def write_atomically(path: str | os.PathLike[str], data: bytes) -> None:
    """Write a file so that a reader sees either what was there or all of the new; makes the folders above.

    Raises ReportError when the file cannot be written.
    """
    target = Path(path)
    try:
        if target.is_symlink() or (target.exists() and not target.is_file()):
            target.write_bytes(data)  # /dev/stdout, a pipe or a link must not be replaced by a file
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            _replace(target, data)
    except OSError as error:
        advice = _ADVICE.get(error.errno or 0, "choose another path")
        raise ReportError(f"cannot write {target}: {error.strerror or error}; {advice}") from error


def _replace(target: Path, data: bytes) -> None:
    # Not tempfile: only their owner can read its files, and a CI system often collects them as another user.
    draft = target.with_name(f".{secrets.token_hex(8)}.part")
    try:
        draft.write_bytes(data)
        os.replace(draft, target)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
