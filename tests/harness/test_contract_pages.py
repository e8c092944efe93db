"""Every contract has a page, which says what the declaration says; `dl-harness explain` says the same."""

from __future__ import annotations

import re

import pytest
from click.testing import CliRunner

import dl_harness.contracts  # noqa: F401 - declares the catalogue
from dl_harness.cli import cli
from dl_harness.contract import CONTRACTS
from dl_harness.reports import explaining
from messages import EXAMPLES, PAGES, RENEW, ROOT


@pytest.mark.parametrize("id_", CONTRACTS)
def test_the_page_says_what_the_declaration_says(id_: str) -> None:
    page = PAGES / f"{id_}.md"

    assert page.is_file(), RENEW.format(id_)
    assert page.read_text("utf-8") == explaining.page(CONTRACTS[id_]), RENEW.format(id_)


def test_the_table_of_contents_is_current_and_nothing_is_left_over() -> None:
    assert (PAGES / "README.md").read_text("utf-8") == explaining.index(CONTRACTS.values())
    assert {file.stem for file in PAGES.glob("*.md")} == {*CONTRACTS, "README"}
    assert {file.stem for file in EXAMPLES.glob("*.txt")} == {*CONTRACTS, "versions"}


def test_explain_says_the_same_as_the_page() -> None:
    said = CliRunner().invoke(cli, ["explain", "OUT-002"]).output

    def words(text: str) -> list[str]:
        return re.sub(r"[#|`]|^-+$|text\n", " ", text, flags=re.MULTILINE).split()

    page = (PAGES / "OUT-002.md").read_text("utf-8")
    for heading, name in (("## Why", "why"), ("## Fix", "fix"), ("## For example", "for example")):
        page = page.replace(heading, name)
    assert sorted(words(said)) == sorted(words(page.replace("---", "").replace("OUT-002:", "OUT-002")))


def test_no_example_names_a_place_of_the_machine_it_was_written_on() -> None:
    for file in EXAMPLES.glob("*.txt"):
        assert not re.search(rf"{re.escape(str(ROOT))}|dl-harness-\w{{8}}", file.read_text("utf-8")), file.name
