"""The report as JUnit XML, which every CI system reads."""

from __future__ import annotations

import re
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from dl_harness.reports import terminal, wording
from dl_harness.results import AdapterReport, Report, Result

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def to_junit(report: Report) -> bytes:
    """One suite per adapter, one case per contract."""
    root = Element("testsuites", name="dl-harness check")
    for adapter in report.adapters:
        root.append(_suite(adapter, report.environment))
    for total in ("tests", "failures", "errors", "skipped"):
        root.set(total, str(sum(int(suite.get(total, "0")) for suite in root)))
    root.set("time", _seconds(sum(adapter.duration_s for adapter in report.adapters)))
    ElementTree.indent(root)
    document: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return document + b"\n"


def _suite(adapter: AdapterReport, environment: dict[str, str]) -> Element:
    suite = Element("testsuite", name=_legal(adapter.adapter))
    properties = SubElement(suite, "properties")
    for name, value in {"target": adapter.target, "verdict": adapter.verdict, **environment}.items():
        SubElement(properties, "property", name=_legal(name), value=_legal(value))
    suite.extend(_case(adapter, result) for result in adapter.results)
    red = suite.findall("testcase/failure") or suite.findall("testcase/error")
    if adapter.verdict != "pass" and not red:
        suite.append(_verdict_case(adapter))
    if adapter.output_tail.strip():
        SubElement(suite, "system-out").text = _legal(wording.visible(adapter.output_tail))
    _count(suite)
    suite.set("time", _seconds(adapter.duration_s))
    return suite


def _count(suite: Element) -> None:
    suite.set("tests", str(len(suite.findall("testcase"))))
    for attribute, tag in {"failures": "failure", "errors": "error", "skipped": "skipped"}.items():
        suite.set(attribute, str(len(suite.findall(f"testcase/{tag}"))))


def _case(adapter: AdapterReport, result: Result) -> Element:
    name = f"{result.contract} {result.statement}"
    case = Element("testcase", classname=_legal(adapter.adapter), name=_legal(name))
    case.set("time", _seconds(result.duration_s))
    placed = next((finding for finding in result.findings if finding.file), None)
    if placed is not None:
        case.set("file", _legal(str(placed.file)))
        if placed.line is not None:
            case.set("line", str(placed.line))
    match result.verdict:
        case "fail" | "error":
            tag = "failure" if result.verdict == "fail" else "error"
            message = result.findings[0].saw if result.findings else result.reason or ""
            ended = SubElement(case, tag, type=result.contract, message=_legal(message))
            ended.text = _legal(terminal.card(result))
        case "warning":
            SubElement(case, "system-out").text = _legal(terminal.card(result))
        case "inapplicable" | "vacuous":
            SubElement(case, "skipped", message=_legal(f"{result.verdict}: {result.reason or ''}"))
    return case


def _verdict_case(adapter: AdapterReport) -> Element:
    """A case that is red when the adapter's verdict is not good and no contract's case says so."""
    case = Element("testcase", classname=_legal(adapter.adapter), name="verdict", time="0.000")
    error = SubElement(case, "error", type=adapter.verdict, message=_legal(wording.outcome(adapter)))
    error.text = _legal(adapter.summary)
    return case


def _seconds(duration: float) -> str:
    return f"{duration:.3f}"


def _legal(text: str) -> str:
    """The text without the characters that XML 1.0 does not allow, not even escaped."""
    return _NOT_XML.sub("", text)
