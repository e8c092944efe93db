"""Equality with a text where the settings read it in another way than `values` does."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from dl_mock.paths import elements
from dl_mock.settings import Settings
from dl_mock.values import Test, moment

_ESCAPED = re.compile(r"\\([*?\\])|([*?])|([^*?])", re.DOTALL)
_PLAIN = re.compile(r"()([*?])|([^*?])", re.DOTALL)


def text_test(literal: Any, settings: Settings, within: bool) -> Test | None:
    """The test of equality with a text under these settings; None where `values.equals` is that test.

    `within` another operator than equality wildcards may be ordinary characters.
    """
    if not isinstance(literal, str) or moment(literal) is not None:
        return None
    wild = not within or settings.wildcards == "everywhere"
    escaped = settings.wildcard_escape == "backslash"
    if settings.text_case == "sensitive" and not (
        (escaped and "\\" in literal) or (not wild and set("*?") & set(literal))
    ):
        return None
    fits = _fitting(literal, wild, escaped, settings.text_case == "insensitive")

    def test(values: Sequence[Any]) -> bool:
        return any(isinstance(value, str) and fits(value) for value in elements(values))

    return test


def _fitting(literal: str, wild: bool, escaped: bool, folded: bool) -> Callable[[str], bool]:
    parts = (_ESCAPED if escaped else _PLAIN).findall(literal) if wild else [(literal, "", "")]
    source = "".join(
        {"*": ".*", "?": "."}[wildcard] if wildcard else re.escape(plain or other) for plain, wildcard, other in parts
    )
    fullmatch = re.compile(source, re.DOTALL | (re.IGNORECASE if folded else 0)).fullmatch
    return lambda value: fullmatch(value) is not None
