"""A stage: one platform with a scene on it, one adapter connected to it, and flows run one after another."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from dl_harness.evidence import (
    Ending,
    Event,
    Failure,
    FlowEnded,
    FlowStarted,
    ItemSeen,
    MetricSeen,
    Planned,
    Requested,
    RequestSeen,
    Stored,
)
from dl_harness.flows.describing import annotation, plain, turned
from dl_harness.flows.recording import Recorder
from dl_harness.flows.waiting import without_waits
from dl_harness.scene import Seeded, add_model
from dl_harness.workspace import Workspace, changes, listing
from dl_mock.platform import JournalEntry, Platform

SETTLE_S = 5.0
"""How long the other items of a batch may take after one of them has ended the flow."""
MOST_METRICS = 2_000
SDK_CHECK = "/sdk/check"  # SDK before 1.125: a thread of its own asks, at any time after the import


class FlowFailed(Exception):
    """A flow on which later ones of its stage depend did not return; its record says why."""


class Stage:
    """The platform's side of some flows: what is on it before and after, and every request in between."""

    def __init__(
        self,
        platform: Platform,
        seeded: Seeded,
        recorder: Recorder,
        workspace: Workspace,
        emit: Callable[[Event], None],
    ) -> None:
        self.platform = platform
        self.seeded = seeded
        self._recorder = recorder
        self.workspace = workspace
        self._emit = emit
        self._in_flow = False
        self.configuration: Callable[[], tuple[str, ...] | None] = lambda: None
        self._item_failures: list[tuple[str, Failure]] = []
        platform.on_request(self._request)

    def run(
        self,
        label: str,
        function: Callable[[], Any],
        item_ids: tuple[str, ...] = (),
        batch_size: int | None = None,
        wrapper: str = "sdk",
    ) -> Any:
        """Run one flow and record it. Raises FlowFailed when it does not return."""
        self._emit(
            FlowStarted(
                name=label.split("/")[0],
                label=label,
                wrapper=wrapper,
                batch_size=batch_size,
                items=tuple(self.item(one) for one in item_ids),
                stored_before=self._stored(item_ids),
                expected_changes=self._expected(),
            )
        )
        self._keep_contents(item_ids)
        self._item_failures = []
        before = listing(self.workspace)
        started = time.monotonic()
        ended: Ending = "returned"
        failure: Failure | None = None
        value = None
        self._in_flow = True
        try:
            with self._recorder.flow():
                value = function()
        except BaseException as error:
            ended = "exited" if isinstance(error, SystemExit) else "raised"
            failure = self._recorder.failure(error)
            self._recorder.settle(SETTLE_S)
        self._in_flow = False
        _reopen_streams()
        duration = time.monotonic() - started
        os.chdir(self.workspace.app)
        _reopen()
        self._emit(self._end(label, ended, failure, item_ids, before, duration))
        if ended != "returned":
            raise FlowFailed(label)
        return value

    @contextmanager
    def interrupted(self, interrupting: bool) -> Iterator[None]:
        """Whether trainings inside end after their first epoch."""
        self._recorder.interrupting = interrupting
        try:
            yield
        finally:
            self._recorder.interrupting = False

    def emit(self, event: Event) -> None:
        """Record what a flow has learned by itself."""
        self._emit(event)

    @contextmanager
    def only_watching(self) -> Iterator[None]:
        """Record neither calls nor requests made inside."""
        in_flow, self._in_flow = self._in_flow, False
        try:
            with self._recorder.only_watching():
                yield
        finally:
            self._in_flow = in_flow

    @contextmanager
    def failures_of(self, item_id: str) -> Iterator[None]:
        """Keep the exception of one item for the record, so that the others get their turn."""
        try:
            yield
        except BaseException as error:  # also SystemExit: it is about this item
            self._item_failures.append((item_id, self._recorder.failure(error)))
            self._recorder.settle(SETTLE_S)

    @property
    def configured(self) -> dict[str, Any]:
        """The configuration of the first model, as the platform holds it."""
        model = self.platform.state.get("models", self.seeded.model_id) or {}
        return dict(model.get("configuration") or {})

    def another_model(self, suffix: str, *, with_artifacts: bool = True, settings: dict[str, Any] | None = None) -> str:
        """The id of a second model like the first but for its name and settings, made when it is first asked for."""
        state = self.platform.state
        own = state.get("models", self.seeded.model_id) or {}
        name = f"{own.get('name')}-{suffix}"
        known = state.find("models", name=name)
        if known:
            return str(known[0]["id"])
        rest = {k: v for k, v in own.items() if k not in {"id", "artifacts", "createdAt", "updatedAt"}}
        files = self.artifacts() if with_artifacts else {}
        folder = self.workspace.directory / "another" / "artifacts"
        for path, content in files.items():
            file = folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        configuration = {**(own.get("configuration") or {}), **(settings or {})}
        document = {**rest, "name": name, "configuration": configuration}
        return add_model(self.platform, document, folder if files else None)

    def skip(self, label: str, reason: str) -> None:
        """Say that a planned flow is not run."""
        self._emit(Planned((), {label: reason}))

    def _keep_contents(self, item_ids: tuple[str, ...]) -> None:
        """Copy the items' bytes to where the parent finds them for its report."""
        folder = self.workspace.items
        folder.mkdir(exist_ok=True)
        for item_id in item_ids:
            file = folder / item_id
            if not file.exists():
                file.write_bytes(self.platform.state.read(item_id))

    def _end(
        self,
        label: str,
        ended: Ending,
        failure: Failure | None,
        item_ids: tuple[str, ...],
        before: dict[str, tuple[int, int]],
        duration: float,
    ) -> FlowEnded:
        model = self.platform.state.get("models", self.seeded.model_id) or {}
        return FlowEnded(
            label=label,
            ended=ended,
            failure=failure,
            stored=self._stored(item_ids),
            artifacts=tuple(sorted(self.artifacts())),
            status=model.get("status"),
            metrics=self._metrics(),
            configuration=self.configuration(),
            item_failures=tuple(self._item_failures),
            changes=changes(self.workspace, before, listing(self.workspace)),
            left_behind=self._recorder.left_behind(),
            duration_s=duration,
        )

    def _metrics(self) -> tuple[MetricSeen, ...]:
        """The samples that the model has published so far (OpenAPI: ml/metrics)."""
        found = self.platform.state.find("metrics", modelId=self.seeded.model_id)
        return tuple(
            MetricSeen(
                str(sample.get("figure")),
                str(sample.get("legend")),
                plain((sample.get("data") or {}).get("x")),
                plain((sample.get("data") or {}).get("y")),
            )
            for sample in found[:MOST_METRICS]
        )

    def _expected(self) -> tuple[str, ...]:
        """What the SDK itself leaves in the working directory (SDK: train_model's root path, its checkout state)."""
        return (f"working directory/tmp/{self.seeded.model_id}", "working directory/.dataloop")

    def item(self, item_id: str) -> ItemSeen:
        """An item as the platform holds it; the size of an image is that of the upright picture."""
        document = self.platform.state.get("items", item_id) or {}
        system = (document.get("metadata") or {}).get("system") or {}
        mimetype = str(system.get("mimetype") or "")
        size = (_whole(system.get("width")), _whole(system.get("height")))
        if mimetype in {"image/jpeg", "image/tiff"} and turned(self.platform.state.read(item_id)):
            size = size[::-1]
        is_prompt = (system.get("shebang") or {}).get("dltype") == "prompt"
        return ItemSeen(
            id=item_id,
            name=str(document.get("filename", item_id)).lstrip("/"),
            mimetype=mimetype,
            width=size[0],
            height=size[1],
            is_prompt=is_prompt,
            prompts=_prompts(self.platform.state.read(item_id)) if is_prompt else (),
        )

    def _stored(self, item_ids: tuple[str, ...]) -> tuple[Stored, ...]:
        """What is on the items that the scene did not put there."""
        state = self.platform.state
        return tuple(
            Stored(
                item=one,
                annotations=tuple(
                    annotation(a) for a in state.annotations_of(one) if a["id"] not in self.seeded.annotation_ids
                ),
                vectors=tuple(len(v.get("value") or ()) for v in state.find("feature_vectors", entityId=one)),
            )
            for one in item_ids
        )

    def artifacts(self) -> dict[str, bytes]:
        """The model's artifacts by their path below its folder."""
        state = self.platform.state
        model = state.get("models", self.seeded.model_id) or {}
        prefix = f"/artifacts/models/{model.get('name')}/"
        found = {}
        for entry in model.get("artifacts") or ():
            item = state.get("items", str(entry.get("itemId"))) or {}
            name = str(item.get("filename", ""))
            if name.startswith(prefix):
                found[name.removeprefix(prefix)] = state.read(item["id"])
        return found

    def _request(self, entry: JournalEntry) -> None:
        if not self._in_flow or entry.route == SDK_CHECK:
            return
        item_id = _item_of(entry)
        item = self.platform.state.get("items", item_id) if item_id else None
        self._emit(
            Requested(
                RequestSeen(
                    sequence=entry.sequence,
                    method=entry.method,
                    route=entry.route,
                    path=entry.path,
                    status=entry.status,
                    bytes_out=entry.bytes_out,
                    item=item_id,
                    artifact=bool(item and str(item.get("filename", "")).startswith("/artifacts/")),
                    during=self._recorder.running(),
                )
            )
        )


def _reopen() -> None:
    """Give back the streams that an adapter has closed: the SDK draws its progress on them."""
    for name in ("stdout", "stderr"):
        if getattr(getattr(sys, name), "closed", True):
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115 - open for the life of the process


def _reopen_streams() -> None:
    """Give back the standard streams that an adapter has closed: the SDK's progress bars write to them."""
    for name, descriptor in (("stdout", 1), ("stderr", 2)):
        if getattr(sys, name).closed:
            setattr(sys, name, os.fdopen(descriptor, "w", closefd=False))


def _item_of(entry: JournalEntry) -> str | None:
    parts = entry.path.strip("/").split("/")
    return parts[1] if len(parts) > 1 and parts[0] == "items" else None


def _prompts(content: bytes) -> tuple[str, ...]:
    """The keys of the prompts in a prompt item's file (SDK: entities/prompt_item.py)."""
    try:
        prompts = json.loads(content).get("prompts")
    except (ValueError, AttributeError):
        return ()
    return tuple(str(key) for key in prompts) if isinstance(prompts, dict) else ()


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


@contextmanager
def connected(platform: Platform, home: Path) -> Iterator[SimpleNamespace]:
    """The SDK, pointed at the platform, with the entities that flows start from."""
    import dtlpy as dl

    from dl_mock.connection import connect

    with connect(platform, "responses", home), without_waits():
        yield SimpleNamespace(dl=dl)
