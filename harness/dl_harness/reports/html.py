"""The report as one HTML page that needs nothing else: no script, no network, no file beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources

from dl_harness.reports import gallery, wording
from dl_harness.reports.gallery import Tile
from dl_harness.results import AdapterReport, Drawn, Report, Result

VERDICTS = {
    "pass": ("held", "there was evidence, and all of it is as it should be"),
    "fail": ("failed", "there is evidence against it"),
    "warning": ("warning", "it works, but there is a better way"),
    "error": ("not judged", "the check itself failed; please report this"),
    "vacuous": ("vacuous", "the flows left nothing of this kind to judge, so nothing is proved"),
    "inapplicable": ("inapplicable", "it does not concern this adapter"),
}
"""The ways in which a contract can end, as the page names and explains them."""


@dataclass(frozen=True)
class _Section:
    """One adapter, as the page shows it."""

    anchor: str
    adapter: AdapterReport
    outcome: str
    families: dict[str, list[Result]]
    cards: list[Result]
    tiles: list[Tile]
    more_items: int


def to_html(report: Report, drawn: Mapping[str, Sequence[Drawn]]) -> str:
    """The page; `drawn` holds each adapter's items under `target:adapter`."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined)
    environment.trim_blocks = environment.lstrip_blocks = True
    environment.filters.update(
        named=gallery.named,
        located=gallery.located,
        place=wording.place,
        judged=wording.judged,
        tally=wording.tally,
        counted=wording.counted,
    )
    source = resources.files(__package__).joinpath("template.html.jinja").read_text("utf-8")
    sections = [_section(number, adapter, drawn) for number, adapter in enumerate(report.adapters, start=1)]
    page = environment.from_string(source).render(
        report=report,
        sections=sections,
        title=sections[0].adapter.adapter if len(sections) == 1 else wording.number(len(sections), "adapter"),
        headline=sections[0].outcome if len(sections) == 1 else wording.overall(report),
        verdicts=VERDICTS,
        most_findings=wording.MOST_FINDINGS,
    )
    # A prompt's JSON can hold halves of characters, which no file can.
    return page.encode("utf-8", "replace").decode("utf-8")


def _section(number: int, adapter: AdapterReport, drawn: Mapping[str, Sequence[Drawn]]) -> _Section:
    items = drawn.get(f"{adapter.target}:{adapter.adapter}", ())
    return _Section(
        anchor=f"adapter-{number}",
        adapter=adapter,
        outcome=wording.outcome(adapter),
        families=wording.by_family(adapter.results),
        cards=wording.to_act_on(adapter.results),
        tiles=gallery.tiles(items),
        more_items=max(0, len(items) - gallery.MOST_ITEMS),
    )
