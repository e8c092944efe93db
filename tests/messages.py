"""The message of each contract, as it is shipped, shown by `dl-harness explain` and printed on the contract's page."""

from __future__ import annotations

import os
import platform
import re
from importlib.metadata import version
from pathlib import Path

import msgspec

from dl_harness.contract import CONTRACTS
from dl_harness.reports import explaining, terminal
from dl_harness.results import Result

ROOT = Path(__file__).resolve().parent.parent
PAGES = ROOT / "docs" / "contracts"
EXAMPLES = ROOT / "harness" / "dl_harness" / "reports" / explaining.EXAMPLES
WRITTEN_ON = EXAMPLES / "versions.txt"
RENEW = "renew it with `python -m tests.kill_matrix --only {}`"


def versions() -> str:
    """What messages may differ with: they quote exceptions of Python and of the SDK."""
    python = ".".join(platform.python_version_tuple()[:2])
    return f"Python {python}, dtlpy {version('dtlpy')}\n"


def message(result: Result) -> str:
    """The card of a result with its first finding, and with files as they are seen from the root of this repository.

    How often the same is found depends on which flows were run, and those on which contracts were selected.
    """
    first = result.findings[0]
    where = re.sub(r" \(and (?:once|\d+ times) more\)$", "", first.where)
    finding = msgspec.structs.replace(first, file=_from_the_root(first.file), where=where)
    card = terminal.card(msgspec.structs.replace(result, findings=(finding,)))
    return card.replace(f"{ROOT}{os.sep}", "") + "\n"


def words(text: str) -> list[str]:
    """A message without what differs between two runs: numbers, ids, temporary folders, and which item came first (the
    wrapper prepares them in sixteen threads)."""
    text = re.sub(r"tmp/tmp\w+|[0-9a-f]{24}|[\w/]+\.(?:jpg|png|txt|md|json)\b", "#", text)
    return re.sub(r"\d+(?:\.\d+)?", "#", text).split()


def _from_the_root(file: str | None) -> str | None:
    path = Path(file or "").resolve()
    return path.relative_to(ROOT).as_posix() if file and path.is_relative_to(ROOT) else file


def write(id_: str, result: Result | None) -> None:
    """Write the message and the page of a contract."""
    EXAMPLES.mkdir(exist_ok=True)
    PAGES.mkdir(exist_ok=True)
    if result is not None and result.findings:
        (EXAMPLES / f"{id_}.txt").write_text(message(result), "utf-8")
    if id_ in CONTRACTS:
        (PAGES / f"{id_}.md").write_text(explaining.page(CONTRACTS[id_]), "utf-8")


def finish() -> None:
    """Write the table of contents and the versions, and remove what no contract needs any more."""
    (PAGES / "README.md").write_text(explaining.index(CONTRACTS.values()), "utf-8")
    WRITTEN_ON.write_text(versions(), "utf-8")
    for file in [*PAGES.glob("*-*.md"), *EXAMPLES.glob("*-*.txt")]:
        if file.stem not in CONTRACTS:
            file.unlink()
