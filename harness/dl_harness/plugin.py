"""The pytest plugin: `pytest --adapter TARGET` adds one test per contract for every adapter that TARGET names.

pytest loads this module in every session of the environment, so it imports pytest and the standard library only;
everything else is imported when an adapter is asked for.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from dl_harness.checking import Checked
    from dl_harness.contract import Contract

CHECKS = pytest.StashKey["Checks"]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options of the command line and of the ini file."""
    group = parser.getgroup("dl-harness", "Dataloop model adapters")
    group.addoption(
        "--adapter",
        action="append",
        default=[],
        metavar="TARGET",
        help="check this adapter: path/to/file.py:Class, module:Class, a dataloop.json, or a folder that holds some",
    )
    for name, metavar, text in (
        ("model", "FILE", "a model document as the API returns it, laid over the manifest's"),
        ("artifacts", "DIR", "files that the model entity has as artifacts"),
        ("items", "DIR", "items to run on"),
        ("stubs", "DIR", "a folder put first on the import path"),
    ):
        group.addoption(f"--adapter-{name}", dest=f"dl_harness_{name}", metavar=metavar, help=text)
    group.addoption(
        "--adapter-select",
        dest="dl_harness_select",
        action="append",
        default=[],
        metavar="IDS",
        help="contracts or families",
    )
    group.addoption(
        "--adapter-static",
        dest="dl_harness_static",
        action="store_true",
        default=None,
        help="only read source and manifest: import nothing, run nothing",
    )
    group.addoption(
        "--adapter-html", dest="dl_harness_html", metavar="FILE", help="write a page with the predictions drawn"
    )
    parser.addini("adapter", "adapters to check in every run, as for --adapter", type="linelist", default=[])


def pytest_configure(config: pytest.Config) -> None:
    """Make the group marker known; it keeps the contracts of one adapter on one worker of pytest-xdist."""
    if not config.pluginmanager.hasplugin("xdist"):
        config.addinivalue_line("markers", "xdist_group(name): run these tests on one worker (pytest-xdist)")
    targets = [*config.getini("adapter"), *config.getoption("--adapter")]
    if targets:
        config.stash[CHECKS] = Checks(config, targets)


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Name the adapters, if any are checked."""
    return [f"adapters: {', '.join(config.stash[CHECKS].targets)}"] if CHECKS in config.stash else []


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Add the adapters to what the session collects, so that they are counted and selected like any test."""
    report = yield
    if isinstance(collector, pytest.Session) and report.passed and CHECKS in collector.config.stash:
        report.result = [*report.result, *collector.config.stash[CHECKS].nodes(collector)]
    return report


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write the page, if it was asked for and something was checked."""
    if CHECKS in session.config.stash:
        session.config.stash[CHECKS].write()


@pytest.fixture
def predict_benchmark(request: pytest.FixtureRequest) -> Any:
    """Measure an adapter with pytest-benchmark: `predict_benchmark("adapter.py:Adapter", items=..., batch_size=8)`."""
    from dl_harness.bench.pytest_fixture import Clock, PredictBenchmark

    clock = Clock()
    own = request.node.get_closest_marker("benchmark")
    options = {**(own.kwargs if own is not None else {}), "timer": clock}
    request.node.add_marker(pytest.mark.benchmark(**options), append=False)
    parallel = hasattr(request.config, "workerinput")
    return PredictBenchmark(lambda: request.getfixturevalue("benchmark"), clock, parallel)


class Checks:
    """The targets of a session, and what was found out about them; each is checked once, when first needed."""

    def __init__(self, config: pytest.Config, targets: list[str]) -> None:
        self.targets = targets
        self._config = config
        self._checked: dict[str, Checked] = {}

    @property
    def given(self) -> dict[str, Any]:
        """The settings of the command line."""
        names = ("model", "artifacts", "items", "stubs", "static")
        given = {name: self._config.getoption(f"dl_harness_{name}") for name in names}
        cache = getattr(self._config, "cache", None)
        given["examples"] = str(cache.mkdir("dl-harness-examples")) if cache is not None else None
        selected = tuple(self._config.getoption("dl_harness_select"))
        return {name: value for name, value in given.items() if value} | ({"select": selected} if selected else {})

    def nodes(self, session: pytest.Session) -> Iterator[AdapterNode]:
        """One node per adapter. Raises pytest.UsageError for a target that cannot be checked."""
        from dl_harness import checking
        from dl_harness.spec import UsageError

        try:
            for target in self.targets:
                for adapter in checking.adapters(target, self.given):
                    yield AdapterNode.from_parent(
                        session,
                        name=adapter.name,
                        nodeid=adapter.name,
                        checks=self,
                        target=target,
                        contracts=adapter.contracts,
                    )
        except UsageError as error:
            raise pytest.UsageError(str(error)) from error

    def checked(self, target: str) -> Checked:
        """The results for a target; the check runs when they are first asked for."""
        from dl_harness import checking

        if target not in self._checked:
            self._checked[target] = checking.run([target], self.given)
            if self._checked[target].report.verdict == "interrupted":
                raise KeyboardInterrupt  # the check has ended its child; pytest ends the session
        return self._checked[target]

    def write(self) -> None:
        """Write the page over everything that was checked."""
        file = self._config.getoption("dl_harness_html")
        if file and self._checked:
            from dl_harness import checking
            from dl_harness.reports import html, writing

            together = checking.joined(list(self._checked.values()))
            writing.write_atomically(file, html.to_html(together.report, together.drawn).encode())


class AdapterNode(pytest.Collector):
    """One adapter in the tree of tests."""

    def __init__(self, *, checks: Checks, target: str, contracts: tuple[Contract, ...], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._about = {"checks": checks, "target": target, "adapter": self.name}
        self._contracts = contracts

    def collect(self) -> Iterator[pytest.Item]:
        """One test per contract, and one that the run has proved something."""
        for contract in self._contracts:
            yield ContractItem.from_parent(
                self, name=f"test_contract[{contract.id}]", contract=contract.id, **self._about
            )
        yield VerdictItem.from_parent(self, name="test_verdict", contract="", **self._about)


class ContractItem(pytest.Item):
    """One contract on one adapter."""

    def __init__(self, *, checks: Checks, target: str, adapter: str, contract: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._checks = checks
        self._target = target
        self._adapter = adapter
        self._contract = contract
        self.add_marker(pytest.mark.xdist_group(f"dl_harness:{target}"))
        self.user_properties += [("adapter", adapter), *([("contract", contract)] if contract else [])]

    def runtest(self) -> None:
        """Run the check of the target, unless it has run, and report this contract."""
        from dl_harness.cases import conclude

        report = self._checks.checked(self._target).report
        conclude(
            (a, r)
            for a in report.adapters
            if a.adapter == self._adapter
            for r in a.results
            if r.contract == self._contract
        )

    def reportinfo(self) -> tuple[str, None, str]:
        """Where the test comes from: the adapter."""
        return self._target.rpartition(":")[0] or self._target, None, f"{self._adapter} {self.name}"


class VerdictItem(ContractItem):
    """That the run has proved something: contracts that found nothing to judge are not a success."""

    def runtest(self) -> None:
        """Fail when nothing was proved, or when the run itself failed."""
        report = self._checks.checked(self._target).report
        for adapter in report.adapters:
            if adapter.adapter == self._adapter and adapter.verdict not in {"pass", "fail"}:
                pytest.fail(f"{adapter.verdict}: {adapter.summary}", pytrace=False)
