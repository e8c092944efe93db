"""Imports that neither the standard library, the repository nor what it installs can satisfy."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from dl_harness.static.distributions import IMPORT_NAMES, OF_THE_IMAGES, normalised
from dl_harness.static.files import SourceFile, python_files
from dl_harness.static.manifests import Declared
from dl_harness.static.notes import Notes
from dl_harness.static.repository import Repository, top_level
from dl_harness.workspace import LEFT_OUT

EDITORS_PICK = frozenset(
    {"turtle", "tkinter", "idlelib", "lib2to3", "test", "antigravity", "this", "pydoc_data", "turtledemo", "curses"}
    | {"pickletools", "sre_constants", "sre_parse", "sre_compile", "nturl2path", "opcode", "symbol", "macpath"}
)
"""Standard modules without use for an adapter, from which editors complete names; some are missing in images."""

GONE = {
    **dict.fromkeys(("asynchat", "asyncore", "distutils", "imp", "smtpd"), "3.12"),
    **dict.fromkeys(
        ("aifc", "audioop", "cgi", "cgitb", "chunk", "crypt", "imghdr", "mailcap", "msilib", "nis"), "3.13"
    ),
    **dict.fromkeys(
        ("nntplib", "ossaudiodev", "pipes", "sndhdr", "spwd", "sunau", "telnetlib", "uu", "xdrlib"), "3.13"
    ),
    **dict.fromkeys(("lib2to3",), "3.13"),
}
"""Modules of the standard library by the version that removed them (PEP 594, PEP 632)."""

STANDARD = frozenset(sys.stdlib_module_names) | frozenset(GONE)


@dataclass(frozen=True)
class Installed:
    """What the repository says that its image has."""

    distributions: frozenset[str]  # normalised names
    told: bool  # whether anything says what is installed at all
    text: str  # of Dockerfiles and scripts, for names that no requirement line holds
    submodules: frozenset[str]  # folders that a clone fills
    changes_path: bool  # a Dockerfile or a script sets PYTHONPATH


_NAME = re.compile(r"^\s*([A-Za-z0-9][A-Za-z0-9._-]*)")
_FILES = re.compile(
    r"^(?:.*requirements.*\.(?:txt|in)|setup\.(?:py|cfg)|pyproject\.toml|.*environment.*\.ya?ml|Pipfile|.*Dockerfile.*|.*\.dockerfile|.*\.sh)$",
    re.I,
)


def installed(root: Path) -> Installed:
    """Read requirement files, Dockerfiles and build files of a repository."""
    import os

    top = next((folder for folder in (root, *root.parents) if (folder / ".git").exists()), root)
    names: set[str] = set()
    texts: list[str] = []
    told = False
    for parent, folders, files in islice(os.walk(top), 2_000):
        folders[:] = sorted(f for f in folders if f not in LEFT_OUT and not (Path(parent, f) / "pyvenv.cfg").exists())
        for name in files:
            if _FILES.match(name):
                path = Path(parent, name)
                text = _text(path)
                texts.append(text)
                if "requirements" in name.lower():
                    told = True
                    names |= {normalised(m[1]) for line in text.splitlines() if (m := _NAME.match(line))}
                    names |= {
                        normalised(part)
                        for part in re.findall(r"egg=([\w.-]+)|/([\w.-]+?)(?:\.git)?(?:@|$)", text)
                        for part in part
                        if part
                    }
                elif "pip install" in text or name in {"pyproject.toml", "setup.py", "setup.cfg", "Pipfile"}:
                    told = True
    modules = _text(top / ".gitmodules")
    together = "\n".join(texts)
    submodules = frozenset(path.split("/")[-1] for path in re.findall(r"path\s*=\s*(\S+)", modules))
    cloned = frozenset(re.findall(r"git\s+clone\s+\S*?/([\w.-]+?)(?:\.git)?(?:\s|$)", together))
    return Installed(frozenset(names), told, together.lower(), submodules | cloned, "PYTHONPATH" in together)


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8-sig", errors="replace")[:200_000] if path.is_file() else ""
    except OSError:
        return ""


@dataclass(frozen=True)
class Wanted:
    """One import statement, for one module and perhaps one name of it."""

    node: ast.stmt
    module: str  # with leading dots
    name: str | None
    optional: bool  # inside `try: ... except ImportError`, a type checker's branch or a script's guard


def read_imports(
    repository: Repository, file: SourceFile, found: Installed, declared: Declared | None, notes: Notes
) -> None:
    """Note the imports of one file that will fail, and those that should not be there."""
    for wanted in _imports(file):
        if wanted.optional:
            continue
        _own_module(repository, file, wanted, found, notes)
        _standard(file, wanted, notes)
        _third_party(repository, file, wanted, found, declared, notes)


def _imports(file: SourceFile) -> Iterator[Wanted]:
    for node in file.nodes:
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Wanted(node, alias.name, None, _optional(file, node))
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            for alias in node.names:
                yield Wanted(node, module, alias.name, _optional(file, node))


def _optional(file: SourceFile, node: ast.AST) -> bool:
    child = node
    for parent in file.above(node):
        if isinstance(parent, ast.Try) and (child in parent.body or child in parent.handlers):
            return True
        if isinstance(parent, ast.If):
            return True  # a condition decides, which reading cannot follow
        child = parent
    return False


def _own_module(repository: Repository, file: SourceFile, wanted: Wanted, found: Installed, notes: Notes) -> None:
    """Imports of the repository's own modules, by relative name or by the folder they stand in."""
    relative = wanted.module.startswith(".")
    head = wanted.module.lstrip(".").split(".")[0]
    if not relative and (head in STANDARD or not head):
        return
    if file.changes_path and not relative:
        return
    top = None if relative else repository.module(head, file.path)
    if not relative and top is None:
        _elsewhere(repository, file, wanted, head, found, notes)
        return
    foreign = not relative and top is not None and top.name != "__init__.py" and top.is_dir()
    if foreign and (_is_third_party(head, found) or head in found.submodules):
        return
    notes.looked("missing module of the repository")
    path = repository.module(wanted.module, file.path)
    if path is None and (_is_compiled(repository, file, wanted) or _leaves_root(repository, file, wanted)):
        return
    expected = f"a module {wanted.module} in the repository"
    place = file.place(wanted.node)
    if path is None:
        if not foreign or _holds_python(top):
            near = _similar(repository, wanted.module)
            saw = "no such file" + (f"; there is {near}" if near else "")
            notes.saw("missing module of the repository", expected, saw, "import", place)
    elif wanted.name and wanted.name != "*" and not _offers(repository, path, wanted.name):
        saw = f"{path.name if path.name != '__init__.py' else path.parent.name} defines no {wanted.name}"
        notes.saw("missing module of the repository", f"{wanted.name} in {wanted.module}", saw, "import", place)


def _is_compiled(repository: Repository, file: SourceFile, wanted: Wanted) -> bool:
    """Whether a module is an extension that was compiled, or is to be."""
    package, _, last = wanted.module.rpartition(".")
    folder = repository.module(
        package + "." if wanted.module.startswith(".") and not package.strip(".") else package, file.path
    )
    entries = repository.sources.entries(
        folder.parent if folder is not None and folder.suffix else folder or file.path.parent
    )
    return any(
        entry.startswith(f"{last}.") and entry.endswith((".so", ".pyd", ".pyx", ".c", ".cpp")) for entry in entries
    )


def _leaves_root(repository: Repository, file: SourceFile, wanted: Wanted) -> bool:
    """Whether a relative import goes above what is read here."""
    level = len(wanted.module) - len(wanted.module.lstrip("."))
    folders = list(file.path.parents)
    return level > len(folders) or (level > 0 and not folders[level - 1].is_relative_to(repository.root))


def _holds_python(folder: Path | None) -> bool:
    return folder is not None and next(python_files(folder), None) is not None


def _offers(repository: Repository, path: Path, name: str) -> bool:
    """Whether a module or package has a name, as far as can be told."""
    if repository.module(f".{name}", path if path.suffix == ".py" else path / "__init__.py") is not None:
        return True
    if path.suffix != ".py":
        return not any(n.endswith((".so", ".pyd")) for n in repository.sources.entries(path)) and False
    file = repository.sources.file(path)
    if file.tree is None:
        return True
    bound = repository.sources.bindings(file)
    if name in bound or "__getattr__" in bound or name.startswith("__"):
        return True
    if repository.starred(file) or any(isinstance(n, ast.Global) and name in n.names for n in file.nodes):
        return True
    made = any(
        isinstance(n, ast.Call) and isinstance(n.func, ast.Name) and n.func.id in {"globals", "exec", "vars"}
        for n in file.nodes
    )
    stored = any(isinstance(n, ast.NamedExpr) and n.target.id == name for n in file.nodes)
    return (
        made
        or stored
        or any(
            isinstance(n, ast.Name) and n.id == name and isinstance(n.ctx, ast.Store)
            for s in top_level(file.tree.body)
            if not isinstance(s, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
            for n in ast.walk(s)
        )
    )


def _elsewhere(
    repository: Repository, file: SourceFile, wanted: Wanted, head: str, found: Installed, notes: Notes
) -> None:
    """A module that the repository has, but not where imports are looked up."""
    if (
        _is_third_party(head, found)
        or found.changes_path
        or head in found.submodules
        or head in OF_THE_IMAGES
        or head in IMPORT_NAMES
    ):
        return
    if file.changes_path or repository.sources.file(repository.entry).changes_path:
        return
    suffix = Path(*wanted.module.split("."))
    places = [p for p in repository.sources.below(repository.root) if _ends(p.relative_to(repository.root), suffix)]
    if places and not _is_a_package_to_install(repository, places[0]):
        notes.looked("missing module of the repository")
        shown = ", ".join(str(p.relative_to(repository.root)) for p in places[:2])
        notes.saw(
            "missing module of the repository",
            f"a module {wanted.module} at the codebase's root or beside the entry point",
            f"it stands in {shown}, where no import finds it by that name",
            "import",
            file.place(wanted.node),
        )


def _ends(path: Path, suffix: Path) -> bool:
    """Whether a file, named from the root, is the module of that name in some folder."""
    parts = (*path.parts[:-1], path.stem) if path.name != "__init__.py" else path.parts[:-1]
    return parts[-len(suffix.parts) :] == suffix.parts


def _is_a_package_to_install(repository: Repository, path: Path) -> bool:
    folders = [f for f in path.parents if f.is_relative_to(repository.root)]
    return any({"setup.py", "pyproject.toml"} & repository.sources.entries(f) for f in folders if f != repository.root)


def _similar(repository: Repository, module: str) -> str | None:
    last = module.split(".")[-1]
    found = [
        p
        for p in repository.sources.below(repository.root)
        if p.stem == last or (p.name == "__init__.py" and p.parent.name == last)
    ]
    return str(found[0].relative_to(repository.root)) if last and found else None


def _is_third_party(head: str, found: Installed) -> bool:
    names = {normalised(head), *(normalised(n) for n in IMPORT_NAMES.get(head, ()))}
    return bool(names & found.distributions) or any(_in_text(name, found.text) for name in names)


def _in_text(name: str, text: str) -> bool:
    pattern = re.escape(name).replace(r"\-", "[-_.]")
    return re.search(rf"(?<![\w-]){pattern}(?![\w])", text) is not None


def _standard(file: SourceFile, wanted: Wanted, notes: Notes) -> None:
    head = wanted.module.split(".")[0]
    if wanted.module.startswith(".") or head not in STANDARD:
        return
    notes.looked("stray import")
    notes.looked("removed standard module")
    if head in EDITORS_PICK and wanted.name != "*" and not _used(file, wanted):
        name = f" (for {wanted.name})" if wanted.name else ""
        notes.saw(
            "stray import",
            "imports that the module uses",
            f"{wanted.module}{name}, which nothing uses",
            "import",
            file.place(wanted.node),
        )
    elif head in GONE:
        notes.saw(
            "removed standard module",
            "a module that every supported Python has",
            f"{head}, which Python {GONE[head]} removed",
            "import",
            file.place(wanted.node),
        )


def _used(file: SourceFile, wanted: Wanted) -> bool:
    alias = next((a for a in getattr(wanted.node, "names", []) if a.name in {wanted.name, wanted.module}), None)
    name = (alias.asname or alias.name).split(".")[0] if alias is not None else ""
    return any(isinstance(n, ast.Name) and n.id == name for n in file.nodes)


def _third_party(
    repository: Repository, file: SourceFile, wanted: Wanted, found: Installed, declared: Declared | None, notes: Notes
) -> None:
    """Modules that nothing installs; silent where nobody says what the image has."""
    head = wanted.module.split(".")[0]
    if wanted.module.startswith(".") or head in STANDARD or head in OF_THE_IMAGES or file.changes_path:
        return
    if repository.module(head, file.path) is not None or head in found.submodules:
        return
    if not found.told or (declared is not None and _own_image(declared)):
        return
    if any(p.stem == head or p.parent.name == head for p in repository.sources.below(repository.root)):
        return
    notes.looked("undeclared requirement")
    if not _is_third_party(head, found) and head in IMPORT_NAMES:
        names = " or ".join(IMPORT_NAMES[head])
        notes.saw(
            "undeclared requirement",
            f"{names} among the requirements",
            f"nothing in the repository installs what provides {head}",
            "import",
            file.place(wanted.node),
        )


def _own_image(declared: Declared) -> bool:
    """Whether the module runs in an image that the author has built."""
    for _, config in declared.entries("computeConfigs"):
        runtime = config.get("runtime")
        image = runtime.get("runnerImage") if isinstance(runtime, dict) else None
        if isinstance(image, str) and image and "dtlpy-agent" not in image:
            return True
    return False
