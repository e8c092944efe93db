"""What there is to say of a contract: for `dl-harness explain`, and for its page in the documentation.

An example of its message is shipped for each contract of this package: what the check says of an adapter that breaks
it, as the tests have recorded it.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator
from importlib import resources
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dl_harness.contract import Contract

EXAMPLES = "examples"
WIDTH = 100


def example(contract: Contract) -> str | None:
    """The message of a check in which the contract is broken, as on a terminal; None for contracts of others."""
    if contract.origin is not None:
        return None
    file = resources.files("dl_harness.reports") / EXAMPLES / f"{contract.id}.txt"
    return file.read_text("utf-8") if file.is_file() else None


def findings(card: str) -> str:
    """What a card says is wrong: without the rule above it, and without why and fix below it."""
    blocks = card.rstrip("\n").split("\n\n")
    return "\n\n".join(block for block in blocks[1:] if not block.lstrip().startswith("why"))


def facts(contract: Contract) -> Iterator[tuple[str, str]]:
    """Names and texts, in the order in which they are shown."""
    yield "family", contract.family
    yield "severity", ": ".join(part for part in (contract.severity, contract.severity_reason) if part)
    if contract.is_pending:
        yield "pending", "reported, and fails nothing until the catalogue's next minor version"
    yield "reads", ", ".join(contract.needs) or "the source and the manifest; nothing is run for it"
    if contract.sdk is not None:
        yield "SDK", f"dtlpy {contract.sdk}"
    if contract.origin is not None:
        yield "from", contract.origin


def text(contract: Contract) -> str:
    """The contract for a terminal."""
    rows = [*facts(contract), ("why", contract.why), ("fix", contract.fix)]
    names = max(len(name) for name, _ in rows)
    lines = [f"{contract.id}  {contract.statement}", ""]
    for name, said in rows:
        first, *rest = textwrap.wrap(said, WIDTH - names - 4, break_long_words=False, break_on_hyphens=False)
        lines += [f"  {name.ljust(names)}  {first}", *(" " * (names + 4) + line for line in rest)]
    shown = example(contract)
    if shown:
        lines += ["", "  for example", "", textwrap.indent(findings(shown), "  ")]
    return "\n".join(lines) + "\n"


def page(contract: Contract) -> str:
    """The contract as a page of the documentation, in Markdown."""
    lines = [f"# {contract.id}: {contract.statement}", "", "| | |", "|---|---|"]
    lines += [f"| {name} | {_in_a_cell(said)} |" for name, said in facts(contract)]
    lines += ["", "## Why", "", *_paragraph(contract.why), "", "## Fix", "", *_paragraph(contract.fix)]
    shown = example(contract)
    if shown:
        lines += ["", "## For example", "", "```text", textwrap.dedent(findings(shown)), "```"]
    return "\n".join(lines) + "\n"


def index(contracts: Iterable[Contract]) -> str:
    """The table of contents of the pages, by family."""
    families: dict[str, list[Contract]] = {}
    for contract in contracts:
        families.setdefault(contract.family, []).append(contract)
    lines = [
        "# The contracts",
        "",
        "One page per contract: what it says, why it matters on the platform, how to fix a violation, and what a check",
        "says of an adapter that breaks it. `dl-harness explain ID` shows the same. The pages are written by",
        "`python -m tests.kill_matrix`; [kill-matrix.md](../kill-matrix.md) says which adapters prove them.",
    ]
    for family, members in families.items():
        lines += ["", f"## {family.capitalize()}", "", "| contract | severity | |", "|---|---|---|"]
        lines += [f"| [{c.id}]({c.id}.md) | {c.severity} | {_in_a_cell(c.statement)} |" for c in members]
    return "\n".join(lines) + "\n"


def _paragraph(said: str) -> list[str]:
    return textwrap.wrap(said, 120, break_long_words=False, break_on_hyphens=False)


def _in_a_cell(said: str) -> str:
    return said.replace("|", "\\|")
