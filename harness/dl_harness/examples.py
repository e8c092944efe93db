"""Keep the batches that have broken a law, and try them first in the next run.

A folder that the user names (`--examples DIR`, `examples` in `[tool.dl-harness]`; in pytest its cache directory) has
one file per adapter, `<adapter>.json`: items by name, so that it can be read, reviewed and committed.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import msgspec

from dl_harness.evidence import Evidence, Flow, LawTried, Pairing
from dl_harness.spec import UsageError

MOST_KEPT = 50


class Example(msgspec.Struct, frozen=True):
    """An item at its position in a batch, and in another batch in which it got something else."""

    law: str
    function: str
    batch: tuple[str, ...]
    position: int
    against: tuple[str, ...]
    against_position: int


def load(folder: Path | None, adapter: str) -> tuple[LawTried, ...]:
    """What was kept of an adapter, as it is tried again. Raises UsageError for a file that cannot be read."""
    return tuple(
        LawTried(e.law, e.function, pairing=Pairing(e.batch, e.position, e.against, e.against_position))
        for e in _read(folder, adapter)
    )


def save(folder: Path | None, adapter: str, evidence: Evidence) -> None:
    """Keep what has broken a law now, before what did so earlier. Raises OSError."""
    found = [
        _named(flow, tried)
        for flow in evidence.flows
        for tried in flow.laws
        if tried.saw is not None and not tried.by_chance and tried.law not in {"repeated", "re-encoded", "resized"}
    ]
    if folder is None or not found:
        return
    kept = list(dict.fromkeys([*found, *_read(folder, adapter)]))[:MOST_KEPT]
    folder.mkdir(parents=True, exist_ok=True)
    file = _file(folder, adapter)
    beside = file.with_name(f".{file.name}.{os.getpid()}")
    beside.write_bytes(msgspec.json.format(msgspec.json.encode(kept), indent=2) + b"\n")
    beside.replace(file)


def _read(folder: Path | None, adapter: str) -> list[Example]:
    if folder is None:
        return []
    file = _file(folder, adapter)
    try:
        return [e for e in msgspec.json.decode(file.read_bytes(), type=list[Example]) if _whole(e)]
    except FileNotFoundError:
        return []
    except (OSError, msgspec.DecodeError) as error:
        raise UsageError(f"the examples in {file} cannot be read: {error}. Mend or delete the file.") from error


def _whole(example: Example) -> bool:
    return 0 <= example.position < len(example.batch) and 0 <= example.against_position < len(example.against)


def _named(flow: Flow, tried: LawTried) -> Example:
    assert tried.pairing is not None
    p = tried.pairing
    batch, against = (tuple(flow.item(one).name for one in items) for items in (p.batch, p.against))
    return Example(tried.law, tried.function, batch, p.position, against, p.against_position)


def _file(folder: Path, adapter: str) -> Path:
    return folder / (re.sub(r"[^A-Za-z0-9._-]+", "-", adapter).strip("-.") + ".json")
