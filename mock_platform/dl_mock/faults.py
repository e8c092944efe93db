"""Faults to inject: errors, delays, dropped connections and failing commands, a number of times, by route."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from dl_mock.settings import unknown

LONGEST = 3600.0  # seconds that an answer may be held back


@dataclass(frozen=True)
class Fault:
    """What is to go wrong, and for what.

    `route` is a template such as `/items/{item_id}`, or a path in which `*` stands for anything; `method` is a verb
    or `*`. With `command` (the type of a command, or `*`) the fault is not of a request but of a command, which
    fails with `message`. `times` is how often, None for always.
    """

    route: str = "*"
    method: str = "*"
    command: str | None = None
    status: int | None = None
    message: str = "a fault that was asked for"
    delay: float = 0.0
    drop: bool = False
    times: int | None = 1

    def __post_init__(self) -> None:
        _check(isinstance(self.route, str) and bool(self.route), "route: expected a template or a path", self.route)
        _check(isinstance(self.method, str) and bool(self.method), "method: expected a verb or '*'", self.method)
        _check(self.command is None or isinstance(self.command, str), "command: expected a type or '*'", self.command)
        _check(
            self.status is None or (type(self.status) is int and 400 <= self.status <= 599),
            "status: expected a number from 400 to 599",
            self.status,
        )
        _check(isinstance(self.message, str), "message: expected a text", self.message)
        _check(
            isinstance(self.delay, (int, float)) and not isinstance(self.delay, bool) and 0 <= self.delay <= LONGEST,
            f"delay: expected seconds from 0 to {LONGEST:g}",
            self.delay,
        )
        _check(isinstance(self.drop, bool), "drop: expected true or false", self.drop)
        _check(
            self.times is None or (type(self.times) is int and self.times > 0),
            "times: expected a whole number from 1 on, or null for always",
            self.times,
        )
        if self.command is None and self.status is None and not self.delay and not self.drop:
            raise ValueError("a fault needs a 'status', a 'delay', 'drop' or a 'command'")

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Fault:
        """A fault from a JSON object; ValueError names what is wrong."""
        known = [one.name for one in fields(cls)]
        for name in given:
            if name not in known:
                raise ValueError(unknown("field of a fault", name, known))
        return cls(**given)


def _check(fits: bool, expected: str, saw: Any) -> None:
    if not fits:
        raise ValueError(f"{expected}, saw {saw!r}")


class Faults:
    """The faults that wait for their turn, in the order they were added."""

    def __init__(self) -> None:
        self._waiting: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Let something go wrong from now on."""
        self._waiting.append(fault)

    def clear(self) -> None:
        """Let nothing go wrong any more."""
        self._waiting.clear()

    def told(self) -> list[dict[str, Any]]:
        """What waits, as plain values."""
        return [asdict(fault) for fault in self._waiting]

    def of_request(self, method: str, path: str, template: str | None) -> Fault | None:
        """The fault of a request, which uses up one of its times."""
        if not self._waiting:
            return None
        return self._take(
            lambda fault: (
                fault.command is None
                and fault.method.upper() in ("*", method)
                and (fault.route == template or fnmatch.fnmatchcase(path, fault.route))
            )
        )

    def of_command(self, kind: str) -> str | None:
        """Why a command of this type is to fail, or None; uses up one of the fault's times."""
        fault = self._take(lambda fault: fault.command is not None and fnmatch.fnmatchcase(kind, fault.command))
        return None if fault is None else fault.message

    def _take(self, fits: Any) -> Fault | None:
        for index, fault in enumerate(self._waiting):
            if fits(fault):
                if fault.times is not None:
                    left = fault.times - 1
                    self._waiting[index : index + 1] = [replace(fault, times=left)] if left else []
                return fault
        return None
