"""A state kept in a file: SQLite, written in one transaction per request before that is answered.

What was acknowledged survives the end of the process at any moment: SQLite writes ahead to a log beside the file and
repairs itself on opening. A power cut may cost the last requests, but never leaves half of one.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from dl_mock.reading import read_json, write_json

APPLICATION = 0x444C4D4B  # "DLMK": marks a file as ours
FORMAT = 1
_MAGIC = b"SQLite format 3\x00"
_CHECKPOINT = 8192  # pages of the log after which it is moved to the file; each time waits for the disk
_SCHEMA = """
    CREATE TABLE documents (collection TEXT, id TEXT, body BLOB NOT NULL, PRIMARY KEY (collection, id));
    CREATE TABLE contents (item_id TEXT PRIMARY KEY, content BLOB NOT NULL);
    CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""
_PUT = """
    INSERT INTO documents VALUES (?, ?, ?)
    ON CONFLICT (collection, id) DO UPDATE SET body = excluded.body
"""  # an update keeps the place of a row, so that documents stay in order of arrival
_REMOVE = "DELETE FROM documents WHERE collection = ? AND id = ?"

Changes = Mapping[tuple[str, str], Mapping[str, Any] | None]
Contents = Mapping[str, bytes | None]


class StateFileError(ValueError):
    """A state file that cannot be used; one line that says what was expected, what was seen, and what to do."""


class StateFile:
    """The file of one platform; nobody else can open it meanwhile. Raises StateFileError."""

    def __init__(self, path: Path) -> None:
        self.path = path
        _check_place(path)
        with self._told():
            self._base = sqlite3.connect(path, timeout=0.2, isolation_level=None, check_same_thread=False)
        try:
            with self._told():
                self._open()
        except StateFileError:
            self._base.close()
            raise

    def facts(self) -> dict[str, str]:
        """Single values, such as the token."""
        with self._told():
            return dict(self._base.execute("SELECT name, value FROM facts"))

    def documents(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Collection and document, in order of arrival."""
        with self._told():
            for collection, body in self._base.execute("SELECT collection, body FROM documents ORDER BY rowid"):
                yield collection, read_json(body)

    def content_ids(self) -> list[str]:
        """Items that have bytes."""
        with self._told():
            return [row[0] for row in self._base.execute("SELECT item_id FROM contents ORDER BY rowid")]

    def content(self, item_id: str) -> bytes:
        """The bytes of an item."""
        with self._told():
            row = self._base.execute("SELECT content FROM contents WHERE item_id = ?", (item_id,)).fetchone()
        return bytes(row[0]) if row else b""

    def write(self, changes: Changes, contents: Contents, facts: Iterable[tuple[str, str]]) -> None:
        """Make changes, all or none; None stands for what is gone."""
        with self._told():
            self._base.execute("BEGIN")
            try:
                for statement, rows in (
                    (_PUT, [(*key, write_json(value)) for key, value in changes.items() if value is not None]),
                    (_REMOVE, [key for key, value in changes.items() if value is None]),
                    ("REPLACE INTO contents VALUES (?, ?)", [one for one in contents.items() if one[1] is not None]),
                    ("DELETE FROM contents WHERE item_id = ?", [(key,) for key in contents if contents[key] is None]),
                    ("REPLACE INTO facts VALUES (?, ?)", list(facts)),
                ):
                    if rows:
                        self._base.executemany(statement, rows)
                self._base.execute("COMMIT")
            except BaseException:
                if self._base.in_transaction:
                    self._base.execute("ROLLBACK")
                raise

    def close(self) -> None:
        """Give the file back."""
        self._base.close()

    def _open(self) -> None:
        base = self._base
        (application,) = base.execute("PRAGMA application_id").fetchone()
        (version,) = base.execute("PRAGMA user_version").fetchone()
        (tables,) = base.execute("SELECT count(*) FROM sqlite_master").fetchone()
        fresh = application == 0 and tables == 0
        if not fresh and application != APPLICATION:
            raise StateFileError(f"{self.path} is a data base of another program; name a file that is new or ours")
        if version > FORMAT:
            said = f"expected a state file of format {FORMAT} or older, saw {version} in {self.path}"
            raise StateFileError(f"{said}; it was written by a newer dl-mock: use that one, or name another file")
        base.execute("PRAGMA locking_mode = EXCLUSIVE")
        base.execute("PRAGMA journal_mode = WAL")
        base.execute("PRAGMA synchronous = NORMAL")
        base.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT}")
        base.execute("BEGIN IMMEDIATE")  # takes the file for as long as this connection lives
        if fresh:
            for statement in _SCHEMA.split(";"):
                base.execute(statement)
            base.execute(f"PRAGMA application_id = {APPLICATION}")
            base.execute(f"PRAGMA user_version = {FORMAT}")
        base.execute("COMMIT")
        (found,) = base.execute("PRAGMA quick_check(1)").fetchone()
        if found != "ok":
            raise StateFileError(f"{self.path} is damaged ({found}); restore a copy or name another file")

    def _told(self) -> _Told:
        return _Told(self.path)


class _Told:
    """Turns what SQLite says into one clear message."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, _trace: Any) -> None:
        if isinstance(error, sqlite3.OperationalError) and "locked" in str(error):
            raise StateFileError(f"{self._path} is in use by another dl-mock; stop that one or name another file")
        if isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError):
            raise StateFileError(f"{self._path} is damaged ({error}); restore a copy or name another file")
        if isinstance(error, (sqlite3.Error, OverflowError)):
            raise StateFileError(f"{self._path} cannot be used: {error}")
        if isinstance(error, ValueError) and not isinstance(error, StateFileError):
            raise StateFileError(f"{self._path} is damaged ({error}); restore a copy or name another file")


def _check_place(path: Path) -> None:
    """Whether there is a state file, or can be one; looks only, so that a file of others stays as it is."""
    if path.is_dir():
        raise StateFileError(f"expected a file at {path}, saw a directory")
    if not path.parent.is_dir():
        raise StateFileError(f"expected a directory for the state file at {path.parent}, but there is none")
    try:
        with path.open("rb") as file:
            start = file.read(len(_MAGIC))
    except FileNotFoundError:
        return
    except OSError as error:
        raise StateFileError(f"{path} cannot be read: {error.strerror}") from None
    if start and start != _MAGIC:
        raise StateFileError(f"expected a state file at {path}, saw another kind of file; name one that is new or ours")
