"""The command line: `dl-harness check`, `bench`, `contracts` and `explain`."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from dl_harness.catalogue import Catalogue
    from dl_harness.checking import Checked
    from dl_harness.contract import Contract

INTERRUPTED, OUR_FAILURE, USAGE = 2, 3, 4


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=lambda c, p, v: _version(c, v))
def cli() -> None:
    """Check Dataloop model adapters offline, before they are deployed."""


def _version(context: click.Context, wanted: bool) -> None:
    """Print the version of the program, and which contracts it holds."""
    if not wanted or context.resilient_parsing:
        return
    from importlib.metadata import version

    click.echo(f"dl-harness {version('dl-harness')}, {_catalogue_line()}")
    context.exit()


def _catalogue_line() -> str:
    from dl_harness.catalogue import content_hash
    from dl_harness.contract import CATALOGUE_VERSION

    return f"catalogue {CATALOGUE_VERSION} ({content_hash()[:19]})"


@cli.command()
@click.argument("targets", nargs=-1, metavar="TARGET...")
@click.option("--model", metavar="FILE", help="A model document as the API returns it, laid over the manifest's.")
@click.option("--artifacts", metavar="DIR", help="Files that the model entity has as artifacts.")
@click.option("--items", metavar="DIR", help="Items to run on: a folder of files, Dataloop's layout, or a scene.")
@click.option(
    "--stubs", metavar="DIR", help="A folder put first on the import path, for frameworks not installed here."
)
@click.option("--select", metavar="IDS", multiple=True, help="Contracts or families: OUT-003, OUT, 'throughput'.")
@click.option("--json", "json_file", metavar="FILE", help="Write the results as JSON.")
@click.option("--junit", "junit_file", metavar="FILE", help="Write the results as JUnit XML.")
@click.option("--html", "html_file", metavar="FILE", help="Write a page with the verdicts and the predictions drawn.")
@click.option("--batch-size", type=click.IntRange(min=1), help="Items per batch (default 4, the platform's).")
@click.option(
    "--call-limit",
    type=click.FloatRange(min=0, min_open=True),
    help="Seconds for one call of a user function (default 300).",
)
@click.option(
    "--wrappers", type=click.Choice(["sdk", "reference"]), help="Whose wrapper functions run the adapter (default sdk)."
)
@click.option("--examples", metavar="DIR", help="Keep batches that break a law here, and try them first the next time.")
@click.option(
    "--static", is_flag=True, default=None, help="Only read source and manifest: import nothing, run nothing."
)
@click.option("-v", "--verbose", is_flag=True, help="List what does not apply, and the adapter's last output.")
def check(targets: tuple[str, ...], verbose: bool, **options: Any) -> None:
    """Check the adapters that each TARGET names.

    TARGET is path/to/file.py:Class, module:Class, a dataloop.json, or a folder that holds one or several.

    Exit codes: 0 conforms, 1 violations, 2 interrupted, 3 our own failure, 4 usage, 5 nothing was proved.
    """
    from dl_harness.checking import run
    from dl_harness.spec import UsageError

    if not targets:
        raise UsageError(
            "no TARGET was given. Expected path/to/file.py:Class, module:Class, a dataloop.json, or a folder."
        )
    files = {kind: options.pop(f"{kind}_file") for kind in ("json", "junit", "html")}
    for kind, file in files.items():
        if file is not None and Path(file).is_dir():
            raise UsageError(f"--{kind} {file}: expected a file to write, saw a folder.")
    given = {name: value for name, value in options.items() if value not in (None, ())}
    with _progress() as tell:
        checked = run(targets, given, tell)
    _print(checked, verbose)
    failed = _write(checked, files)
    raise SystemExit(OUR_FAILURE if failed else checked.exit_code)


class _progress:  # noqa: N801 - used as a function
    """One line on a terminal's standard error that says which flow is running; nothing elsewhere."""

    def __enter__(self) -> Callable[[str, str], None]:
        self._shown = sys.stderr.isatty()
        return self._tell

    def _tell(self, adapter: str, flow: str) -> None:
        if self._shown:
            click.echo(f"\r\033[K{adapter}: {flow} ...", nl=False, err=True)

    def __exit__(self, *_: object) -> None:
        if self._shown:
            click.echo("\r\033[K", nl=False, err=True)


def _print(checked: Checked, verbose: bool) -> None:
    from shutil import get_terminal_size

    from dl_harness.reports import terminal

    colour = sys.stdout.isatty()
    width = min(get_terminal_size((100, 24)).columns, 110)
    click.echo(terminal.render(checked.report, verbose=verbose, width=width, colour=colour), color=colour)


def _write(checked: Checked, files: dict[str, str | None]) -> bool:
    """Write the reports that were asked for; one that cannot be written does not cost the others."""
    from dl_harness.reports.writing import ReportError, write_atomically

    failed = False
    for kind, file in files.items():
        if file is None:
            continue
        try:
            write_atomically(Path(file), _document(kind, checked))
            click.echo(f"{kind} report: {file}")
        except ReportError as error:
            click.echo(f"dl-harness: {error}", err=True)
            failed = True
    return failed


def _document(kind: str, checked: Checked) -> bytes:
    from dl_harness.reports import document, html, junit

    if kind == "json":
        return document.to_json(checked.report)
    if kind == "junit":
        return junit.to_junit(checked.report)
    return html.to_html(checked.report, checked.drawn).encode()


@cli.command()
@click.argument("target")
@click.option("--against", metavar="REV|TARGET", help="A git revision, or another adapter: is this version slower?")
@click.option("--model", metavar="FILE", help="A model document as the API returns it, laid over the manifest's.")
@click.option("--artifacts", metavar="DIR", help="Files that the model entity has as artifacts.")
@click.option("--items", metavar="DIR", help="Items to measure with: a folder of files, Dataloop's layout, or a scene.")
@click.option("--stubs", metavar="DIR", help="A folder put first on the import path.")
@click.option("--batch-size", type=click.IntRange(min=1), help="Items per batch (default 4, the platform's).")
@click.option("--seconds", type=click.FloatRange(min=0, min_open=True), help="How long to measure batch sizes (20).")
@click.option("--json", "json_file", metavar="FILE", help="Write the results as JSON.")
@click.option("--html", "html_file", metavar="FILE", help="Write a page with the curves.")
@click.option("--baseline", metavar="FILE", help="Compare with what an earlier run saved here, on the same machine.")
@click.option("--save-baseline", metavar="FILE", help="Save this run, in units of a calibration kernel.")
def bench(target: str, against: str | None, **options: Any) -> None:
    """Measure how fast an adapter is, or whether it has become slower than another version.

    Without --against: batch sizes, memory, threads, item sizes, where the time goes, and budgets. With it both versions
    run in processes of their own, in turns, over the same items.

    Exit codes: 0 not slower, 1 slower or a budget missed, 2 interrupted, 3 our own failure, 4 usage, 5 inconclusive;
    what a comparison could have seen is always printed.
    """
    from dl_harness.bench import command

    files = {name: options.pop(name) for name in ("seconds", "json_file", "html_file", "baseline", "save_baseline")}
    given = {name: value for name, value in options.items() if value is not None}
    with _share() as tell:
        code = command.bench(target, against, given, command.Options(**files), tell)
    raise SystemExit(code)


class _share:  # noqa: N801 - used as a function
    """One line on a terminal's standard error: what is measured, how much is done, and how long the rest may take."""

    def __enter__(self) -> Callable[[str, float], None]:
        self._shown = sys.stderr.isatty()
        self._what, self._since = "", 0.0
        return self._tell

    def _tell(self, what: str, share: float) -> None:
        import time

        if what != self._what:
            self._what, self._since = what, time.monotonic()
        if self._shown:
            taken = time.monotonic() - self._since
            rest = f", at most {taken / share - taken:.0f} s more" if 0.05 < share < 1 else ""
            click.echo(f"\r\033[K{what} ... {share:.0%}{rest}", nl=False, err=True)

    def __exit__(self, *_: object) -> None:
        if self._shown:
            click.echo("\r\033[K", nl=False, err=True)


@cli.command()
@click.option("--select", metavar="IDS", multiple=True, help="Contracts or families.")
def contracts(select: tuple[str, ...]) -> None:
    """List the contracts: this package's, and those that [tool.dl-harness] of the current directory adds."""
    known = _catalogue_here()
    click.echo(_catalogue_line())
    chosen = known.select(select)
    for family in dict.fromkeys(contract.family for contract in chosen):
        click.echo(f"\n{family}")
        for contract in chosen:
            if contract.family == family:
                _tell(contract)
    _tell_problems(known)


def _tell(contract: Contract) -> None:
    """One line of the catalogue."""
    marks = [mark for mark, so in _marks(contract) if so]
    click.echo(f"  {contract.id}  {contract.statement}" + (f"  ({', '.join(marks)})" if marks else ""))


@cli.command()
@click.argument("ids", nargs=-1, required=True)
def explain(ids: tuple[str, ...]) -> None:
    """Say what contracts are about, why they matter on the platform, and how to fix a violation."""
    from dl_harness.reports import explaining

    known = _catalogue_here()
    click.echo("\n".join(explaining.text(contract) for contract in known.select(ids)), nl=False)
    _tell_problems(known)


def _marks(contract: Contract) -> tuple[tuple[str, bool], ...]:
    return (
        ("warning", contract.severity == "warning"),
        ("pending", contract.is_pending),
        (f"dtlpy {contract.sdk}", contract.sdk is not None),
        (f"from {contract.origin}", contract.origin is not None),
    )


def _catalogue_here() -> Catalogue:
    """The catalogue as a check of the current directory would use it."""
    from dl_harness.catalogue import catalogue
    from dl_harness.checking import settings_of

    settings, folder = settings_of(Path.cwd())
    return catalogue(settings.contracts, folder)


def _tell_problems(known: Catalogue) -> None:
    for problem in known.problems:
        click.echo(f"dl-harness: {problem.origin} {problem.message}.", err=True)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit with pytest's codes; a failure of ours is one message, not a traceback."""
    sys.exit(_main(arguments))


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt


def _main(arguments: list[str] | None) -> int:
    from dl_harness.spec import UsageError

    # A CI that ends a job still gets its reports; jobs in the background begin with SIGINT ignored.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    try:
        cli.main(arguments, prog_name="dl-harness", standalone_mode=False)
    except SystemExit as done:
        return done.code if isinstance(done.code, int) else 0
    except (click.ClickException, UsageError) as error:
        message = error.format_message() if isinstance(error, click.ClickException) else str(error)
        click.echo(f"dl-harness: {message}", err=True)
        return USAGE
    except (click.Abort, KeyboardInterrupt):
        click.echo("dl-harness: interrupted.", err=True)
        return INTERRUPTED
    except OSError as error:
        click.echo(f"dl-harness: the machine refused: {error}. Free disk space or permissions and try again.", err=True)
        return OUR_FAILURE
    except Exception as error:  # the last resort: the user gets one message and a way to tell us
        click.echo(
            f"dl-harness failed with {type(error).__name__}: {error}. This is our fault; please report it.", err=True
        )
        return OUR_FAILURE
    return 0


if __name__ == "__main__":
    main()
