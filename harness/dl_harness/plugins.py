"""Load what others add: installed plugins, and the modules that a repository names in `[tool.dl-harness]`."""

from __future__ import annotations

import functools
import hashlib
import importlib
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from dl_harness.contract import Declared, declaring

if TYPE_CHECKING:
    import pluggy


@dataclass(frozen=True)
class Problem:
    """Why something that others add cannot be used."""

    origin: str
    message: str


@dataclass
class Plugins:
    """What was loaded: hooks, the contracts that each module declares, and what could not be used."""

    manager: pluggy.PluginManager
    declared: list[Declared] = field(default_factory=list)
    hashes: dict[str, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def call(self, hook: str, **arguments: Any) -> Iterator[tuple[str, Any]]:
        """The answer of each plugin with its name, in the order of registration; one that raises costs no other."""
        for implementation in getattr(self.manager.hook, hook).get_hookimpls():
            name = str(implementation.plugin_name)
            try:
                answer = implementation.function(*(arguments[a] for a in implementation.argnames))
                yield name, answer
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # whatever somebody else's code raises
                self.problems.append(Problem(name, f"failed in {hook}: {_said(error)}"))


def load(modules: Sequence[str] = (), folder: Path | None = None) -> Plugins:
    """Installed plugins, and modules: files below `folder` (`my_contracts.py`), or importable names.

    What cannot be loaded is among the `problems`; nothing is raised for it.
    """
    import pluggy

    from dl_harness import hookspecs

    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    loaded = Plugins(manager)
    for point in _installed():
        _register(loaded, point.name, point.load)
    for name in modules:
        file = ((folder or Path.cwd()) / name).resolve() if name.endswith(".py") else None
        with declaring(name) as declared:
            module = _register(loaded, name, functools.partial(_imported, name, file))
        loaded.declared.append(declared)
        loaded.problems += [Problem(name, refused) for refused in declared.refused]
        loaded.hashes[name] = _hash_of(file or Path(getattr(module, "__file__", None) or ""))
    return loaded


@functools.cache
def _installed() -> tuple[Any, ...]:
    from importlib.metadata import entry_points

    from dl_harness import hookspecs

    return tuple(entry_points(group=hookspecs.PROJECT))


def _register(loaded: Plugins, name: str, load: Any) -> object:
    """Load one plugin and register its hooks; None when that fails."""
    try:
        module: object = load()
        loaded.manager.register(module, name)
        loaded.manager.check_pending()
        return module
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # whatever somebody else's module raises, also sys.exit
        loaded.problems.append(Problem(name, f"could not be imported: {_said(error)}"))
        if loaded.manager.has_plugin(name):
            loaded.manager.unregister(name=name)
        return None


def _imported(name: str, file: Path | None) -> ModuleType:
    if file is None:
        return importlib.import_module(name)
    if not file.is_file():
        raise FileNotFoundError(f"there is no file {file}")
    unique = f"dl_harness_own_{hashlib.sha1(str(file).encode()).hexdigest()[:8]}_{file.stem}"
    loader = SourceFileLoader(unique, str(file))
    spec = spec_from_loader(unique, loader)
    assert spec is not None
    module = module_from_spec(spec)
    loader.exec_module(module)
    return module


def _said(error: BaseException) -> str:
    """An exception in one line, with the line of the module that raised it."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [f for f in frames if "dl_harness" not in Path(f.filename).parts and not f.filename.startswith("<")]
    place = f" ({Path(own[-1].filename).name}, line {own[-1].lineno})" if own else ""
    if isinstance(error, SyntaxError) and error.filename:
        place = f" ({Path(error.filename).name}, line {error.lineno})"
    said = (error.msg if isinstance(error, SyntaxError) else str(error)).strip().splitlines()
    return f"{type(error).__name__}{': ' + said[0] if said else ''}{place}"


def _hash_of(file: Path) -> str:
    if not file.is_file():
        return ""
    return "sha256:" + hashlib.sha256(b"\n".join(file.read_bytes().splitlines())).hexdigest()
