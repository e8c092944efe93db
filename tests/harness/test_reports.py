"""What the reports say: the words in full, the documents by their schemas, the page by what stands in it."""

from __future__ import annotations

import base64
import errno
import io
import json
import os
import re
import stat
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import click
import jsonschema
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from dl_harness.evidence import AnnotationSeen, ItemSeen
from dl_harness.reports.document import schema, to_json
from dl_harness.reports.html import to_html
from dl_harness.reports.junit import to_junit
from dl_harness.reports.terminal import card, render
from dl_harness.reports.writing import ReportError, write_atomically
from dl_harness.results import AdapterReport, Drawn, Finding, Plan, Report, Result

# -- samples ---------------------------------------------------------------------------------------

SHORT_BATCH = Result(
    contract="OUT-002",
    family="output format",
    severity="error",
    verdict="fail",
    statement="predict returns one AnnotationCollection per item in the batch",
    why="predict_items pairs items with collections and stops at the shorter of the two, so the last items"
    " keep no annotations and no error is raised.",
    fix="Return an empty dl.AnnotationCollection() for an item in which nothing was found.",
    findings=(
        Finding(
            "4 collections, one per item",
            "3 collections; nothing for dog.jpg",
            "predict",
            "model_adapter.py",
            41,
        ),
    ),
    evidence={"batches": 3},
)


def held(contract: str = "SIG-001", **changes: Any) -> Result:
    values: dict[str, Any] = {
        "family": "signature",
        "severity": "error",
        "verdict": "pass",
        "statement": "load is there",
    }
    values |= {"why": "It is called.", "fix": "Write it.", "evidence": {"functions": 1}}
    return Result(contract, **{**values, **changes})


def skipped(contract: str, verdict: str, reason: str) -> Result:
    return held(contract, family="lifecycle", verdict=verdict, reason=reason, evidence={})


WARNING = held(
    "OUT-011",
    family="output format",
    severity="warning",
    verdict="warning",
    statement="every prediction carries model_info",
    findings=(Finding("model_info on 2 boxes", "none", "cat.jpg", "model_adapter.py", 57),),
)
ERROR = held("DIR-002", family="directory layout", verdict="error", reason="it failed with KeyError: 'x'")
TRAIN_IS_MISSING = "the adapter does not override train"
EVERYTHING = (
    held(),
    SHORT_BATCH,
    WARNING,
    ERROR,
    skipped("LIF-007", "inapplicable", TRAIN_IS_MISSING),
    skipped("LIF-008", "vacuous", "load was not run: it hung"),
    skipped("LIF-009", "vacuous", "load was not run: it hung"),
)


def adapter(*results: Result, verdict: str = "fail", **changes: Any) -> AdapterReport:
    vacuous = sum(result.verdict == "vacuous" for result in results)
    inapplicable = sum(result.verdict == "inapplicable" for result in results)
    plan = Plan(
        planned=len(results),
        executed=len(results) - vacuous - inapplicable,
        inapplicable=inapplicable,
        vacuous=vacuous,
        flows=("predict",),
        not_run={"train": TRAIN_IS_MISSING},
        inferred=("output_type box, from what predict returned",),
    )
    values: dict[str, Any] = {
        "adapter": "face_detector ModelAdapter",
        "target": "dataloop.json",
        "plan": plan,
    }
    return AdapterReport(**{**values, **changes}, verdict=verdict, results=results)  # type: ignore[arg-type]


def report(*adapters: AdapterReport, verdict: str = "fail") -> Report:
    return Report("1.0", {"python": "3.11.9"}, verdict, adapters)  # type: ignore[arg-type]


def encoded(image: Image.Image, form: str = "PNG", **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, form, **options)
    return out.getvalue()


PHOTOGRAPH = encoded(Image.new("RGB", (100, 80), "grey"))
CAT = ItemSeen(id="1", name="cat.png", mimetype="image/png", width=100, height=80)


def page(*drawn: Drawn, results: tuple[Result, ...] = EVERYTHING) -> str:
    return to_html(report(adapter(*results)), {"dataloop.json:face_detector ModelAdapter": drawn})


def cat(*annotations: AnnotationSeen, **changes: Any) -> Drawn:
    return Drawn(**{"item": CAT, "content": PHOTOGRAPH, **changes}, annotations=annotations)


def pictures(html: str) -> list[Image.Image]:
    found = re.findall(r'<image [^>]*href="data:image/(?:png|jpeg);base64,([^"]+)"', html)
    return [Image.open(io.BytesIO(base64.b64decode(one))) for one in found]


# -- cards -----------------------------------------------------------------------------------------


def test_a_card_says_what_where_why_and_how() -> None:
    assert card(SHORT_BATCH) == (
        """\
OUT-002  predict returns one AnnotationCollection per item in the batch                         FAIL

  expected  4 collections, one per item
  saw       3 collections; nothing for dog.jpg
  where     predict, model_adapter.py:41

  why       predict_items pairs items with collections and stops at the shorter of the two, so the
            last items keep no annotations and no error is raised.
  fix       Return an empty dl.AnnotationCollection() for an item in which nothing was found."""
    )


def test_a_card_wraps_at_the_width() -> None:
    assert card(SHORT_BATCH, width=60) == (
        """\
OUT-002  predict returns one AnnotationCollection per   FAIL
         item in the batch

  expected  4 collections, one per item
  saw       3 collections; nothing for dog.jpg
  where     predict, model_adapter.py:41

  why       predict_items pairs items with collections and
            stops at the shorter of the two, so the last
            items keep no annotations and no error is
            raised.
  fix       Return an empty dl.AnnotationCollection() for an
            item in which nothing was found."""
    )


def test_many_findings_share_a_card_and_repeat_no_expectation() -> None:
    findings = tuple(Finding("0 <= x <= 640", f"x is {x}", f"annotation {x}") for x in range(700, 712))
    shown = card(msgspec.structs.replace(SHORT_BATCH, findings=findings, why="It is lost.", fix="Clip it."))
    assert shown == (
        """\
OUT-002  predict returns one AnnotationCollection per item in the batch                         FAIL

  expected  0 <= x <= 640
  saw       x is 700
  where     annotation 700

  saw       x is 701
  where     annotation 701

  saw       x is 702
  where     annotation 702

  saw       x is 703
  where     annotation 703

  saw       x is 704
  where     annotation 704

  … and 7 more, all in the JSON report

  why       It is lost.
  fix       Clip it."""
    )


def test_a_contract_that_failed_itself_asks_nothing_of_the_author() -> None:
    assert card(ERROR, width=50) == (
        """\
DIR-002  load is there                       ERROR

  reason    it failed with KeyError: 'x'"""
    )


def test_lines_of_a_fix_stay_apart() -> None:
    shown = card(held(verdict="fail", fix="Write:\n\n    def load(self):"))
    assert shown.endswith("  fix       Write:\n                def load(self):")


def test_control_characters_are_spelled_out() -> None:
    shown = card(held(verdict="fail", findings=(Finding("a label", "\x1b[2J\x07cat", "cat.jpg"),)))
    assert r"saw       \x1b[2J\x07cat" in shown


@given(st.text(), st.text(), st.integers(min_value=0, max_value=200))
def test_a_card_can_be_made_of_any_text(statement: str, saw: str, width: int) -> None:
    result = held(verdict="fail", statement=statement, findings=(Finding("something", saw, ""),))
    shown = card(result, width=width)
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f\ud800-\udfff]", shown)


# -- the terminal ----------------------------------------------------------------------------------

WHOLE = """\
face_detector ModelAdapter
==========================
dataloop.json

  signature         1 held
  output format     1 failed, 1 warning
  directory layout  1 not judged
  lifecycle         2 vacuous, 1 inapplicable

OUT-002  predict returns one AnnotationCollection per item in the batch                         FAIL

  expected  4 collections, one per item
  saw       3 collections; nothing for dog.jpg
  where     predict, model_adapter.py:41

  why       predict_items pairs items with collections and stops at the shorter of the two, so the
            last items keep no annotations and no error is raised.
  fix       Return an empty dl.AnnotationCollection() for an item in which nothing was found.

DIR-002  load is there                                                                         ERROR

  reason    it failed with KeyError: 'x'

OUT-011  every prediction carries model_info                                                 WARNING

  expected  model_info on 2 boxes
  saw       none
  where     cat.jpg, model_adapter.py:57

  why       It is called.
  fix       Write it.

vacuous: nothing was there to judge
  load was not run: it hung
    LIF-008, LIF-009

inferred
  output_type box, from what predict returned

flows not run
  train  the adapter does not override train

planned 7 = executed 4 + inapplicable 1 + vacuous 2
face_detector ModelAdapter: fails 1 contract (1 held, 1 warning)"""


def test_the_whole_report() -> None:
    assert render(report(adapter(*EVERYTHING))) == WHOLE


def test_verbose_lists_what_is_otherwise_counted() -> None:
    shown = render(report(adapter(*EVERYTHING, output_tail="loading\nloaded\n")), verbose=True)
    assert "environment\n  python  3.11.9\n" in shown
    assert (
        """
vacuous: nothing was there to judge
  load was not run: it hung
    LIF-008  load is there
    LIF-009  load is there

inapplicable: these do not concern this adapter
  the adapter does not override train
    LIF-007  load is there

held
  SIG-001  load is there (functions: 1)

flows run
  predict
"""
        in shown
    )
    assert "the last it printed\n  loading\n  loaded\n" in shown


def test_colour_changes_no_words() -> None:
    coloured = render(report(adapter(*EVERYTHING)), colour=True)
    assert click.unstyle(coloured) == WHOLE
    assert click.style("FAIL", fg="red", bold=True) in coloured


@pytest.mark.parametrize(
    ("one", "words"),
    [
        pytest.param(adapter(held(), held(), verdict="pass"), "conforms (2 contracts held)", id="pass"),
        pytest.param(
            adapter(held(), WARNING, WARNING, verdict="pass"),
            "conforms (1 contract held, 2 warnings)",
            id="pass-with-warnings",
        ),
        pytest.param(adapter(SHORT_BATCH, SHORT_BATCH), "fails 2 contracts", id="fail"),
        pytest.param(adapter(held(), WARNING), "does not conform (1 contract held, 1 warning)", id="strict"),
        pytest.param(adapter(held(), ERROR, verdict="error"), "1 contract could not be judged (1 held)", id="error"),
        pytest.param(adapter(verdict="error"), "could not be checked", id="error-without-results"),
        pytest.param(adapter(skipped("A-1", "vacuous", "x"), verdict="vacuous"), "nothing was proved", id="vacuous"),
        pytest.param(adapter(held(), verdict="interrupted"), "interrupted", id="interrupted"),
    ],
)
def test_the_last_line_is_the_verdict(one: AdapterReport, words: str) -> None:
    assert render(report(one)).splitlines()[-1] == f"face_detector ModelAdapter: {words}"


@pytest.mark.parametrize(
    ("verdicts", "words"),
    [
        pytest.param((), "0 adapters: nothing was checked", id="none"),
        pytest.param(("pass", "fail", "pass"), "3 adapters: 2 conform, 1 fails", id="several"),
    ],
)
def test_the_last_line_over_several_adapters(verdicts: tuple[str, ...], words: str) -> None:
    shown = render(report(*(adapter(held(), verdict=verdict) for verdict in verdicts)))
    assert shown.splitlines()[-1] == words


def test_what_an_interrupted_adapter_printed_last_is_shown() -> None:
    one = adapter(verdict="interrupted", summary="stopped while predict was running", output_tail="epoch 1\n")
    shown = render(report(one))
    assert "\nstopped while predict was running\n" in shown
    assert "the last it printed\n  epoch 1\n" in shown


# -- the document ----------------------------------------------------------------------------------


def test_the_document_holds_the_whole_report() -> None:
    whole = report(adapter(*EVERYTHING, summary="x", output_tail="y"), adapter(verdict="interrupted"))
    assert msgspec.json.decode(to_json(whole), type=Report) == whole


def test_the_document_keeps_its_shape() -> None:
    document = json.loads(to_json(report(adapter(*EVERYTHING))))
    jsonschema.validate(document, schema())
    assert set(document) == {"schema_version", "environment", "verdict", "adapters", "catalogue"}
    plan = document["adapters"][0]["plan"]
    assert plan["planned"] == plan["executed"] + plan["inapplicable"] + plan["vacuous"]
    assert document["adapters"][0]["results"][1] == {
        "contract": "OUT-002",
        "family": "output format",
        "severity": "error",
        "verdict": "fail",
        "statement": SHORT_BATCH.statement,
        "why": SHORT_BATCH.why,
        "fix": SHORT_BATCH.fix,
        "findings": [
            {
                "expected": "4 collections, one per item",
                "saw": "3 collections; nothing for dog.jpg",
                "where": "predict",
                "file": "model_adapter.py",
                "line": 41,
            }
        ],
        "evidence": {"batches": 3},
        "reason": None,
        "duration_s": 0.0,
        "severity_reason": "",
        "pending": False,
        "origin": None,
    }


def test_the_shipped_schema_is_current() -> None:
    shipped = resources.files("dl_harness.reports").joinpath("report.schema.json").read_text("utf-8")
    expected = json.dumps(schema(), indent=2) + "\n"
    assert shipped == expected, "write json.dumps(dl_harness.reports.document.schema(), indent=2) into it"


def test_the_schema_is_a_schema_and_lets_later_versions_add() -> None:
    jsonschema.Draft202012Validator.check_schema(schema())
    document = json.loads(to_json(report(adapter(*EVERYTHING))))
    document["adapters"][0]["results"][0]["new"] = 1
    jsonschema.validate(document, schema())


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(lambda result: result.pop("findings"), id="missing"),
        pytest.param(lambda result: result.update(verdict="perhaps"), id="unknown-verdict"),
    ],
)
def test_the_schema_refuses(broken: Any) -> None:
    document = json.loads(to_json(report(adapter(*EVERYTHING))))
    broken(document["adapters"][0]["results"][0])
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, schema())


# -- JUnit -----------------------------------------------------------------------------------------


def suites(whole: Report) -> list[ElementTree.Element]:
    return list(ElementTree.fromstring(to_junit(whole)))


def test_junit_has_a_case_per_contract() -> None:
    (suite,) = suites(report(adapter(*EVERYTHING)))
    counts = {name: suite.get(name) for name in ("name", "tests", "failures", "errors", "skipped")}
    assert counts == {
        "name": "face_detector ModelAdapter",
        "tests": "7",
        "failures": "1",
        "errors": "1",
        "skipped": "3",
    }
    cases = {str(case.get("name")).split()[0]: case for case in suite.iter("testcase")}
    failed = cases["OUT-002"]
    assert failed.get("classname") == "face_detector ModelAdapter"
    assert failed.get("name") == "OUT-002 predict returns one AnnotationCollection per item in the batch"
    assert (failed.get("file"), failed.get("line")) == ("model_adapter.py", "41")
    assert failed.findtext("failure") == card(SHORT_BATCH)
    assert cases["DIR-002"].findtext("error") == card(ERROR)
    assert cases["OUT-011"].findtext("system-out") == card(WARNING)
    assert [child.tag for child in cases["OUT-011"]] == ["system-out"]
    skips = [cases[name].find("skipped") for name in ("LIF-007", "LIF-008")]
    assert [skip is not None and skip.get("message") for skip in skips] == [
        "inapplicable: the adapter does not override train",
        "vacuous: load was not run: it hung",
    ]


def test_an_adapter_without_a_good_verdict_is_red_in_junit() -> None:
    (suite,) = suites(report(adapter(held(), verdict="interrupted", summary="stopped by Ctrl-C")))
    error = suite.find("testcase/error")
    assert suite.get("errors") == "1"
    assert error is not None and error.get("message") == "interrupted"
    assert error.text == "stopped by Ctrl-C"


@given(st.text())
def test_junit_can_be_read_whatever_the_texts(text: str) -> None:
    failed = held(verdict="fail", statement=text, why=text, findings=(Finding(text, text, text, text or None, 1),))
    one = adapter(failed, skipped("A-1", "vacuous", text), adapter=text, summary=text, output_tail=text)
    (suite,) = suites(report(one))
    assert suite.get("tests") == "2"


def test_junit_strips_what_xml_forbids() -> None:
    (suite,) = suites(report(adapter(held(statement="a\x00b\x1bc\ud800d\ufffee <&> 😀"))))
    assert suite.find("testcase").get("name") == "SIG-001 abcde <&> 😀"  # type: ignore[union-attr]


# -- the page --------------------------------------------------------------------------------------


def test_the_page_shows_verdict_plan_cards_and_contracts() -> None:
    html = page()
    assert "<h1>face_detector ModelAdapter</h1>" in html
    assert '<p class="headline">fails 1 contract (1 held, 1 warning)</p>' in html
    assert "<dt>python</dt><dd>3.11.9</dd>" in html
    assert "<b>7</b>planned" in html and "<b>4</b>executed" in html
    assert re.findall(r'<article class="card (\w+)">', html) == ["fail", "error", "warning"]
    assert "<dt>where</dt><dd>predict, model_adapter.py:41</dd>" in html
    assert re.findall(r'<td class="rule"><code>([^<]+)', html) == [
        "SIG-001",
        "OUT-002",
        "OUT-011",
        "DIR-002",
        "LIF-007",
        "LIF-008",
        "LIF-009",
    ]
    assert "<dt>not run</dt><dd><code>train</code> the adapter does not override train</dd>" in html


def test_several_adapters_share_a_page() -> None:
    html = to_html(report(adapter(held(), verdict="pass"), adapter(SHORT_BATCH, adapter="other")), {})
    assert "<h1>2 adapters</h1>" in html
    assert '<p class="headline">1 conforms, 1 fails</p>' in html
    assert re.findall(r'href="#(adapter-\d)"', html) == re.findall(r'<section id="(adapter-\d)">', html)


BOX = AnnotationSeen(type="box", label="cat", points=((10, 20.5), (40, 60)), confidence=0.934)


def test_boxes_stand_where_they_were_predicted() -> None:
    html = page(cat(BOX))
    assert '<svg viewBox="0 0 100 80"' in html
    assert '<rect class="shape" x="10" y="20.5" width="30" height="39.5"' in html
    assert ">cat 0.93</text>" in html


@pytest.mark.parametrize(
    ("annotation", "element"),
    [
        pytest.param(
            AnnotationSeen(type="segment", label="a", points=((1, 2), (3, 4), (5, 6.25))),
            '<polygon class="shape" points="1,2 3,4 5,6.25"',
            id="polygon",
        ),
        pytest.param(
            AnnotationSeen(type="polyline", label="a", points=((1, 2), (3, 4), (5, 6))),
            '<polyline class="shape" points="1,2 3,4 5,6"',
            id="polyline",
        ),
        pytest.param(
            AnnotationSeen(type="point", label="a", points=((7, 8),)),
            '<circle class="shape" cx="7" cy="8"',
            id="point",
        ),
        pytest.param(
            AnnotationSeen(type="box", label="a", points=((40, 60), (10, 20))),
            '<rect class="shape" x="10" y="20" width="30" height="40"',
            id="box-with-swapped-corners",
        ),
    ],
)
def test_other_shapes(annotation: AnnotationSeen, element: str) -> None:
    assert element in page(cat(annotation))


def test_classes_are_chips() -> None:
    assert '<li class="class">indoor 0.5</li>' in page(
        cat(AnnotationSeen(type="class", label="indoor", confidence="0.5"))
    )


def test_a_label_has_one_colour_in_all_pictures() -> None:
    dog = AnnotationSeen(type="box", label="dog", points=((0, 0), (5, 5)))
    html = page(cat(BOX, dog), cat(dog, BOX))
    colours = re.findall(r'style="--c:(#\w+)"><title>(cat|dog)', html)
    assert len(set(colours)) == 2


def test_nothing_predicted_is_said() -> None:
    assert "nothing was predicted" in page(cat())


def test_an_annotation_outside_the_picture_is_noted() -> None:
    far = AnnotationSeen(type="box", label="cat", points=((200, 10), (300, 20)))
    assert "1 annotation outside the picture" in page(cat(far, BOX))


SCRIPT = "<script>alert('x')</script>"


@pytest.mark.parametrize(
    "drawn",
    [
        pytest.param(cat(AnnotationSeen(type="box", label=SCRIPT, points=((1, 1), (9, 9)))), id="box-label"),
        pytest.param(cat(AnnotationSeen(type="class", label=SCRIPT)), id="class-label"),
        pytest.param(cat(AnnotationSeen(type=SCRIPT, label="x", points=((1, 1), (9, 9)))), id="type"),
        pytest.param(cat(item=ItemSeen("1", f'"{SCRIPT}', mimetype="image/png")), id="item-name"),
        pytest.param(Drawn(ItemSeen("1", "a.txt", mimetype="text/plain"), SCRIPT.encode()), id="text"),
        pytest.param(
            Drawn(
                ItemSeen("1", "a.json", mimetype="application/json", is_prompt=True),
                json.dumps({"prompts": {SCRIPT: [{"mimetype": SCRIPT, "value": SCRIPT}]}}).encode(),
                (AnnotationSeen(type="text", label=SCRIPT, text=SCRIPT, prompt_key=SCRIPT),),
            ),
            id="prompt",
        ),
    ],
)
def test_nothing_predicted_can_become_markup(drawn: Drawn) -> None:
    html = page(drawn)
    assert "<script" not in html.lower()
    assert "&lt;script&gt;" in html


def test_results_cannot_become_markup() -> None:
    finding = Finding(SCRIPT, SCRIPT, SCRIPT, SCRIPT)
    failed = held(verdict="fail", statement=SCRIPT, why=SCRIPT, fix=SCRIPT, findings=(finding,))
    assert "<script" not in page(results=(failed, skipped("A-1", "vacuous", SCRIPT)))


def test_the_page_needs_nothing_else() -> None:
    html = page(cat(BOX), cat(AnnotationSeen(type="binary", label="x", mask="https://example.com/mask.png")))
    references = re.findall(r'(?:src|href)="([^"]{0,5})', html)
    assert {reference for reference in references if not reference.startswith("#")} == {"data:"}
    assert not re.search(r"url\(|@import|<link|<script", html)


def test_masks_lie_over_the_picture_in_the_colour_of_their_label() -> None:
    mask = Image.new("RGBA", (100, 80))
    mask.paste("white", (0, 0, 50, 80))
    uri = "data:image/png;base64," + base64.b64encode(encoded(mask)).decode()
    html = page(cat(AnnotationSeen(type="binary", label="cat", mask=uri)))
    painted = pictures(html)[1].convert("RGBA")
    assert '<image class="mask"' in html
    assert painted.getpixel((10, 10)) == (0xFF, 0xD1, 0x66, 255)
    assert painted.getpixel((90, 10))[3] == 0  # type: ignore[index]


@pytest.mark.parametrize(
    "uri", ["data:image/png;base64,AAAA", "data:image/png;base64,A", "data:image/svg+xml;base64,AAAA"]
)
def test_a_mask_that_cannot_be_decoded_is_a_chip(uri: str) -> None:
    html = page(cat(AnnotationSeen(type="binary", label="cat", mask=uri)))
    assert '<li class="class">binary: cat</li>' in html
    assert '<image class="mask"' not in html


@pytest.mark.parametrize(
    ("content", "words"),
    [
        pytest.param(b"not an image", "cannot be decoded: this is no image of a known format", id="unknown"),
        pytest.param(PHOTOGRAPH[:60], "cannot be decoded: ", id="truncated"),
        pytest.param(b"", "the picture is not at hand", id="empty"),
    ],
)
def test_a_picture_that_cannot_be_decoded_has_a_placeholder(content: bytes, words: str) -> None:
    html = page(cat(BOX, content=content))
    assert f'<p class="missing">{words}' in html
    assert '<rect class="shape" x="10" y="20.5"' in html


def test_big_pictures_are_made_small_and_stay_in_the_frame_of_the_item() -> None:
    big = ItemSeen("1", "big.jpg", mimetype="image/jpeg", width=2000, height=1000)
    html = page(cat(item=big, content=encoded(Image.new("RGB", (2000, 1000)), "JPEG")))
    assert pictures(html)[0].size == (640, 320)
    assert 'width="2000" height="1000" preserveAspectRatio="none"/>' in html


def test_pictures_are_shown_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    stored = Image.new("RGB", (300, 200), "red")
    item = ItemSeen("1", "side.jpg", mimetype="image/jpeg", width=200, height=300)
    (shown,) = pictures(page(cat(item=item, content=encoded(stored, "JPEG", exif=exif))))
    assert shown.size == (200, 300)
    assert not shown.getexif()


def test_an_item_whose_size_is_not_known_has_its_picture_s() -> None:
    html = page(cat(item=ItemSeen("1", "cat.png", mimetype="image/png")))
    assert 'viewBox="0 0 100 80"' in html


def test_an_item_that_says_another_size_is_noted() -> None:
    html = page(cat(item=ItemSeen("1", "cat.png", mimetype="image/png", width=80, height=100)))
    assert "the item says 80 × 100, its picture is 100 × 80 pixels" in html


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I", "I;16", "F"])
def test_pictures_of_every_mode(mode: str) -> None:
    form = "TIFF" if mode in {"CMYK", "F", "I"} else "PNG"
    (shown,) = pictures(page(cat(content=encoded(Image.new(mode, (100, 80)), form))))
    assert shown.size == (100, 80)


def test_deep_grey_is_scaled_and_not_cut() -> None:
    deep = Image.new("I;16", (2, 1))
    deep.putpixel((0, 0), 1000)
    deep.putpixel((1, 0), 50000)
    (shown,) = pictures(page(cat(content=encoded(deep))))
    assert [shown.getpixel((x, 0)) for x in (0, 1)] == [(0, 0, 0), (255, 255, 255)]


def test_prompts_are_shown_with_the_answers_that_name_them() -> None:
    prompts = {
        "1": [{"mimetype": "application/text", "value": "What is 2 + 2?"}],
        "2": [
            {"mimetype": "image/*", "value": "https://gate/items/1/stream"},
            {"mimetype": "metadata", "value": {}},
        ],
    }
    answers = (
        AnnotationSeen(type="text", label="answer", text="Four.", prompt_key="1"),
        AnnotationSeen(type="text", label="answer", text="Lost.", prompt_key="3"),
    )
    item = ItemSeen("1", "a.json", mimetype="application/json", is_prompt=True)
    html = page(Drawn(item, json.dumps({"prompts": prompts}).encode(), answers))
    places = [
        html.index(text)
        for text in (
            "What is 2 + 2?",
            "Four.",
            "https://gate/",
            "no answer",
            "answers that name no prompt",
            "Lost.",
        )
    ]
    assert places == sorted(places)


@pytest.mark.parametrize("content", [b"[]", b'{"prompts": [1]}', b"not json", b'{"prompts": {"1": "text"}}'])
def test_a_prompt_item_of_another_shape_is_shown_as_text(content: bytes) -> None:
    item = ItemSeen("1", "a.json", mimetype="application/json", is_prompt=True)
    html = page(Drawn(item, content, (AnnotationSeen(type="text", label="answer", text="Four."),)))
    assert '<div class="text">' in html
    assert '<li class="class">text: Four.</li>' in html


def test_half_a_character_in_a_prompt_does_not_stop_the_page() -> None:
    item = ItemSeen("1", "a.json", mimetype="application/json", is_prompt=True)
    prompt = rb'{"prompts": {"1": [{"mimetype": "application/text", "value": "a\ud800b"}]}}'
    assert ">a?b</div>" in page(Drawn(item, prompt))


def test_texts_embeddings_and_other_files() -> None:
    html = page(
        Drawn(ItemSeen("1", "a.txt", mimetype="text/plain"), b"Best headphones", vector_size=512),
        Drawn(ItemSeen("2", "a.wav", mimetype="audio/wav"), bytes(4096)),
    )
    assert '<div class="text">Best headphones</div>' in html
    assert "embedding of 512 numbers" in html
    assert "audio/wav, 4 KB: not shown" in html


def test_long_galleries_and_crowded_pictures_are_cut_and_say_so() -> None:
    html = page(cat(*[BOX] * 230), *[cat()] * 70)
    assert html.count('<rect class="shape"') == 200
    assert "30 more annotations, not shown" in html
    assert "the first 60 items; 11 more are not shown" in html


# -- writing ---------------------------------------------------------------------------------------


@pytest.fixture
def without_umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")
@pytest.mark.usefixtures("without_umask")
def test_a_report_is_written_with_its_folders_for_everybody_to_read(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "report.json"
    write_atomically(path, b"new")
    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


def test_a_report_replaces_an_older_one(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_bytes(b"old")
    write_atomically(path, b"new")
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_leaves_the_old_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "report.json"
    path.write_bytes(b"old")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(ReportError) as raised:
        write_atomically(path, b"new")
    assert str(raised.value) == (
        f"cannot write {path}: No space left on device; free some space, or choose a folder on another disk"
    )
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_path_below_a_file_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ReportError, match="a part of this path is a file; choose a path below a folder"):
        write_atomically(tmp_path / "file" / "report.json", b"new")


def test_a_folder_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match=f"cannot write {re.escape(str(tmp_path))}: "):
        write_atomically(tmp_path, b"new")


@pytest.mark.skipif(os.name == "nt", reason="links need a privilege on Windows")
def test_a_link_stays_a_link(tmp_path: Path) -> None:
    target, link = tmp_path / "target.json", tmp_path / "link.json"
    target.write_bytes(b"old")
    link.symlink_to(target)
    write_atomically(link, b"new")
    assert link.is_symlink()
    assert target.read_bytes() == b"new"


@pytest.mark.skipif(not Path("/dev/null").exists(), reason="there is no /dev/null")
def test_a_device_stays_a_device() -> None:
    write_atomically("/dev/null", b"new")
    assert not Path("/dev/null").is_file()
