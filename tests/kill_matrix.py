"""All adapters against all contracts: `python -m tests.kill_matrix` writes what the documentation says of it.

It runs every broken and every good adapter of the tests, and writes

- `docs/kill-matrix.md`: which contract kills which adapter,
- `harness/dl_harness/reports/examples/`: the message of each contract, of the adapter that it alone kills,
- `docs/contracts/`: a page for each contract, with that message,
- and, with `--evidence DIR`, what was recorded of each adapter, for `python -m tests.mutants`. With `--resume` what DIR
  holds is judged by the contracts as they are now, and only the adapters that it lacks are run.

`--python PATH` runs them under another interpreter as well, with another version of the SDK and with this package
installed; it may be given more than once. `--with FILE` takes what such a run has written with `--json FILE` before.
`--only LAW-003,OUT` renews the messages and pages of some contracts, and leaves the matrix alone. Exit status 1: an
adapter or a contract does not do what it should, which is printed.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

TESTS = Path(__file__).resolve().parent
ROOT = TESTS.parent
sys.path.insert(0, str(TESTS))

import msgspec

import messages
from dl_harness import checking
from dl_harness.catalogue import content_hash
from dl_harness.contract import CATALOGUE_VERSION, CONTRACTS, Contract
from dl_harness.evidence import Evidence
from dl_harness.results import Result, judge
from dl_harness.run import Observed
from dl_harness.static.reader import Reader
from dl_harness.target import resolve
from nursery import nursery
from test_every_contract_bites import BROKEN, OTHERWISE, READ_TOO, Broken
from test_good_adapters import ADAPTERS, GOOD

MATRIX = ROOT / "docs" / "kill-matrix.md"
KILLED = {"fail", "warning"}
AT_ONCE = 3

Ran = dict[str, Any]
"""What one run says: the versions it ran on, and for each adapter the verdict of each contract."""


def subjects(only: Iterable[str] = ()) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Every adapter: its name, its target and what its check is given."""
    wanted = tuple(only)
    for name, broken in {**BROKEN, **OTHERWISE}.items():
        if not wanted or name.startswith(wanted):
            target = str(TESTS / broken.target)
            yield name, *((f"{target}/dataloop.json", {"static": True}) if broken.static else (target, broken.given))
    if not wanted:
        for name, (target, given) in ADAPTERS.items():
            yield name, str(GOOD / target), given


def run(
    only: Iterable[str] = (), evidence: Path | None = None, resume: bool = False
) -> tuple[Ran, dict[str, dict[str, Result]]]:
    """Check every adapter with the whole catalogue."""
    found: dict[str, dict[str, Result]] = {}
    environment: dict[str, str] = {}

    def one(subject: tuple[str, str, dict[str, Any]]) -> None:
        name, target, given = subject
        file = evidence / f"{name}.json" if evidence else None
        if resume and file is not None and file.is_file():
            known = msgspec.json.decode(file.read_bytes(), type=Evidence)
            environment.update(known.environment)
            results = judge(reread(known, target), contracts_for(given))
        else:
            with recorded(file):
                report = checking.run([target], given).report
            environment.update(report.environment)
            results = report.adapters[0].results
            print(f"{name}: {report.verdict}", file=sys.stderr, flush=True)
        found[name] = {result.contract: result for result in results}

    with nursery(), ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(one, list(subjects(only))))
    names = [name for name, _, _ in subjects(only)]
    verdicts = {name: {id_: result.verdict for id_, result in found[name].items()} for name in names}
    return {"environment": environment, "verdicts": verdicts}, found


def contracts_for(given: dict[str, Any]) -> list[Contract]:
    """What meets an adapter: without a run only what reads the source."""
    return [c for c in CONTRACTS.values() if not (given.get("static") and c.needs)]


def reread(known: Evidence, target: str) -> Evidence:
    """Recorded evidence with what the static pass reads now."""
    (found,) = resolve(target)
    _, source = Reader().read(found, None)
    return msgspec.structs.replace(known, source=source)


class recorded:  # noqa: N801 - used as a function
    """Keeps the evidence of the checks that this thread makes inside."""

    def __init__(self, file: Path | None) -> None:
        self._file = file

    def __enter__(self) -> None:
        _files[_thread()] = self._file

    def __exit__(self, *_: object) -> None:
        _files.pop(_thread(), None)


_files: dict[int, Path | None] = {}
_report = checking._report


def _thread() -> int:
    import threading

    return threading.get_ident()


def _reported(observed: Observed, *arguments: Any) -> Any:
    file = _files.get(_thread())
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(msgspec.json.encode(observed.evidence, enc_hook=str))
    return _report(observed, *arguments)


checking._report = _reported


def elsewhere(python: str) -> Ran:
    """The same under another interpreter."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "ran.json"
        paths = [ROOT / name for name in ("harness", "mock_platform", "fixtures")]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths))}
        command = [python, "-m", "tests.kill_matrix", "--json", str(file)]
        subprocess.run(command, cwd=ROOT, env=environment, check=True)
        ran: Ran = json.loads(file.read_text("utf-8"))
        return ran


def wrong(ran: Ran) -> Iterator[str]:
    """What does not hold: each contract kills an adapter that no other kills, each good adapter passes everything."""
    where = f"dtlpy {ran['environment'].get('dtlpy')}"
    for name, verdicts in ran["verdicts"].items():
        killers = sorted(id_ for id_, verdict in verdicts.items() if verdict in KILLED)
        errors = sorted(id_ for id_, verdict in verdicts.items() if verdict == "error")
        expected = [name.split()[0]] if name in BROKEN or name in OTHERWISE else []
        killers = [id_ for id_ in killers if id_ not in READ_TOO.get(name, ())]
        if killers != expected or errors:
            saw = ", ".join([*killers, *(f"{id_} (not judged)" for id_ in errors)]) or "none"
            yield f"{where}: {name} is killed by {saw}, expected {', '.join(expected) or 'none'}"


def renew(found: dict[str, dict[str, Result]]) -> None:
    """Write the message and the page of each contract whose broken adapter was run."""
    for id_ in BROKEN:
        messages.write(id_, found[id_][id_] if id_ in found else None)
    messages.finish()


def matrix(runs: list[Ran]) -> str:
    """The page of the documentation."""
    lines = [
        "# Kill matrix",
        "",
        f"Catalogue {CATALOGUE_VERSION} ({content_hash()[:19]}). {len(BROKEN) + len(OTHERWISE)} wrong adapters and"
        f" {len(ADAPTERS)} good ones,",
        f"each met by all {len(CONTRACTS)} contracts, on "
        + " and on ".join(
            f"dtlpy {r['environment'].get('dtlpy')} (Python {r['environment'].get('python')})" for r in runs
        )
        + ".",
        "`python -m tests.kill_matrix` writes this page; the tests check the same in every run.",
        "",
        "Every wrong adapter is killed by one contract and no other one says anything of it, but for a few in which",
        "the static pass sees in the source what the run shows. Every contract kills one that no other kills; of the",
        "good adapters nothing is said. Adapters of the static families are read and not run. A cell is empty where an",
        "adapter was not run on that version.",
        "",
        *_exceptions(runs),
        "| wrong adapter | "
        + " | ".join(f"killed on {r['environment'].get('dtlpy')} by" for r in runs)
        + " | others |",
        "|---|" + "---|" * len(runs) + "---|",
    ]
    for name in {**BROKEN, **OTHERWISE}:
        lines.append(_row(name, {**BROKEN, **OTHERWISE}[name], runs))
    lines += ["", "| good adapter | " + " | ".join(f"on {r['environment'].get('dtlpy')}" for r in runs) + " |"]
    lines += ["|---|" + "---|" * len(runs)]
    for name in ADAPTERS:
        counts = [_counted(run_["verdicts"].get(name, {})) for run_ in runs]
        lines.append(f"| {name} | " + " | ".join(counts) + " |")
    return "\n".join(lines) + "\n"


def _exceptions(runs: list[Ran]) -> list[str]:
    """What does not hold, as the page says it."""
    problems = [f"- {problem}" for run_ in runs for problem in wrong(run_)]
    return ["Not so, as yet:", "", *problems, ""] if problems else []


def _row(name: str, broken: Broken, runs: list[Ran]) -> str:
    adapter = broken.target.rpartition(":")[2].removeprefix("broken/manifests/")
    kills, quiet = [], set()
    for run_ in runs:
        verdicts = run_["verdicts"].get(name, {})
        killers = ", ".join(id_ for id_, verdict in verdicts.items() if verdict in KILLED)
        kills.append(killers or ("**survives**" if verdicts else ""))
        quiet.add(_counted({id_: verdict for id_, verdict in verdicts.items() if verdict not in KILLED}))
    linked = [
        ", ".join(f"[{id_}](contracts/{id_}.md)" if id_ in CONTRACTS else id_ for id_ in k.split(", ")) for k in kills
    ]
    return f"| `{adapter}` | " + " | ".join(linked) + f" | {'; '.join(sorted(quiet))} |"


def _linked(id_: str) -> str:
    return f"[{id_}](contracts/{id_}.md)" if id_ in CONTRACTS else id_


def _counted(verdicts: dict[str, str]) -> str:
    counts = {
        verdict: list(verdicts.values()).count(verdict) for verdict in ("pass", "inapplicable", "vacuous", "error")
    }
    return ", ".join(f"{count} {verdict}" for verdict, count in counts.items() if count)


def main() -> int:
    """Run, write, and say what is wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.kill_matrix", description=__doc__.splitlines()[0])
    parser.add_argument(
        "--python", action="append", default=[], metavar="PATH", help="another interpreter to run under"
    )
    parser.add_argument("--only", default="", metavar="IDS", help="renew the messages of these contracts")
    parser.add_argument("--evidence", type=Path, metavar="DIR", help="keep what was recorded of each adapter")
    parser.add_argument("--resume", action="store_true", help="judge what DIR holds, and run only what it lacks")
    parser.add_argument("--with", action="append", default=[], type=Path, dest="others", metavar="FILE")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the verdicts, and nothing else")
    given = parser.parse_args()
    os.environ.setdefault("CI", "1")  # examples are not left to chance
    only = [id_ for id_ in given.only.split(",") if id_]
    ran, found = run(only, given.evidence, given.resume)
    if given.json:
        given.json.write_text(json.dumps(ran), "utf-8")
        return 0
    renew(found)
    runs = [*map(elsewhere, given.python), *(json.loads(file.read_text("utf-8")) for file in given.others), ran]
    if not only:
        MATRIX.write_text(matrix(runs), "utf-8")
    problems = [problem for run_ in runs for problem in wrong(run_)]
    print("\n".join(problems) or "every contract kills its own, and nothing is said of what is good")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
