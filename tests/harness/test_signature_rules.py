"""Whether a call binds is Python's own rule: ours must agree with a real call on every signature."""

from __future__ import annotations

import inspect
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from dl_harness.contracts.signature import refusal, written
from dl_harness.evidence import Parameter, UserFunction

NAMES = ("local_path", "data_path", "batch", "dataset", "progress", "extra")
KINDS = (
    inspect.Parameter.POSITIONAL_ONLY,
    inspect.Parameter.POSITIONAL_OR_KEYWORD,
    inspect.Parameter.VAR_POSITIONAL,
    inspect.Parameter.KEYWORD_ONLY,
    inspect.Parameter.VAR_KEYWORD,
)


@st.composite
def signatures(draw: st.DrawFn) -> inspect.Signature:
    """A signature that Python accepts: kinds in order, defaults after the parameters without."""
    names = draw(st.permutations(NAMES))[: draw(st.integers(0, len(NAMES)))]
    counts = [draw(st.integers(0, 2)), draw(st.integers(0, 2)), draw(st.integers(0, 1)), draw(st.integers(0, 2)), 1]
    parameters: list[inspect.Parameter] = []
    optional = False
    rest = list(names)
    for kind, count in zip(KINDS, counts, strict=True):
        for name in [rest.pop() for _ in range(min(count, len(rest)))]:
            variable = kind in {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}
            wants_default = not variable and draw(st.booleans())
            positional = kind in KINDS[:2]
            has_default = wants_default or (positional and optional)
            optional = optional or (positional and has_default)
            default = None if has_default and not variable else inspect.Parameter.empty
            parameters.append(inspect.Parameter(name, kind, default=default))
    return inspect.Signature(parameters)


def recorded(signature: inspect.Signature) -> tuple[Parameter, ...]:
    """The signature as evidence holds it."""
    variable = {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}
    return tuple(
        Parameter(p.name, p.kind.name.lower(), p.default is p.empty and p.kind not in variable)
        for p in signature.parameters.values()
    )


@given(signatures(), st.integers(0, 3), st.sets(st.sampled_from(NAMES)))
def test_a_call_binds_exactly_when_python_binds_it(
    signature: inspect.Signature, count: int, keywords: set[str]
) -> None:
    positional = tuple(f"argument {index}" for index in range(count))
    namespace: dict[str, Callable[..., None]] = {}
    exec(f"def function{signature}: pass", namespace)  # Signature.bind errs for positional-only names before 3.12
    try:
        namespace["function"](*positional, **dict.fromkeys(keywords))
        binds = True
    except TypeError:
        binds = False

    assert (refusal(recorded(signature), (positional, tuple(sorted(keywords)))) is None) == binds


@given(signatures())
def test_a_signature_is_shown_as_it_is_written(signature: inspect.Signature) -> None:
    shown = written(UserFunction("load", True, parameters=recorded(signature)))

    names = [p.name for p in signature.parameters.values()]
    assert [name for name in names if name in shown] == names
    assert shown.startswith("load(self")
