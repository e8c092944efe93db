"""What a check is asked to do: plain data from the front ends to the child process."""

from __future__ import annotations

from typing import Any

import msgspec

from dl_harness.evidence import LawTried, Subject

BATCH_SIZE = 4
ITEM_COUNT = 10
CALL_LIMIT_S = 300.0


class UsageError(Exception):
    """What was typed cannot be used; the message says what was expected, what was seen and what to do."""


class Service(msgspec.Struct, frozen=True):
    """A process that runs beside the check and prints one line of JSON: environment variables for the adapter."""

    command: tuple[str, ...]


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="kebab"):
    """`[tool.dl-harness]` of the adapter's repository, and what the command line lays over it."""

    adapter: str | None = None
    items: str | None = None
    artifacts: str | None = None
    model: str | None = None
    stubs: str | None = None
    select: tuple[str, ...] = ()
    batch_size: int = BATCH_SIZE
    call_limit: float = CALL_LIMIT_S
    wrappers: str = "sdk"
    service: Service | None = None
    contracts: tuple[str, ...] = ()
    examples: str | None = None
    budgets: dict[str, Any] = {}  # of `dl-harness bench`, which says what may stand here
    static: bool = False


class Target(msgspec.Struct, frozen=True):
    """One adapter to check: where it is, and what is known before anything is imported."""

    subject: Subject
    root: str  # the application's root, absolute
    model: dict[str, Any] = {}  # the manifest's model entry
    inputs: tuple[tuple[str, str], ...] = ()  # the manifest's initInputs: names and types
    source: str | None = None  # the file that holds the class, absolute
    module: str | None = None  # the name to import it by, when it was given as a module
    part: str | None = None  # the only entry of the root that belongs to it; all of them when None


class Spec(msgspec.Struct, frozen=True):
    """One run of a child process."""

    target: Target
    workspace: str
    evidence: str
    model: dict[str, Any] = {}
    items: str | None = None
    artifacts: str | None = None
    stubs: str | None = None
    batch_size: int = BATCH_SIZE
    item_count: int = ITEM_COUNT
    call_limit_s: float = CALL_LIMIT_S
    wrappers: str = "sdk"
    plugins: tuple[str, ...] = ()  # modules with hooks: importable names and absolute paths
    examples: tuple[LawTried, ...] = ()  # what broke a law in earlier runs, with names in the place of ids
    needs: tuple[str, ...] | None = None  # wrapper functions whose record is wanted; None for all
    done: tuple[str, ...] = ()  # flows that an earlier process has begun
    died: tuple[str, ...] = ()  # those of them that it did not survive
    fresh: bool = False  # the process that loads what an earlier one saved


def write(spec: Spec) -> bytes:
    """A spec as JSON."""
    return msgspec.json.encode(spec)


def read(data: bytes) -> Spec:
    """A spec from JSON."""
    return msgspec.json.decode(data, type=Spec)
