"""Operations on the mock itself: reset, snapshot, load, journal, faults, time, settings.

They need no token, since they are for whoever runs the mock: the server offers them on loopback only, and they
refuse callers that another web page sent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from dl_mock.admin import archive
from dl_mock.faults import Fault
from dl_mock.message import Request, Response
from dl_mock.reading import read_json
from dl_mock.routing import ApiError, evidence_counts
from dl_mock.settings import SWITCHES, Settings, unknown, written
from dl_mock.state import COLLECTIONS
from dl_mock.timing import Timing

if TYPE_CHECKING:
    from dl_mock.platform import Platform

PREFIX = "/_mock"
MOST_ENTRIES = 1_000  # of the journal in one answer


@dataclass(frozen=True)
class Visit:
    """A request to the surface, with what its handlers need."""

    platform: Platform
    request: Request
    params: Mapping[str, str]

    def number(self, name: str, default: int) -> int:
        """A query parameter that is a whole number, 0 or more; 400 if it is none."""
        text = self.request.query.get(name, "")
        if not text:
            return default
        if not text.isdecimal() or len(text) > 9:
            raise ApiError(400, f"{name}: expected a whole number, saw {text!r}")
        return int(text)

    def body(self) -> dict[str, Any]:
        """The JSON object sent, empty if nothing was; 400 if it is anything else."""
        if not self.request.body:
            return {}
        try:
            value = read_json(self.request.body)
        except ValueError as error:
            raise ApiError(400, f"the body is not JSON: {error}") from None
        if not isinstance(value, dict):
            raise ApiError(400, "the body must be a JSON object")
        return value


@dataclass(frozen=True)
class Operation:
    """One thing to do with the mock."""

    method: str
    template: str
    handler: Callable[[Visit], Response]
    does: str


def describe(_visit: Visit) -> Response:
    """What there is."""
    return Response.of_json(
        [{"method": one.method, "path": PREFIX + one.template, "does": one.does} for one in OPERATIONS]
    )


def overview(visit: Visit) -> Response:
    """How many documents of each kind there are, and how many requests there were."""
    platform = visit.platform
    counts = {name: platform.state.count(name) for name in COLLECTIONS}
    requests = {"requests": len(platform.journal), "unmatched": len(platform.unmatched)}
    return Response.of_json({"url": platform.url, "documents": counts, **requests})


def reset(visit: Visit) -> Response:
    """Back to the starting state: its scenes, an empty journal, no faults, nothing under way."""
    visit.platform.reset()
    return overview(visit)


def snapshot(visit: Visit) -> Response:
    """Everything, as a zip with a scene in it."""
    return Response(200, archive.packed(visit.platform), {"content-type": "application/zip"})


def load(visit: Visit) -> Response:
    """Add a scene: a JSON object, or a zip such as `snapshot` gives; with `?replace=true` instead of what is there."""
    if visit.request.query.get("replace") == "true":
        archive.check(visit.platform, visit.request)
        visit.platform.clear()
    archive.load(visit.platform, visit.request)
    return overview(visit)


def journal(visit: Visit) -> Response:
    """Requests, oldest first: those after `?after=` (a sequence number), of `?route=`, at most `?limit=`."""
    entries = visit.platform.journal
    after, limit = visit.number("after", 0), min(visit.number("limit", MOST_ENTRIES), MOST_ENTRIES)
    route = visit.request.query.get("route")
    found = [one for one in entries[after:] if route in (None, one.route)][:limit]
    return Response.of_json(
        {"total": len(entries), "entries": [{**asdict(one), "query": dict(one.query)} for one in found]}
    )


def forget_journal(visit: Visit) -> Response:
    """Empty the journal."""
    visit.platform.journal.clear()
    return Response(204)


def list_faults(visit: Visit) -> Response:
    """Faults that wait for their turn."""
    return Response.of_json(visit.platform.faults.told())


def add_fault(visit: Visit) -> Response:
    """Let something go wrong: {route, method, status, message, delay, drop, command, times}."""
    try:
        fault = Fault.of(visit.body())
    except ValueError as error:
        raise ApiError(400, str(error)) from None
    visit.platform.faults.add(fault)
    return list_faults(visit)


def clear_faults(visit: Visit) -> Response:
    """Let nothing go wrong any more."""
    visit.platform.faults.clear()
    return Response(204)


def step(visit: Visit) -> Response:
    """Do the next stage of what is under way; {"subject": id} for one document."""
    subject = visit.body().get("subject")
    if subject is not None and not isinstance(subject, str):
        raise ApiError(400, f"subject: expected the id of a document, saw {subject!r}")
    return Response.of_json({"steps": visit.platform.step(subject), "underWay": _under_way(visit.platform)})


def tell_timing(visit: Visit) -> Response:
    """How long things take, and what is under way."""
    platform = visit.platform
    return Response.of_json({"timing": asdict(platform.schedule.timing), "underWay": _under_way(platform)})


def change_timing(visit: Visit) -> Response:
    """Change how long things take: {cloning, preprocessing, commands, executions}, seconds or "manual"."""
    given, known = visit.body(), [one.name for one in fields(Timing)]
    for name in given:
        if name not in known:
            raise ApiError(400, unknown("timing", name, known))
    try:
        visit.platform.schedule.timing = replace(visit.platform.schedule.timing, **given)
    except ValueError as error:
        raise ApiError(400, str(error)) from None
    return tell_timing(visit)


def tell_settings(visit: Visit) -> Response:
    """Every question that nobody outside can answer, with the answer given here."""
    return Response.of_json(
        [
            {
                "name": one.name,
                "value": getattr(visit.platform.settings, one.name),
                "default": one.default,
                "choices": [written(choice) if choice is not int else "number" for choice in one.choices],
                "question": one.question,
                "reason": one.reason,
            }
            for one in SWITCHES
        ]
    )


def change_settings(visit: Visit) -> Response:
    """Change answers: {name: value}."""
    given, known = visit.body(), [one.name for one in SWITCHES]
    for name in given:
        if name not in known:
            raise ApiError(400, unknown("setting", name, known))
    try:
        changed = replace(visit.platform.settings, **given)
    except ValueError as error:
        raise ApiError(400, str(error)) from None
    assert isinstance(changed, Settings)
    visit.platform.settings = changed
    return tell_settings(visit)


def list_routes(visit: Visit) -> Response:
    """Every route of the platform, with the evidence for it."""
    routes = visit.platform.router.routes
    told = [{"method": one.method, "path": one.template, "evidence": one.evidence} for one in routes]
    return Response.of_json({"counts": evidence_counts(routes), "routes": told})


def _under_way(platform: Platform) -> list[dict[str, Any]]:
    return [
        {"kind": one.kind, "subject": one.subject, "stagesLeft": len(one.stages)} for one in platform.schedule.under_way
    ]


OPERATIONS: tuple[Operation, ...] = (
    Operation("GET", "/api", describe, "what can be done here"),
    Operation("GET", "/state", overview, "how many documents of each kind there are"),
    Operation("POST", "/reset", reset, "back to the starting state"),
    Operation("GET", "/snapshot", snapshot, "everything, as a zip with a scene in it"),
    Operation("POST", "/load", load, "add a scene (JSON, or a zip with scene.json); ?replace=true instead"),
    Operation("GET", "/requests", journal, "the journal: ?after=N&limit=N&route=TEMPLATE"),
    Operation("DELETE", "/requests", forget_journal, "empty the journal"),
    Operation("GET", "/faults", list_faults, "faults that wait for their turn"),
    Operation("POST", "/faults", add_fault, "let something go wrong"),
    Operation("DELETE", "/faults", clear_faults, "let nothing go wrong any more"),
    Operation("GET", "/timing", tell_timing, "how long things take, and what is under way"),
    Operation("PATCH", "/timing", change_timing, "change how long things take"),
    Operation("POST", "/step", step, "do the next stage of what is under way"),
    Operation("GET", "/settings", tell_settings, "answers to what nobody outside can know"),
    Operation("PATCH", "/settings", change_settings, "change such answers"),
    Operation("GET", "/routes", list_routes, "every route of the platform with its evidence"),
)


def check_origin(request: Request) -> None:
    """403 for a request that a page of another site made a browser send.

    Such a page knows neither our host by a foreign name (a name that it made point here) nor our origin.
    """
    host = urlsplit(f"//{request.headers.get('host', '')}").hostname
    if host is not None and not _is_this_machine(host):
        raise ApiError(403, f"the surface of the mock answers on loopback only, not as {host!r}")
    origin = request.headers.get("origin")
    if origin and urlsplit(origin).netloc != request.headers.get("host"):
        raise ApiError(403, f"a page of {origin} asked; the surface of the mock answers only its own pages")


def _is_this_machine(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
