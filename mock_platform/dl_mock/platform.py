"""The platform: one function from request to response, over a state."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dl_mock.auth import Gate, issue_token
from dl_mock.clock import Clock, iso, real_clock
from dl_mock.documents import Author
from dl_mock.executing import Executor, Runner
from dl_mock.faults import Fault, Faults
from dl_mock.ids import IdSource, ObjectIds
from dl_mock.limits import Limits
from dl_mock.message import NOTHING, Delivery, Request, Response
from dl_mock.query import QueryError
from dl_mock.routes import ROUTES
from dl_mock.routing import ApiError, Call, Route, Router
from dl_mock.settings import Settings
from dl_mock.state import COLLECTIONS, HIGHEST_GONE, State
from dl_mock.state_file import StateFile, StateFileError
from dl_mock.timing import Schedule, Timing

EMAIL = "user@dl-mock.local"
PREFIX = "/api/v1"
ADMIN_PREFIX = "/_mock"
# The SDK repeats a 501 up to five times with growing pauses, 30 s in all; asked to wait 1 s each it gives up in 5.
RETRY_SOON = {"retry-after": "1"}

LONGEST_ERROR = 500  # characters of a message that the journal keeps

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """One handled request; `route` is the template that answered, or None."""

    sequence: int
    method: str
    path: str
    query: Mapping[str, str]
    route: str | None
    status: int
    bytes_in: int
    bytes_out: int
    thread: str
    time: float  # when it was answered, by the monotonic clock
    started: float = 0.0
    error: str | None = None  # the message of an answer that is an error


Listener = Callable[[JournalEntry], None]


class Platform:
    """A small Dataloop. `url` is where it says it lives; a transport sets it.

    With `strict_auth` only the platform's own token is accepted. `settings` answer what no public source does,
    `timing` says how long things take. `overwrite_keeps_item` is the setting of that name.
    """

    router = Router(ROUTES)

    def __init__(
        self,
        clock: Clock | None = None,
        new_id: IdSource | None = None,
        strict_auth: bool = False,
        overwrite_keeps_item: bool | None = None,
        settings: Settings | None = None,
        timing: Timing | None = None,
    ) -> None:
        _check_parts(clock, new_id, timing)
        self.clock = clock or real_clock
        self.new_id = new_id or ObjectIds(self.clock)
        self.state = State()
        self.settings = Settings() if settings is None else settings
        if overwrite_keeps_item is not None:
            self.settings = replace(self.settings, overwrite_keeps_item=overwrite_keeps_item)
        self.schedule = Schedule(self.clock, timing or Timing())
        self.executor = Executor(self)
        self.faults = Faults()
        self.url = f"http://127.0.0.1{PREFIX}"
        self.token = issue_token(EMAIL, self.new_id(), self.clock())
        self.author = Author(EMAIL, self.new_id, lambda: iso(self.clock()))
        self.journal: list[JournalEntry] = []
        self._gate = Gate(self.token, strict_auth)
        self._limits = Limits()
        self.admin = True  # whether the mock's own surface answers; a transport that others can reach turns it off
        self._listeners: list[Listener] = []
        self._scenes: list[Mapping[str, Any] | str | Path] = []

    def handle(self, request: Request) -> Response:
        """Answer a request; never raises. Requests are handled one at a time."""
        if request.path.startswith(ADMIN_PREFIX):
            return self._administer(request)
        if request.path == "/" and request.method == "GET":  # somebody opened the address in a browser
            return Response(302, b"", {"location": f"{ADMIN_PREFIX}/"})
        path = request.path.removeprefix(PREFIX) or "/"
        started = time.monotonic()
        with self.state.lock:
            self.schedule.advance()
            response, route = self._answer(request, path)
            response = self._kept(response)
            entry = JournalEntry(
                sequence=len(self.journal),
                method=request.method,
                path=path,
                query=request.query,
                route=route,
                status=response.status,
                bytes_in=len(request.body),
                bytes_out=len(response.body),
                thread=threading.current_thread().name,
                time=time.monotonic(),
                started=started,
                error=_told(response) if response.status >= 400 else None,
            )
            self.journal.append(entry)
        for listener in tuple(self._listeners):
            listener(entry)
        return response

    @property
    def unmatched(self) -> list[JournalEntry]:
        """Requests that no route answered."""
        return [entry for entry in self.journal if entry.route is None]

    def on_request(self, listener: Listener) -> None:
        """Call `listener` after each handled request, outside the lock of the state."""
        self._listeners.append(listener)

    @property
    def settings(self) -> Settings:
        """Answers to what nobody outside the platform can know; may be exchanged while it runs."""
        return self.state.settings

    @settings.setter
    def settings(self, settings: Settings) -> None:
        if not isinstance(settings, Settings):
            raise TypeError(f"expected dl_mock.Settings(...), saw {settings!r}")
        self.state.settings = settings

    @property
    def overwrite_keeps_item(self) -> bool:
        """The setting of this name."""
        return self.settings.overwrite_keeps_item

    def register(self, module_name: str, runner: Runner) -> None:
        """Let executions of models of this module really run: `runner` is called with each as a `Job`.

        "*" stands for every module without a runner of its own. `dl_mock.adapters` has runners for adapters.
        """
        self.executor.register(module_name, runner)

    def step(self, subject: str | None = None) -> int:
        """Do the next stage of what is under way, or of what is about one document; returns how many were done."""
        with self.state.lock:
            return self.schedule.step(subject)

    def load_scene(self, source: Mapping[str, Any] | str | Path) -> None:
        """Add documents: a dict, a JSON file, or a directory. Before the first request they are the starting state."""
        from dl_mock.scene import load_scene

        load_scene(self, source)
        self.state.commit()
        if not self.journal:
            self._scenes.append(source)

    def reset(self) -> None:
        """Back to the starting state: its scenes, an empty journal, no faults, nothing under way."""
        self.clear()
        scenes, self._scenes = self._scenes, []
        for source in scenes:
            self.load_scene(source)

    def clear(self) -> None:
        """Forget every document, the journal, faults and what is under way; ids go on growing."""
        with self.state.lock:
            self.schedule.clear()
            self.executor.clear()
            self.faults.clear()
            for collection in COLLECTIONS:
                for document in self.state.all(collection):
                    self.state.remove(collection, document["id"])
            self.journal.clear()

    def snapshot(self, directory: str | Path) -> None:
        """Write everything as a scene that `load_scene` restores exactly."""
        from dl_mock.snapshot import write_snapshot

        write_snapshot(self.state, Path(directory))

    def keep_state(self, path: str | Path) -> bool:
        """Keep the state in a file, after taking over what that holds; whether it held anything.

        Token and ids go on where they were. Raises StateFileError, and RuntimeError if there are documents already.
        """
        with self.state.lock:
            if any(self.state.count(collection) for collection in COLLECTIONS):
                raise RuntimeError("expected a platform without documents, because a state file brings its own")
            file = StateFile(Path(path))
            try:
                facts = file.facts()
                self.state.keep_in(file)
                for collection in COLLECTIONS:
                    for id_ in self.state.table(collection).rows:
                        self.new_id.reserve(id_)
                self.new_id.reserve(facts.get(HIGHEST_GONE, ""))
                if "token" in facts:
                    self.token = facts["token"]
                    self._gate = Gate(self.token, self._gate.strict)
                else:
                    file.write({}, {}, [("token", self.token)])
            except (StateFileError, ValueError):
                file.close()
                raise
            self.executor.interrupted()
            return "token" in facts

    def _kept(self, response: Response) -> Response:
        """The answer, once what it stands for is in the state file."""
        try:
            self.state.commit()
        except StateFileError as error:
            return _error(500, f"nothing is lost yet, but it could not be written: {error}")
        return response

    def _administer(self, request: Request) -> Response:
        from dl_mock.admin.answering import answer

        if self.admin:
            response = answer(self, request)
            with self.state.lock:
                return self._kept(response)
        return _error(403, f"the mock's own surface is off, because others than this machine can reach {self.url}")

    def _answer(self, request: Request, path: str) -> tuple[Response, str | None]:
        matched = self.router.match(request.method, path)
        fault = self.faults.of_request(request.method, path, matched[0].template if matched else None)
        if fault is not None and fault.status is not None:
            return _broken(fault, _error(fault.status, fault.message)), matched[0].template if matched else None
        response, route = self._answer_matched(request, path, matched)
        return (response if fault is None else _broken(fault, response)), route

    def _answer_matched(
        self, request: Request, path: str, matched: tuple[Route, dict[str, str]] | None
    ) -> tuple[Response, str | None]:
        if matched is None:
            message = self.router.advice(request.method, path)
            return Response.of_json({"message": message}, 501, RETRY_SOON), None
        route, params = matched
        try:
            self._limits.check(request, self.settings, self.clock)
            self._gate.check(request.headers.get("authorization", ""), self.clock())
            return route.handler(Call(self, request, params)), route.template
        except ApiError as error:
            return _error(error.status, error.message, error.headers), route.template
        except QueryError as error:
            return _error(400, str(error)), route.template
        except Exception as error:  # a fault of ours must reach the caller as an answer, not as a hang
            logger.exception("%s %s failed", request.method, path)
            return _error(500, f"the mock platform failed: {type(error).__name__}: {error}"), route.template


def _check_parts(clock: object, new_id: object, timing: object) -> None:
    """TypeError for what would only fail with the first request."""
    if clock is not None and not callable(clock):
        raise TypeError(f"clock: expected a function that returns the time, saw {clock!r}")
    if new_id is not None and not (callable(new_id) and hasattr(new_id, "reserve")):
        raise TypeError(f"new_id: expected a source of ids such as dl_mock.ids.ObjectIds(clock), saw {new_id!r}")
    if timing is not None and not isinstance(timing, Timing):
        raise TypeError(f"timing: expected dl_mock.Timing(...), saw {timing!r}")


def _broken(fault: Fault, response: Response) -> Response:
    """An answer held back or never given; what it answers to was done."""
    if not fault.delay and not fault.drop:
        return response
    how = replace(response.delivery or Delivery(), delay=float(fault.delay), drop=fault.drop)
    return replace(response, delivery=how)


def _told(response: Response) -> str | None:
    """The message in the body of an error."""
    if not response.body.startswith(b"{"):
        return None
    return str(response.json().get("message"))[:LONGEST_ERROR]


def _error(status: int, message: str, headers: Mapping[str, str] = NOTHING) -> Response:
    return Response.of_json({"status": status, "message": message}, status, headers)
