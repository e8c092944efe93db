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
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value is None else str(value)


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
    text_case: str = _switch(
        "sensitive",
        ("sensitive", "insensitive"),
        "Does equality of texts in a query tell upper from lower case?",
        "no page says otherwise, and ids and paths are compared to the letter elsewhere",
    )
    wildcards: str = _switch(
        "everywhere",
        ("everywhere", "equality"),
        "Do `*` and `?` stand for other characters in $in, $nin and $ne too, or in equality alone?",
        'the SDK sends {"filename": {"$in": ["/a/**"]}}',
    )
    wildcard_escape: str = _switch(
        "none",
        ("none", "backslash"),
        "Can a literal `*` or `?` be written in a text with wildcards?",
        "no page names a way",
    )
    unknown_operators: str = _switch(
        "refused",
        ("refused", "matching_nothing"),
        "What becomes of a query with an operator that is not published: a 400, or no rows?",
        "the OpenAPI description has a 400 for queries, and a message helps",
    )
    unknown_fields: str = _switch(
        "missing",
        ("missing", "refused"),
        "Is a query refused that names a field no document of its kind has?",
        "documents may have fields of their own; an empty answer tells the closest field in the header x-dl-mock-hint",
    )
    oversized_pages: str = _switch(
        "clamped",
        ("clamped", "refused"),
        "What becomes of a pageSize above 1000: 1000 rows, or a 400?",
        "the SDK clamps too",
    )
    empty_page_has_next: bool = _yes_no(
        False,
        "Does an answer to pageSize 0 say that there is a next page, if there are rows?",
        "there is no page of which another could be the next",
    )
    uncounted_total: str = _switch(
        "counted",
        ("counted", "zero"),
        "What is totalItemsCount in an answer to countTotal: false?",
        "the SDK counts on it",
    )
    query_write_answer: str = _switch(
        "count",
        ("count", "empty", "page"),
        "What is the body of an answer to an update or delete by query?",
        "the SDK does not read it",
    )
    unknown_annotation_types: str = _switch(
        "refused",
        ("refused", "accepted"),
        "Is an annotation refused whose type is not in the published list?",
        "nothing else about an annotation is checked, and a wrong type would be seen by nobody",
    )
    deleted_item_takes: str = _switch(
        "annotations_and_vectors",
        ("annotations_and_vectors", "annotations"),
        "What goes with an item that is deleted?",
        "totals of former end-to-end tests imply it for annotations; vectors could not be found any more",
    )
    deleted_feature_set_takes_vectors: bool = _yes_no(
        True,
        "Do the vectors of a feature set go with it?",
        "nothing could ask for them afterwards",
    )
    most_annotations: int | None = _switch(
        None,
        (None, int),
        "How many annotations may one request bring?",
        "no limit is published; the SDK sends 100",
    )
    most_bytes: int | None = _switch(
        None,
        (None, int),
        "How large may the body of a request be? (413 above it)",
        "no limit is published for items",
    )
    most_requests: int | None = _switch(
        None,
        (None, int),
        "How many requests are answered in a minute of the platform's clock? (429 above it, with retry-after)",
        "no rate limit is published",
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
