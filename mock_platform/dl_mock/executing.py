"""Executions that really run something: runners registered for the modules of models, and who calls them.

A runner is any function of one `Job`. It is called in a thread of its own, outside the lock of the state, and makes
ordinary calls to the platform. What it returns is the output of the execution; what it raises makes it fail.
"""

from __future__ import annotations

import json
import logging
import threading
import traceback
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dl_mock import documents
from dl_mock.documents import Document, with_status
from dl_mock.state_file import StateFileError

if TYPE_CHECKING:
    from dl_mock.platform import Platform

ANY = "*"  # the module name that stands for every module without a runner of its own
# SDK: repositories/services.py FUNCTION_END_LINE; whoever follows a log stops there.
END_LINE = "[Done] Executing function."
FINAL = frozenset({"success", "failed", "aborted", "canceled", "terminated", "system-failure"})

logger = logging.getLogger(__name__)


class Terminated(Exception):
    """Raised inside a runner that reports progress after its execution was terminated."""


@dataclass(frozen=True)
class Job:
    """What a runner is asked to do, and how it reports.

    `execution` is the execution's document: `functionName` is the adapter's function (`predict_items`, ...), `input`
    what the caller sent. `model` is the model's document, or None for an execution of no model.
    """

    execution: Mapping[str, Any]
    model: Mapping[str, Any] | None
    url: str
    token: str
    terminated: threading.Event
    _platform: Platform = field(repr=False)

    def progress(self, percent: float | None = None, message: str | None = None) -> None:
        """Note how far the work is; raises Terminated if somebody has ended the execution."""
        if self.terminated.is_set():
            raise Terminated(f"execution {self.execution['id']} was terminated")
        change = {"percentComplete": percent, "message": message}
        self._platform.executor.report(self.execution["id"], {k: v for k, v in change.items() if v is not None})

    def log(self, message: str, level: str = "INFO") -> None:
        """Add a line to the log of the service."""
        self._platform.executor.log(self.execution, message, level)


Runner = Callable[[Job], Any]


class Executor:
    """Runs executions, each in a thread of its own."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._runners: dict[str, Runner] = {}
        self._running: dict[str, tuple[threading.Event, Future[None]]] = {}

    def register(self, module_name: str, runner: Runner) -> None:
        """Run executions of models of this module with `runner`; "*" is for modules without one of their own."""
        if not isinstance(module_name, str) or not module_name:
            raise TypeError(f"expected the name of a module as text, or '*' for any, saw {module_name!r}")
        if not callable(runner):
            raise TypeError(f"expected a function of one Job as the runner of {module_name!r}, saw {runner!r}")
        self._runners[module_name] = runner

    def runner_of(self, module_name: str | None) -> Runner | None:
        """The runner of a module, or None if nothing runs."""
        return self._runners.get(module_name or "", self._runners.get(ANY))

    def begin(self, execution: Document) -> Future[None] | None:
        """Start an execution whose document is stored; a future if something runs that can be waited for."""
        runner = self.runner_of(execution.get("moduleName"))
        if runner is None:
            stages = [lambda: self._move(execution["id"], "in-progress"), lambda: self._succeed(execution["id"], None)]
            self._platform.schedule.begin("executions", execution["id"], stages)
            return None
        done: Future[None] = Future()
        self._running[execution["id"]] = (threading.Event(), done)
        self._platform.schedule.begin("executions", execution["id"], [lambda: self._start(execution["id"], runner)])
        # Held back by its timing, an execution is not waited for: who would let it go?
        return done if self._platform.schedule.timing.executions == 0 else None

    def terminate(self, execution_id: str) -> None:
        """End an execution: a runner is told, and what it still returns is ignored."""
        self._platform.schedule.drop(execution_id)
        terminated, done = self._running.pop(execution_id, (None, None))
        if terminated is not None:
            terminated.set()
        if done is not None and not done.done():
            done.set_result(None)
        self._move(execution_id, "aborted", message="terminated")

    def report(self, execution_id: str, change: Mapping[str, Any]) -> Document | None:
        """Add a line to the status log of an execution; nothing if it has ended or is gone."""
        with self._platform.state.lock:
            execution = self._platform.state.get("executions", execution_id)
            if execution is None or _status(execution) in FINAL:
                return None
            return self._put(execution, change)

    def log(self, execution: Mapping[str, Any], message: str, level: str = "INFO") -> None:
        """Add a line to the log of a service."""
        model = execution.get("model") or {}
        line = {
            "executionId": execution["id"],
            "serviceId": execution.get("serviceId"),
            "projectId": execution.get("projectId"),
            "functionName": execution.get("functionName"),
            "modelId": model.get("modelId"),
            "modelOperation": model.get("modelOperation"),
            "level": level,
            "message": message,
        }
        with self._platform.state.lock:
            document = documents.log_line(line, self._platform.author)
            self._platform.state.put("logs", document)

    def wait(self, timeout: float | None = None) -> None:
        """Wait until nothing runs any more; TimeoutError if that takes too long."""
        for _, done in list(self._running.values()):
            done.result(timeout)

    def interrupted(self) -> None:
        """End what a state file shows as under way: whoever ran it is gone, and a client would wait for ever."""
        state, author, why = self._platform.state, self._platform.author, "the mock platform was stopped meanwhile"
        for execution in state.all("executions"):
            if _status(execution) not in FINAL:
                self._put(execution, {"status": "system-failure", "message": why})
        for command in state.all("commands"):
            if command.get("status") not in ("success", "failed", "timeout", "canceled", "aborted"):
                state.put("commands", {**command, "status": "failed", "error": why, **author.touch()})
        for model in state.all("models"):
            if model["status"] == "cloning":
                state.put("models", with_status(model, "failed", author, why))

    def clear(self) -> None:
        """Tell everything that runs to end, and forget it; runners stay registered."""
        for terminated, done in self._running.values():
            terminated.set()
            if not done.done():
                done.set_result(None)
        self._running = {}

    def _start(self, execution_id: str, runner: Runner) -> None:
        name = f"dl-mock-execution-{execution_id}"
        threading.Thread(target=self._run, args=(execution_id, runner), name=name, daemon=True).start()

    def _run(self, execution_id: str, runner: Runner) -> None:
        running = self._running.get(execution_id)
        if running is None:  # terminated before it began
            return
        terminated, done = running
        try:
            with self._platform.state.lock:
                execution = self._move(execution_id, "in-progress", attempt=True)
            if execution is not None:
                self._call(execution, runner, terminated)
        except Exception:  # a fault of ours must not leave an execution that never ends
            logger.exception("execution %s", execution_id)
            self._move(execution_id, "system-failure", message="the mock platform failed")
        finally:
            if self._running.get(execution_id) is running:
                del self._running[execution_id]
            if not done.done():
                done.set_result(None)

    def _call(self, execution: Document, runner: Runner, terminated: threading.Event) -> None:
        platform = self._platform
        model_id = (execution.get("model") or {}).get("modelId", "")
        model = platform.state.get("models", model_id)
        self.log(execution, f"[Start] Executing function: {execution['functionName']}")
        try:
            output = runner(Job(execution, model, platform.url, platform.token, terminated, platform))
        except Terminated:
            self.log(execution, "terminated", "WARNING")
        except BaseException as error:  # an adapter may even call sys.exit
            self._fail(execution, error)
        else:
            self._succeed(execution["id"], output)
        self.log(execution, END_LINE)

    def _fail(self, execution: Document, error: BaseException) -> None:
        told = "".join(traceback.format_exception(type(error), error, error.__traceback__))
        self.log(execution, told, "ERROR")
        message = f"{type(error).__name__}: {error}"
        with self._platform.state.lock:
            ended = self._move(execution["id"], "failed", message=message, error={"message": message, "stack": told})
            model_id = (execution.get("model") or {}).get("modelId", "")
            model = self._platform.state.get("models", model_id)
            # The SDK only logs that a training failed (ml/base_model_adapter.py train_model): the platform must say so.
            if ended is not None and model is not None and execution["functionName"] == "train_model":
                self._platform.state.put("models", with_status(model, "failed", self._platform.author, message))

    def _succeed(self, execution_id: str, output: Any) -> None:
        # OpenAPI has an object as the output; what a runner returns is told as it is.
        self._move(execution_id, "success", percentComplete=100, output=_plain(output))

    def _move(self, execution_id: str, status: str, attempt: bool = False, **details: Any) -> Document | None:
        """Another status, unless the execution has ended."""
        with self._platform.state.lock:
            execution = self._platform.state.get("executions", execution_id)
            if execution is None or _status(execution) in FINAL:
                return None
            if attempt:
                execution = {**execution, "attempts": execution["attempts"] + 1}
            return self._put(execution, {"status": status, **details})

    def _put(self, execution: Document, change: Mapping[str, Any]) -> Document:
        changed = documents.with_report(execution, change, self._platform.author)
        stored = self._platform.state.put("executions", changed)
        # What is told of an execution outlives the process, as any answer does.
        try:
            self._platform.state.commit()
        except StateFileError as error:  # kept for the next request, which tells
            logger.warning("execution %s: %s", execution["id"], error)
        return stored


def _status(execution: Mapping[str, Any]) -> str:
    return str((execution.get("latestStatus") or {}).get("status"))


def _plain(value: Any) -> Any:
    """What a runner returned, if it can be told in JSON."""
    try:
        json.dumps(value)
    except (TypeError, ValueError, RecursionError):
        return None
    return value
