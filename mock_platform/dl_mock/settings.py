"""Switches for what nobody outside the platform can know.

Each field of `Settings` is one question that no public source answers, the answers this mock can give, and the one
it gives unless told otherwise. `docs/mock-platform.md` holds the same table; a test compares the two.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any


@dataclass(frozen=True)
class Switch:
    """One question: its name, the answers there are, the one given by default, and why that one."""

    name: str
    question: str
    choices: tuple[Any, ...]  # `int` stands for any whole number from 1 on
    default: Any
    reason: str

    def check(self, value: Any) -> None:
        """ValueError unless `value` is one of the choices."""
        if any(type(value) is type(choice) and value == choice for choice in self.choices):
            return
        if int in self.choices and type(value) is int and value > 0:
            return
        raise ValueError(f"setting {self.name!r}: expected {self.told()}, saw {value!r}")

    def read(self, text: str) -> Any:
        """The choice that a text names, as on a command line; ValueError if it names none."""
        for choice in self.choices:
            if choice is not int and written(choice) == text.strip().lower():
                return choice
        if int in self.choices and text.strip().isdecimal() and int(text) > 0:
            return int(text)
        raise ValueError(f"setting {self.name!r}: expected {self.told()}, saw {text!r}")

    def told(self) -> str:
        """The choices in words."""
        return " or ".join("a whole number from 1 on" if one is int else written(one) for one in self.choices)


def written(value: Any) -> str:
    """A choice as it is written on a command line and in the documentation."""
    return (
        {True: "yes", False: "no", None: "none"}.get(value, str(value))
        if not isinstance(value, int) or isinstance(value, bool)
        else str(value)
    )


def _switch(default: Any, choices: Iterable[Any], question: str, reason: str) -> Any:
    return field(default=default, metadata={"choices": tuple(choices), "question": question, "reason": reason})


def _yes_no(default: bool, question: str, reason: str) -> Any:
    return _switch(default, (True, False), question, reason)


@dataclass(frozen=True)
class Settings:
    """Answers to the questions; a wrong one is a ValueError that names the right ones."""

    overwrite_keeps_item: bool = _yes_no(
        True,
        "Does an upload over an existing item keep its id and its annotations?",
        "the SDK names the mode 'overwrite' and acts on the answer as on the same item",
    )
    vector_size_checked: bool = _yes_no(
        False,
        "Is a feature vector refused whose length is not the size of its set?",
        "the SDK checks the length itself, which it would not need to",
    )
    one_vector_per_entity: bool = _yes_no(
        False,
        "Does a vector for an entity that has one in the same set take its place?",
        "no unique key is published, and the SDK posts again without deleting",
    )
    duplicate_metrics: str = _switch(
        "kept",
        ("kept", "replaced"),
        "What becomes of a metric with the figure, legend and x of an earlier one of the same model and dataset?",
        "samples are published as a stream to which one only adds",
    )
    deleted_model_takes_metrics: bool = _yes_no(
        True,
        "Do the metrics of a model go with it?",
        "nothing could ask for them afterwards: they are found by the model's id",
    )
    deleted_model_takes_artifacts: bool = _yes_no(
        False,
        "Do the artifact items of a model go with it?",
        "deleting a clone is known to keep the files of its source",
    )
    status_moves_checked: bool = _yes_no(
        False,
        "Is a status refused that cannot follow the model's present one?",
        "former end-to-end tests set statuses at will",
    )
    model_names_unique: bool = _yes_no(
        False,
        "Is a second model of the same name in a project refused?",
        "the SDK handles several models of one name",
    )

    def __post_init__(self) -> None:
        for switch in SWITCHES:
            switch.check(getattr(self, switch.name))

    @classmethod
    def of(cls, texts: Mapping[str, str]) -> Settings:
        """Settings from texts, as on a command line; ValueError names what is wrong."""
        known = {switch.name: switch for switch in SWITCHES}
        for name in texts:
            if name not in known:
                raise ValueError(unknown("setting", name, known))
        return cls(**{name: known[name].read(text) for name, text in texts.items()})


SWITCHES: tuple[Switch, ...] = tuple(
    Switch(one.name, one.metadata["question"], one.metadata["choices"], one.default, one.metadata["reason"])
    for one in fields(Settings)
)


def unknown(kind: str, name: str, known: Iterable[str]) -> str:
    """What to say about a name that is not known: the closest one first."""
    names = list(known)
    close = difflib.get_close_matches(name, names, 1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    return f"unknown {kind} {name!r}; {hint}known: {', '.join(names)}"
