"""The core that every front end calls: targets in, a report out."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from dl_harness import examples as kept_examples
from dl_harness.catalogue import Catalogue, catalogue, content_hash
from dl_harness.contract import CATALOGUE_VERSION, Contract
from dl_harness.evidence import Evidence, Failure, SourceRead, Subject
from dl_harness.manifest import wrong_fields
from dl_harness.plugins import Problem
from dl_harness.results import (
    SCHEMA_VERSION,
    AdapterReport,
    AdapterVerdict,
    CatalogueSeen,
    Drawn,
    Plan,
    Report,
    Result,
    judge,
)
from dl_harness.run import Observed, needs_of, observe
from dl_harness.spec import Settings, Spec, Target, UsageError
from dl_harness.static.reader import Reader
from dl_harness.target import resolve

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

EXIT_CODES: dict[AdapterVerdict, int] = {"pass": 0, "fail": 1, "interrupted": 2, "error": 3, "vacuous": 5}
"""pytest's: 0 conforms, 1 violations, 2 interrupted, 3 our own failure, 5 nothing was proved; 4 is a usage error."""

REQUIRED_FAMILIES = ("signature", "output format", "lifecycle", "directory layout", "training")
"""A run that could judge nothing of one of these has not shown that the adapter works, if the family concerns it."""

WORST_FIRST: tuple[AdapterVerdict, ...] = ("interrupted", "error", "fail", "vacuous", "pass")

Progress = Callable[[str, str], None]
"""Told the adapter and the flow that begins."""


class Checked(msgspec.Struct, frozen=True):
    """A report, and the items with what was predicted on them by adapter."""

    report: Report
    drawn: dict[str, tuple[Drawn, ...]] = {}

    @property
    def exit_code(self) -> int:
        """pytest's exit code for the verdict."""
        return EXIT_CODES[self.report.verdict]


def select(ids: Iterable[str]) -> tuple[Contract, ...]:
    """Of this package's contracts and those of installed plugins, the ones that ids, prefixes or families name.

    All of them when nothing is named. Raises UsageError for a name that matches nothing.
    """
    return catalogue().select(ids)


def check(
    *targets: str,
    model: str | Path | dict[str, Any] | None = None,
    artifacts: str | Path | None = None,
    items: str | Path | None = None,
    stubs: str | Path | None = None,
    select: Iterable[str] = (),
    batch_size: int | None = None,
    call_limit: float | None = None,
    wrappers: str | None = None,
    examples: str | Path | None = None,
    static: bool | None = None,
    progress: Progress = lambda adapter, flow: None,
) -> Report:
    """Check adapters offline and return the results.

    Each target is `path/to/file.py:Class`, `module:Class`, a `dataloop.json`, or a folder that holds some. What is
    not given is read from `[tool.dl-harness]` in the adapter's own pyproject.toml. `call_limit` is in seconds. What has
    broken a metamorphic law is kept in the folder `examples`, and tried first the next time. With
    `static` nothing is imported or run: only what can be read in the source and the manifest is judged.

    Raises UsageError for what cannot be checked as it was asked for.
    """
    settings = given(
        model=model,
        artifacts=artifacts,
        items=items,
        stubs=stubs,
        select=select,
        batch_size=batch_size,
        call_limit=call_limit,
        wrappers=wrappers,
        examples=examples,
        static=static,
    )
    return run(targets, settings, progress).report


def given(*, select: Iterable[str] = (), **settings: Any) -> dict[str, Any]:
    """What a caller has set, without what was left open; `select` may be one string."""
    chosen = (select,) if isinstance(select, str) else tuple(select)
    set_ = {
        key: str(value) if isinstance(value, Path) else value for key, value in settings.items() if value is not None
    }
    return set_ | ({"select": chosen} if chosen else {})


class Adapter(msgspec.Struct, frozen=True):
    """An adapter that will be checked, and by which contracts."""

    name: str
    contracts: tuple[Contract, ...]


def adapters(target: str, given: dict[str, Any]) -> tuple[Adapter, ...]:
    """What a target names, before anything runs. Raises UsageError for what cannot be checked."""
    return tuple(Adapter(found.subject.name, _prepare(found, given).contracts) for found in resolve(target))


def joined(checks: Sequence[Checked]) -> Checked:
    """Several checks as one."""
    reports = [adapter for checked in checks for adapter in checked.report.adapters]
    environment = {name: value for checked in checks for name, value in checked.report.environment.items()}
    drawn = {name: items for checked in checks for name, items in checked.drawn.items()}
    return Checked(_report_on(reports, environment), drawn)


def _report_on(reports: Sequence[AdapterReport], environment: dict[str, str]) -> Report:
    seen = CatalogueSeen(CATALOGUE_VERSION, content_hash())
    return Report(SCHEMA_VERSION, environment, _worst(reports), tuple(reports), seen)


def _worst(reports: Sequence[AdapterReport]) -> AdapterVerdict:
    return next(verdict for verdict in WORST_FIRST if any(report.verdict == verdict for report in reports))


def run(targets: Iterable[str], given: dict[str, Any], progress: Progress = lambda adapter, flow: None) -> Checked:
    """Check every adapter that the targets name; an interruption keeps what was learned."""
    found = [target for name in targets for target in resolve(name)]
    if not found:
        raise UsageError("no target was given.")
    prepared = [(target, _prepare(target, given)) for target in found]
    reports: list[AdapterReport] = []
    drawn: dict[str, tuple[Drawn, ...]] = {}
    environment: dict[str, str] = {}
    reader = Reader()
    for target, asked in prepared:
        started = time.monotonic()
        progress(target.subject.name, "reading")
        subject, source = reader.read(target, asked.spec.stubs)
        if asked.static:
            observed = Observed(Evidence(subject, source=source))
        else:
            observed = _with_source(_observed(target, asked.spec, asked.settings, progress), subject, source)
        observed = _keep_examples(asked, observed)
        environment = {**environment, **observed.evidence.environment}
        report = _report(observed, asked, time.monotonic() - started)
        report = msgspec.structs.replace(report, results=tuple(_from_here(result) for result in report.results))
        reports.append(report)
        drawn[f"{report.target}:{report.adapter}"] = _drawn(observed)
        if observed.interrupted:
            break
    return Checked(_report_on(reports, _own_environment() | environment), drawn)


def _with_source(observed: Observed, read: Subject, source: SourceRead) -> Observed:
    """What a run left behind, and what was read before it; of a class that could not be imported, what was read."""
    subject = observed.evidence.subject
    if not subject.imported:
        subject = msgspec.structs.replace(read, import_failure=subject.import_failure or read.import_failure)
    evidence = msgspec.structs.replace(observed.evidence, subject=subject, source=source)
    return msgspec.structs.replace(observed, evidence=evidence)


def _observed(target: Target, spec: Spec, settings: Settings, progress: Progress) -> Observed:
    """What a run left behind; what keeps one adapter from being run costs no other its results."""
    name = target.subject.name
    try:
        return observe(target, spec, settings.service, lambda flow: progress(name, flow))
    except KeyboardInterrupt:
        return Observed(Evidence(target.subject), interrupted=True)
    except (OSError, UsageError) as error:
        refusal = f"the machine refused: {error}; free disk space or permissions and try again"
        message = refusal if isinstance(error, OSError) else str(error)
        return Observed(Evidence(target.subject, our_failure=Failure("NotRun", message)))


def _keep_examples(asked: _Asked, observed: Observed) -> Observed:
    """Keep what has broken a law, where the user wants it; a folder that refuses costs no result."""
    try:
        kept_examples.save(asked.examples, asked.spec.target.subject.name, observed.evidence)
    except OSError as error:
        note = f"the examples could not be kept in {asked.examples}: {error.strerror}"
        subject = observed.evidence.subject
        subject = msgspec.structs.replace(subject, inferred=(*subject.inferred, note))
        return msgspec.structs.replace(observed, evidence=msgspec.structs.replace(observed.evidence, subject=subject))
    return observed


def _own_environment() -> dict[str, str]:
    from importlib.metadata import version

    return {"dl-harness": version("dl-harness")}


def settings_of(root: Path) -> tuple[Settings, Path]:
    """`[tool.dl-harness]` of the nearest pyproject.toml at or above a folder, and where it stands.

    Raises UsageError when it cannot be read.
    """
    for folder in (root, *root.parents):
        file = folder / "pyproject.toml"
        if file.is_file():
            try:
                table = tomllib.loads(file.read_text("utf-8")).get("tool", {}).get("dl-harness")
                if table is not None:
                    return msgspec.convert(table, Settings), folder
            except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
                raise UsageError(f"[tool.dl-harness] in {file} cannot be read: {error}.") from error
        if (folder / ".git").exists():
            break
    return Settings(), root


@dataclass(frozen=True)
class _Asked:
    """What is asked of one adapter."""

    spec: Spec
    settings: Settings
    catalogue: Catalogue
    contracts: tuple[Contract, ...]
    examples: Path | None
    static: bool = False


def _prepare(target: Target, given: dict[str, Any]) -> _Asked:
    """What is asked of one adapter: its repository's settings, and what was given laid over them."""
    settings, folder = settings_of(Path(target.root))
    paths = {
        name: _path(name, given.get(name), getattr(settings, name), folder) for name in ("artifacts", "items", "stubs")
    }
    if paths["items"] is not None:
        _refuse_unusable(paths["items"])
    model = _model(given.get("model"), settings.model, folder)
    known = catalogue(settings.contracts, folder)
    kept = given.get("examples")
    kept = Path(kept).resolve() if kept else folder / settings.examples if settings.examples else None
    contracts = known.select(given.get("select") or settings.select)
    spec = Spec(
        target=target,
        workspace="",
        evidence="",
        model={**target.model, **model},
        items=_text(paths["items"]),
        artifacts=_text(paths["artifacts"]),
        stubs=_text(paths["stubs"]),
        batch_size=given.get("batch_size", settings.batch_size),
        call_limit_s=given.get("call_limit", settings.call_limit),
        wrappers=given.get("wrappers", settings.wrappers),
        examples=kept_examples.load(kept, target.subject.name),
        plugins=tuple(str(folder / name) if name.endswith(".py") else name for name in settings.contracts),
        needs=needs_of(contracts) if len(contracts) < len(known.contracts) else None,
    )
    if spec.batch_size < 1:
        raise UsageError(f"the batch size must be at least 1, not {spec.batch_size}.")
    if spec.wrappers not in {"sdk", "reference"}:
        raise UsageError(f"wrappers must be 'sdk' or 'reference', not {spec.wrappers!r}.")
    static = bool(given.get("static", settings.static))
    return _Asked(spec, settings, known, _static(contracts) if static else contracts, kept, static)


def _static(contracts: tuple[Contract, ...]) -> tuple[Contract, ...]:
    """The contracts that read no flow. Raises UsageError when there is none."""
    found = tuple(contract for contract in contracts if not contract.needs)
    if not found:
        named = ", ".join(contract.id for contract in contracts[:3])
        raise UsageError(f"--static runs nothing, and {named} judges what happens in a run; leave --static out.")
    return found


def spec_of(target: Target, given: dict[str, Any]) -> tuple[Spec, Settings]:
    """How one adapter is to be run: its repository's settings, and what was given laid over them.

    Raises UsageError for settings that cannot be used.
    """
    asked = _prepare(target, given)
    return asked.spec, asked.settings


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)


def _path(name: str, given: str | None, setting: str | None, folder: Path) -> Path | None:
    path = Path(given).resolve() if given is not None else (folder / setting).resolve() if setting is not None else None
    said = (
        f"--{name} {given}"
        if given is not None
        else f"{name} = {setting!r} of [tool.dl-harness] in {folder / 'pyproject.toml'}"
    )
    if path is not None and not path.exists():
        raise UsageError(f"{said}: there is no such file or folder.")
    if path is not None and name != "items" and not path.is_dir():
        raise UsageError(f"{said}: expected a folder, saw a file.")
    return path


def _refuse_unusable(items: Path) -> None:
    from dl_harness.scene import items_of
    from dl_mock.platform import Platform
    from dl_mock.scene import SceneError

    try:
        found, annotations = items_of(items)
        Platform().load_scene({"items": found, "annotations": annotations})
    except SceneError as error:
        raise UsageError(f"--items {items}: {error}.") from error
    if not found:
        raise UsageError(f"--items {items}: expected at least one item, saw none.")


def _model(given: Any, setting: str | None, folder: Path) -> dict[str, Any]:
    if isinstance(given, dict):
        return given
    path = Path(given) if given is not None else folder / setting if setting is not None else None
    if path is None:
        return {}
    try:
        document = json.loads(path.read_text("utf-8-sig"))
    except OSError as error:
        raise UsageError(f"--model {path}: {error.strerror}.") from error
    except ValueError as error:
        raise UsageError(
            f"--model {path}: expected a JSON object, the model as the API returns it; {error}."
        ) from error
    if not isinstance(document, dict):
        raise UsageError(f"--model {path}: expected a JSON object, saw a {type(document).__name__}.")
    for key, expected, saw in wrong_fields(document):
        raise UsageError(f"--model {path}: expected {expected} at {key}, saw {saw}.")
    return document


def _report(observed: Observed, asked: _Asked, duration: float) -> AdapterReport:
    evidence = observed.evidence
    results = (*judge(evidence, asked.contracts), *map(_unusable, asked.catalogue.problems))
    verdict, summary = verdict_of(evidence, results, observed.interrupted)
    count = {v: sum(r.verdict == v for r in results) for v in ("inapplicable", "vacuous")}
    plan = Plan(
        planned=len(results),
        executed=len(results) - sum(count.values()),
        inapplicable=count["inapplicable"],
        vacuous=count["vacuous"],
        flows=tuple(flow.label for flow in evidence.flows),
        not_run=evidence.not_run,
        inferred=evidence.subject.inferred,
        own_contracts=asked.catalogue.own,
    )
    return AdapterReport(
        adapter=evidence.subject.name,
        target=evidence.subject.target,
        plan=plan,
        verdict=verdict,
        results=results,
        summary=summary,
        duration_s=duration,
        output_tail=observed.output_tail,
    )


def _unusable(problem: Problem) -> Result:
    """What a repository or a plugin adds to the catalogue and cannot be used, among the results."""
    return Result(
        contract=problem.origin,
        family="own contracts",
        severity="error",
        verdict="error",
        statement="what is added to the catalogue can be used",
        why="What could not be loaded judges nothing.",
        fix="Mend it, or take it out of [tool.dl-harness].",
        reason=f"{problem.origin} {problem.message}",
        severity_reason="A rule that the repository wants to be kept is not judged.",
        origin=problem.origin,
    )


def _from_here(result: Result) -> Result:
    """The result with files named as they would be typed in the current directory."""
    here = Path.cwd()

    def shown(file: str | None) -> str | None:
        return str(Path(file).relative_to(here)) if file and Path(file).is_relative_to(here) else file

    findings = tuple(msgspec.structs.replace(f, file=shown(f.file)) for f in result.findings)
    return msgspec.structs.replace(result, findings=findings)


def verdict_of(evidence: Evidence, results: tuple[Result, ...], interrupted: bool) -> tuple[AdapterVerdict, str]:
    """The adapter's verdict, and a sentence for the ones that a list of contracts does not explain."""
    if interrupted:
        return "interrupted", "the check was interrupted; what had been learned by then is below"
    if evidence.our_failure is not None:
        if evidence.our_failure.type == "NotRun":
            return "error", f"the adapter could not be run: {evidence.our_failure.message}"
        return "error", f"the harness itself failed with {evidence.our_failure}; please report this"
    unmatched = [r for flow in evidence.flows for r in flow.requests if r.route is None]
    if unmatched:
        first = unmatched[0]
        return "error", (
            f"the mock platform has no route for {first.method} {first.path}, so the run proves nothing about what"
            " follows from it; please report this with the adapter's call"
        )
    unjudged = next((r for r in results if r.verdict == "error"), None)
    if unjudged is not None:
        said = "a contract itself failed; please report this"
        return "error", said if unjudged.origin is None else str(unjudged.reason)
    if any(r.verdict == "fail" for r in results):
        return "fail", ""
    reason = _nothing_proved(evidence, results)
    return ("vacuous", reason) if reason else ("pass", "")


def _nothing_proved(evidence: Evidence, results: tuple[Result, ...]) -> str | None:
    """Why a run without violations is still not green, or None."""
    if not any(r.verdict in {"pass", "warning"} for r in results):
        return "no contract had anything to judge"
    dynamic = [r for r in results if r.family == "output format"]
    if dynamic and not any(r.verdict in {"pass", "warning"} for r in dynamic):
        return "nothing that the adapter returns could be judged: " + next(
            (r.reason for r in dynamic if r.verdict == "vacuous" and r.reason), "no output contract applies"
        )
    for family in REQUIRED_FAMILIES:
        verdicts = {r.verdict for r in results if r.family == family}
        if "vacuous" in verdicts and verdicts <= {"vacuous", "inapplicable"}:
            reason = next(r.reason for r in results if r.family == family and r.verdict == "vacuous")
            return f"nothing of the family {family} could be judged, although it concerns this adapter: {reason}"
    return None


def _drawn(observed: Observed) -> tuple[Drawn, ...]:
    """The items of the first flow that got to the end, with what it left on them."""
    flows = observed.evidence.named("predict_items", "embed_items")
    flow = next((f for f in flows if f.items and f.stored), None)
    if flow is None:
        return ()
    stored = {s.item: s for s in flow.stored}
    return tuple(
        Drawn(
            item=item,
            content=observed.contents.get(item.id, b""),
            annotations=stored[item.id].annotations if item.id in stored else (),
            vector_size=next(iter(stored[item.id].vectors), None) if item.id in stored else None,
        )
        for item in flow.items
    )
