"""Contracts as pytest cases: `suite(AdapterClass, ...)` in a test file, and `pytest --adapter TARGET`."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from dl_harness.spec import UsageError

if TYPE_CHECKING:
    import pytest

    from dl_harness.contract import Contract
    from dl_harness.results import AdapterReport, Report, Result

Test = TypeVar("Test", bound=Callable[..., Any])

FIXTURE = "case"


class Case:
    """One contract on the adapters of a suite; the check runs once, when the first case asks for its result."""

    def __init__(self, contract: Contract, checked: Callable[[], Report]) -> None:
        self.contract = contract
        self._checked = checked

    def __repr__(self) -> str:
        return f"Case({self.contract.id})"

    @property
    def results(self) -> list[tuple[AdapterReport, Result]]:
        """What the contract says of each adapter."""
        return [(a, r) for a in self._checked().adapters for r in a.results if r.contract == self.contract.id]

    def check(self) -> None:
        """Pass, fail with the finding, skip with the reason, or warn, as the contract ended."""
        __tracebackhide__ = True
        conclude(self.results)


def conclude(results: Iterable[tuple[AdapterReport, Result]]) -> None:
    """Turn the results of one contract into pytest's own outcomes."""
    import warnings

    import pytest

    from dl_harness.reports.terminal import card

    __tracebackhide__ = True
    results = list(results)
    wrong = [result for _, result in results if result.verdict in {"fail", "error"}]
    if wrong:
        pytest.fail("\n\n".join(card(result) for result in wrong), pytrace=False)
    for _, result in results:
        if result.verdict == "warning":
            warnings.warn(pytest.PytestWarning(card(result)), stacklevel=3)
    quiet = [result for _, result in results if result.verdict in {"inapplicable", "vacuous"}]
    if quiet and len(quiet) == len(results):
        pytest.skip(f"{quiet[0].verdict}: {quiet[0].reason}")


class Suite:
    """The contracts for one adapter class, as parameters of a test function."""

    def __init__(self, target: str, settings: dict[str, Any], expect: Mapping[str, str]) -> None:
        from dl_harness import checking

        self.target = target
        self._settings = settings
        self._expect = dict(expect)
        found = [contract for adapter in checking.adapters(target, settings) for contract in adapter.contracts]
        self._contracts = tuple({contract.id: contract for contract in found}.values())
        unknown = set(self._expect) - {contract.id for contract in self._contracts}
        if unknown:
            raise UsageError(f"expect names {', '.join(sorted(unknown))}, which this suite does not check.")

    @functools.cached_property
    def report(self) -> Report:
        """The results; the check runs when they are first asked for."""
        from dl_harness import checking

        return checking.run([self.target], self._settings).report

    @property
    def cases(self) -> list[Case]:
        """One case per contract."""
        return [Case(contract, lambda: self.report) for contract in self._contracts]

    def parametrize(self) -> Callable[[Test], Test]:
        """A decorator: the test runs once per contract, with ids such as `test_contract[OUT-003]`."""
        import pytest

        parameters = [pytest.param(case, id=case.contract.id, marks=self._marks(case)) for case in self.cases]
        decorator: Callable[[Test], Test] = pytest.mark.parametrize(FIXTURE, parameters)
        return decorator

    def _marks(self, case: Case) -> list[pytest.MarkDecorator]:
        import pytest

        reason = self._expect.get(case.contract.id)
        marks = [pytest.mark.xdist_group(f"dl_harness:{self.target}")]
        return marks if reason is None else [*marks, pytest.mark.xfail(reason=reason, strict=True)]


def suite(
    adapter: type | str,
    *,
    model: str | Path | dict[str, Any] | None = None,
    artifacts: str | Path | None = None,
    items: str | Path | None = None,
    stubs: str | Path | None = None,
    select: Iterable[str] = (),
    batch_size: int | None = None,
    call_limit: float | None = None,
    wrappers: str | None = None,
    static: bool | None = None,
    expect: Mapping[str, str] | None = None,
) -> Suite:
    """The contracts for an adapter class (or a TARGET of the command line), to be parametrised over.

    `expect` maps ids of contracts that are known to be broken to the reason: these must fail, and say so when they
    no longer do. Everything else is as in `dl_harness.check`.

    Raises UsageError for a class that cannot be found by its file.
    """
    from dl_harness import checking

    target = adapter if isinstance(adapter, str) else target_of(adapter)
    given = checking.given(
        model=model,
        artifacts=artifacts,
        items=items,
        stubs=stubs,
        select=select,
        batch_size=batch_size,
        call_limit=call_limit,
        wrappers=wrappers,
        static=static,
    )
    return Suite(target, given, expect or {})


def target_of(adapter: type) -> str:
    """`path/to/file.py:Class` of a class. Raises UsageError for what is no class at the top level of a file."""
    if not inspect.isclass(adapter):
        raise UsageError(f"expected an adapter class, saw {adapter!r}.")
    if adapter.__qualname__ != adapter.__name__:
        raise UsageError(
            f"{adapter.__qualname__} is defined inside a function or a class; the check imports it in a process of its"
            " own and finds only classes at the top level of a file."
        )
    try:
        file = inspect.getsourcefile(adapter)
    except TypeError:
        file = None
    if file is None or not Path(file).is_file():
        raise UsageError(f"{adapter.__qualname__} comes from no file that could be imported again.")
    return f"{file}:{adapter.__name__}"
