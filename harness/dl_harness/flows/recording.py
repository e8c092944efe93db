"""The instrument: it notes every call of a user function, whoever makes it, and changes nothing else.

The SDK's wrappers and the reference flows are recorded by this one instrument, so that their records can be compared.
"""

from __future__ import annotations

import functools
import inspect
import os
import re
import sys
import threading
import time
import traceback
import types
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import msgspec

from dl_harness.evidence import (
    USER_FUNCTIONS,
    Call,
    CallEnded,
    CallStarted,
    Ending,
    Event,
    Failure,
    FileOpened,
    LeftBehind,
    NetworkAttempt,
    NetworkRefused,
    OurFailure,
    Place,
    Returned,
    started,
)
from dl_harness.flows.describing import predicted, returned
from dl_harness.flows.generators import generators
from dl_harness.flows.guard import is_writing
from dl_harness.flows.leftovers import Leftovers
from dl_harness.flows.training_data import held
from dl_harness.workspace import Listing, Workspace, changes, listing

PATH_ARGUMENTS = ("local_path", "data_path", "output_path")
WATCHED_FILES = frozenset({"load", "save", "train", "convert_from_dtlpy"})
BATCHED = frozenset({"predict", "embed"})
MOST_TRACEBACK = 4000
MOST_MESSAGE = 2000
MOST_OPENED = 500

DEEPEST = 2
"""Calls within calls that are recorded; an endless recursion must not become an endless record."""

ADDRESS = re.compile(r" at 0x[0-9a-f]+")
"""Where an object lies in memory: another place in every run, and no use to anybody."""

_NOT_DATA = (".py", ".pyc", ".pyi", ".so", ".pth", ".egg-info")


Prepared = tuple[int, str, object]
"""What prepare_item_func returned: the number of the call, the item, the value (kept alive until its batch)."""


@dataclass
class _Running:
    """A call that has not come back."""

    id: int
    function: str
    depth: int
    thread: int
    started: float
    event: CallStarted
    opened: dict[str, bool] = field(default_factory=dict)


class TrainingInterruptedError(Exception):
    """What the callback raises in a training that is to be interrupted."""


class Recorder:
    """Notes the calls of one adapter class in a child process.

    `emit` takes events as they happen; `sequence` gives the number of the platform's next request.
    """

    def __init__(self, emit: Callable[[Event], None], sequence: Callable[[], int], workspace: Workspace) -> None:
        self._emit = emit
        self._sequence = sequence
        self._workspace = workspace
        self._lock = threading.RLock()
        self._stacks: dict[int, list[_Running]] = {}
        self._count = 0
        self._prepared: list[Prepared] = []
        self._leftovers = Leftovers()
        self._epochs: list[tuple[Any, Any]] | None = None
        self.active = False
        self.interrupting = False
        self.quiet = False
        self.last_seen = time.monotonic()

    def instrument(self, adapter_class: type) -> None:
        """Put a recording function before each user function of the class; signatures stay as they are."""
        for name in USER_FUNCTIONS:
            descriptor = inspect.getattr_static(adapter_class, name, None)
            if isinstance(descriptor, (staticmethod, classmethod)):
                wrapped = self._recording(name, descriptor.__func__, bound=isinstance(descriptor, classmethod))
                type.__setattr__(adapter_class, name, type(descriptor)(wrapped))
            elif inspect.isfunction(descriptor):
                type.__setattr__(adapter_class, name, self._recording(name, descriptor, bound=True))
            elif callable(getattr(adapter_class, name, None)):
                type.__setattr__(adapter_class, name, self._recording(name, _as_function(descriptor), bound=True))

    @contextmanager
    def flow(self) -> Iterator[None]:
        """Record the calls made inside."""
        self._prepared.clear()
        self._leftovers = Leftovers()
        self.last_seen = time.monotonic()
        self.active = True
        try:
            yield
        finally:
            self.active = False

    @contextmanager
    def only_watching(self) -> Iterator[None]:
        """Record no calls made inside, which would be hundreds; one that does not come back is still noticed."""
        self.quiet = True
        try:
            yield
        finally:
            self.quiet = False

    def left_behind(self) -> tuple[LeftBehind, ...]:
        """What the calls of predict and embed in the last flow have left in the process."""
        return self._leftovers.told()

    def settle(self, limit_s: float) -> None:
        """Wait a while for other threads: one prepared item that raised ends a flow before the others are done."""
        end = time.monotonic() + limit_s
        while self.running() is not None and time.monotonic() < end:
            time.sleep(0.005)

    def longest_running(self) -> _Running | None:
        """The wrapper's own call that has been running longest, for the time limit."""
        with self._lock:
            waiting = [stack[0] for stack in self._stacks.values() if stack]
        return min(waiting, key=lambda running: running.started, default=None)

    def running(self) -> str | None:
        """The user function at work, if one is; with several threads, the one that is not preparing items."""
        with self._lock:
            names = [stack[0].function for stack in self._stacks.values() if stack]
        return next((n for n in names if n != "prepare_item_func"), names[0] if names else None)

    def opened(self, path: object, mode: object, flags: object) -> None:
        """Called by the interpreter for each file that is opened; see `sys.addaudithook`."""
        if not self.active or not isinstance(path, (str, os.PathLike)) or _by_the_platform():
            return
        running = self._current()
        if running is None or len(running.opened) >= MOST_OPENED:
            return
        real = os.path.realpath(os.fspath(path)) if isinstance(os.fspath(path), str) else ""
        if not real or real.endswith(_NOT_DATA) or real.startswith(_SYSTEM):
            return
        running.opened[real] = running.opened.get(real, False) or is_writing(mode, flags)

    def _current(self) -> _Running | None:
        """The wrapper's own call that this thread is in, or else the one that may have started the thread."""
        with self._lock:
            own = self._stacks.get(threading.get_ident())
            stack = own or next((s for s in self._stacks.values() if s), None)
            return stack[0] if stack else None

    def refused(self, address: str) -> None:
        """The adapter tried to reach an address that is not on this machine."""
        frames = traceback.extract_stack()
        self._emit(NetworkRefused(NetworkAttempt(address, self._own_place(frames))))

    def failure(self, error: BaseException) -> Failure:
        """An exception as evidence, with the last frame in the adapter's own code."""
        try:
            message = str(error)
        except Exception:  # an exception of the adapter's own that cannot even say what it is
            message = ""
        shown = "".join(traceback.format_exception(type(error), error, error.__traceback__))
        frames = traceback.extract_tb(error.__traceback__)
        place = self._own_place(frames)
        if isinstance(error, SyntaxError) and error.filename:
            place = Place(self._workspace.original(error.filename), error.lineno)
        return Failure(
            type=type(error).__name__,
            message=self._workspace.as_seen(ADDRESS.sub("", message))[:MOST_MESSAGE],
            place=place,
            traceback=self._workspace.as_seen(shown)[-MOST_TRACEBACK:],
        )

    def _own_place(self, frames: traceback.StackSummary) -> Place:
        own = [f for f in frames if f.filename.startswith(str(self._workspace.app) + os.sep)]
        return Place(self._workspace.original(own[-1].filename), own[-1].lineno) if own else Place()

    def stack_of(self, thread: int) -> Failure:
        """Where a thread is standing that does not come back."""
        frame = sys._current_frames().get(thread)
        frames = traceback.extract_stack(frame) if frame else traceback.StackSummary()
        shown = "".join(traceback.format_list(frames))[-MOST_TRACEBACK:]
        return Failure("TimeLimit", "", self._own_place(frames), shown)

    def give_up(self, running: _Running, failure: Failure) -> None:
        """Record that a call will not come back."""
        self._emit(CallEnded(self._call(running, "hung", None, failure, (), ())))

    def _recording(self, name: str, original: Callable[..., Any], *, bound: bool) -> Callable[..., Any]:
        @functools.wraps(original)
        def recorded(*args: Any, **kwargs: Any) -> Any:
            if not self.active or self._depth() > DEEPEST:
                return original(*args, **kwargs)
            if self.quiet:
                return self._watch(name, lambda: original(*args, **kwargs))
            return self._run(name, original, args, kwargs, args[1:] if bound else args)

        return recorded

    def _depth(self) -> int:
        """How many user functions this thread is in."""
        return len(self._stacks.get(threading.get_ident(), ()))

    def _run(
        self,
        name: str,
        original: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        given: tuple[Any, ...],
    ) -> Any:
        running = self._start(name, given, kwargs)
        if name == "train" and callable(kwargs.get("on_epoch_end_callback")):
            kwargs = {**kwargs, "on_epoch_end_callback": self._listening(kwargs["on_epoch_end_callback"])}
        before = self._look(running)
        random_before = generators() if name in BATCHED else ""
        directory = _here() or str(self._workspace.app)
        ended: Ending = "returned"
        value: Any = None
        failure: Failure | None = None
        watched = name in BATCHED and running.depth == 0
        if watched:
            self._leftovers.before(args[0] if args else None)
        try:
            value = original(*args, **kwargs)
        except BaseException as error:
            ended = "exited" if isinstance(error, SystemExit) else "raised"
            failure = self.failure(error)
            raise
        finally:
            if watched:
                self._leftovers.after(args[0] if args else None)
            self._end(running, ended, value, failure, before, directory, random_before)
        if isinstance(value, types.GeneratorType) and name in BATCHED:
            return self._watched(running, value)
        return value

    def _listening(self, callback: Callable[..., Any]) -> Callable[..., Any]:
        """The callback of the wrapper, noting what train reports; it ends a training that is to be interrupted.

        The wrapper's own does its arithmetic only when somebody watches the progress, as on the platform
        (SDK: train_model, on_epoch_end_callback).
        """
        epochs = self._epochs = []

        def on_epoch_end_callback(i_epoch: Any, n_epoch: Any) -> Any:
            epochs.append((_told(i_epoch), _told(n_epoch)))
            if self.interrupting:
                raise TrainingInterruptedError("the machine went away after this epoch (said dl-harness)")
            return callback(i_epoch=i_epoch, n_epoch=n_epoch)

        return on_epoch_end_callback

    def _watch(self, name: str, call: Callable[[], Any]) -> Any:
        """A call that is not recorded, for the time limit."""
        with self._lock:
            self._count += 1
            event = CallStarted(id=self._count, function=name, depth=self._depth(), first_request=self._sequence())
            running = _Running(self._count, name, event.depth, threading.get_ident(), time.monotonic(), event)
            self._stacks.setdefault(running.thread, []).append(running)
        try:
            return call()
        finally:
            self.last_seen = time.monotonic()
            with self._lock:
                self._stacks[running.thread].remove(running)

    def _start(self, name: str, given: tuple[Any, ...], kwargs: dict[str, Any]) -> _Running:
        thread = threading.get_ident()
        with self._lock:
            self._count += 1
            stack = self._stacks.setdefault(thread, [])
            others = (s[0] for t, s in self._stacks.items() if t != thread and s)
            inside = any(other.function != "prepare_item_func" for other in others)
            depth = len(stack) + int(inside and not stack)
            items = self._items(name, depth, given, kwargs)
            paths = dict(zip(_positional(name), given, strict=False)) | kwargs
            event = CallStarted(
                id=self._count,
                function=name,
                depth=depth,
                positional=len(given),
                keywords=tuple(sorted(kwargs)),
                size=_size(given[0]) if name in BATCHED and given else None,
                paths={k: self._workspace.named(v) for k, v in paths.items() if k in PATH_ARGUMENTS and _is_path(v)},
                items=items,
                first_request=self._sequence(),
            )
            running = _Running(self._count, name, depth, thread, time.monotonic(), event)
            stack.append(running)
        self._emit(event)
        return running

    def _items(self, name: str, depth: int, given: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[str, ...]:
        """The items a call is about: one that is being prepared, or those of the batch."""
        if name == "prepare_item_func":
            return (str(getattr(given[0] if given else kwargs.get("item"), "id", "")),)
        if name in BATCHED and depth == 0:
            batch = given[0] if given else kwargs.get("batch")
            prepared, self._prepared = self._prepared, []
            return _named_batch(batch if isinstance(batch, (list, tuple)) else (), prepared)
        return ()

    def _look(self, running: _Running) -> Listing:
        watched = running.function in WATCHED_FILES and running.depth == 0
        return listing(self._workspace) if watched else {}

    def _end(
        self,
        running: _Running,
        ended: Ending,
        value: object,
        failure: Failure | None,
        before: Listing,
        directory: str,
        random_before: str,
    ) -> None:
        self.last_seen = time.monotonic()
        with self._lock:
            self._stacks[running.thread].remove(running)
            if running.function == "prepare_item_func" and running.depth == 0 and ended == "returned":
                self._prepared.append((running.id, running.event.items[0], value))
        told = self._told(running.function, value) if ended == "returned" else None
        changed = changes(self._workspace, before, self._look(running))
        here = _here()
        if here != directory:
            self._workspace.app.mkdir(parents=True, exist_ok=True)
            os.chdir(directory if os.path.isdir(directory) else self._workspace.app)
        left = None if here == directory else self._workspace.named(here) if here else "a folder that was deleted"
        call = self._call(running, ended, told, failure, changed, tuple(running.opened.items()))
        epochs, self._epochs = (self._epochs, None) if running.function == "train" else (None, self._epochs)
        self._emit(
            CallEnded(
                msgspec.structs.replace(
                    call,
                    left_directory=left,
                    random=(random_before, generators(look_only=True)) if random_before else None,
                    holds=held(self._data_path(running)) if running.function == "convert_from_dtlpy" else (),
                    epochs=None if epochs is None else tuple(epochs),
                )
            )
        )

    def _data_path(self, running: _Running) -> str | None:
        return self._workspace.real(running.event.paths.get("data_path"))

    def _told(self, function: str, value: object) -> Returned:
        try:
            return returned(function, value)
        except Exception as error:  # describing is ours: it must not fail the adapter's call
            self._emit(OurFailure(self.failure(error)))
            return Returned(kind=type(value).__name__)

    def _call(
        self,
        running: _Running,
        ended: Ending,
        told: Returned | None,
        failure: Failure | None,
        changed: tuple[Any, ...],
        opened: tuple[tuple[str, bool], ...],
    ) -> Call:
        return msgspec.structs.replace(
            started(running.event, ended),
            returned=told,
            failure=failure,
            requests=(running.event.first_request, self._sequence()),
            opened=tuple(FileOpened(self._workspace.named(path), writes) for path, writes in opened),
            changes=changed,
            duration_s=time.monotonic() - running.started,
        )

    def _watched(self, running: _Running, values: types.GeneratorType[Any, Any, Any]) -> Iterator[Any]:
        """The adapter's generator, noting what it yields when somebody walks it."""
        entries = []
        for value in values:
            entries.append(predicted(value))
            yield value
        told = Returned(kind="generator", entries=tuple(entries))
        self._emit(CallEnded(self._call(running, "returned", told, None, (), ())))


def _as_function(descriptor: Any) -> Callable[..., Any]:
    """A partial method, a cached method or another callable in the place of a method, as a plain function."""

    @functools.wraps(descriptor)
    def function(self: Any, *args: Any, **kwargs: Any) -> Any:
        bound = descriptor.__get__(self, type(self)) if hasattr(descriptor, "__get__") else descriptor
        return bound(*args, **kwargs)

    return function


def _named_batch(batch: Sequence[object], prepared: list[Prepared]) -> tuple[str, ...]:
    """The items of a batch in its order: told by the prepared values themselves, or by the order of preparation."""
    owners = {id(value): item for _, item, value in prepared if value is not None}
    named = [owners.pop(id(value), None) for value in batch]
    rest = [item for _, item, _ in sorted(prepared, key=lambda one: one[0]) if item not in named]
    return tuple(name or rest.pop(0) for name in named if name or rest)


def _positional(name: str) -> tuple[str, ...]:
    """The names of the parameters that wrappers may pass by position."""
    return {"load": ("local_path",), "save": ("local_path",), "train": ("data_path", "output_path")}.get(name, ())


def _told(number: object) -> Any:
    """An epoch as the adapter names it, or the type of what is no number."""
    if isinstance(number, bool) or not isinstance(number, (int, float)):
        return type(number).__name__
    return int(number) if isinstance(number, int) else str(number)


def _by_the_platform() -> bool:
    """Whether the mock platform, which lives in this process, is the one that opens a file."""
    frame = sys._getframe(2)
    for _ in range(12):
        if frame.f_globals.get("__name__", "").startswith("dl_mock."):
            return True
        if frame.f_back is None:
            return False
        frame = frame.f_back
    return False


def _here() -> str | None:
    """The working directory, or None when somebody has deleted it."""
    try:
        return os.getcwd()
    except FileNotFoundError:
        return None


def _is_path(value: object) -> bool:
    return isinstance(value, (str, os.PathLike))


def _size(batch: object) -> int | None:
    return len(batch) if isinstance(batch, (list, tuple)) else None


_SYSTEM = tuple(
    os.path.realpath(p) + os.sep for p in {sys.prefix, sys.base_prefix, "/proc", "/sys", "/dev", "/etc", "/usr"}
)
