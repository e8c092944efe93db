"""What a module does when it is imported, and what user functions do besides their work."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from dl_harness.static.files import SourceFile
from dl_harness.static.hierarchy import Hierarchy
from dl_harness.static.initialisation import reached_methods
from dl_harness.static.names import is_script_guard
from dl_harness.static.notes import Notes
from dl_harness.static.repository import Repository, top_level
from dl_harness.static.sdk_table import sdk_table

SETTING_UP = frozenset(
    {"dtlpy.setenv", "dtlpy.login", "dtlpy.login_m2m", "dtlpy.login_token", "dtlpy.login_secret", "dtlpy.login_api_key"}
    | {"dtlpy.logout", "dtlpy.checkout", "dtlpy.client_api.setenv", "dtlpy.client_api.login"}
)
"""Calls that change which platform the whole service talks to, and as whom."""

DOWNLOADING = (
    *("requests.get", "requests.post", "requests.request", "httpx.get", "httpx.post", "urllib.request.urlopen"),
    *("urllib.request.urlretrieve", "wget.download", "gdown.download", "nltk.download", "torch.hub.load"),
    *("torch.hub.load_state_dict_from_url", "torch.hub.download_url_to_file", "huggingface_hub.hf_hub_download"),
    *("huggingface_hub.snapshot_download", "huggingface_hub.login", "datasets.load_dataset", "whisper.load_model"),
    *("clip.load", "open_clip.create_model_and_transforms", "spacy.cli.download", "tensorflow_hub.load"),
    *("subprocess.run", "subprocess.call", "subprocess.check_call", "subprocess.check_output", "subprocess.Popen"),
    *("os.system", "easyocr.Reader", "timm.create_model", "fiftyone.zoo.load_zoo_model"),
)

READING = frozenset(
    {"open", "json.load", "cv2.imread", "PIL.Image.open", "pandas.read_csv", "numpy.load", "torch.load"}
)

OBJECT_ID = re.compile(r"[0-9a-f]{24}")


def read_effects(repository: Repository, file: SourceFile, notes: Notes) -> None:
    """Note what importing a file does, and whom the adapter logs in as anywhere."""
    notes.looked("import effect")
    notes.looked("download at import")
    for call in _calls_at_import(file):
        name = repository.qualified(file, call.func) or ""
        if _asks_the_platform(name):
            notes.saw(
                "import effect",
                "an import that asks nothing of the platform",
                f"{ast.unparse(call.func)}() at import",
                "module",
                file.place(call),
            )
        elif name in DOWNLOADING or name.endswith(".from_pretrained"):
            notes.saw(
                "download at import",
                "downloads and processes in load(), not at import",
                f"{ast.unparse(call.func)}() at import",
                "module",
                file.place(call),
            )
    for node in file.nodes:
        if isinstance(node, ast.Call) and not _in_script(file, node):
            _log_in(repository, file, node, notes)
            _hard_coded(file, node, notes)
            _relative_file(repository, file, node, notes)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            _path_of_one_machine(file, node, notes)


def _calls_at_import(file: SourceFile) -> Iterator[ast.Call]:
    """Calls that run when the file is imported, class bodies and defaults included."""
    for statement in _statements(file.tree.body if file.tree else []):
        waiting: list[ast.AST] = [statement]
        while waiting:
            node = waiting.pop()
            if isinstance(node, ast.Call):
                yield node
            if isinstance(node, ast.If) and (is_script_guard(node.test) or "token_expired" in ast.unparse(node.test)):
                continue
            children = (
                _headers(node)
                if isinstance(node, (ast.If, ast.For, ast.While, ast.Try, ast.With))
                else ast.iter_child_nodes(node)
            )
            waiting += [
                c
                for c in children
                if not isinstance(c, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef))
            ]


def _headers(node: ast.AST) -> list[ast.AST]:
    """The expressions of a compound statement; its bodies are walked by themselves."""
    return [child for child in ast.iter_child_nodes(node) if not isinstance(child, (ast.stmt, ast.ExceptHandler))]


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    for statement in _unguarded(body):
        yield statement
        if isinstance(statement, ast.ClassDef):
            yield from _statements(statement.body)


def _unguarded(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    for statement in body:
        if isinstance(statement, ast.If) and (
            is_script_guard(statement.test) or "token_expired" in ast.unparse(statement.test)
        ):
            continue
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        inner = [s for name in ("body", "orelse", "finalbody") for s in getattr(statement, name, [])]
        inner += [s for handler in getattr(statement, "handlers", []) for s in handler.body]
        yield statement
        if not isinstance(statement, ast.ClassDef):
            yield from _unguarded(inner)


def _asks_the_platform(name: str) -> bool:
    parts = name.split(".")
    if name in SETTING_UP:
        return True
    repositories = sdk_table().newest.repositories
    return len(parts) == 3 and parts[0] == "dtlpy" and parts[1] in repositories and parts[2] != "client_api"


def _in_script(file: SourceFile, node: ast.AST) -> bool:
    return any(
        isinstance(p, ast.If) and (is_script_guard(p.test) or "token_expired" in ast.unparse(p.test))
        for p in file.above(node)
    )


def _log_in(repository: Repository, file: SourceFile, call: ast.Call, notes: Notes) -> None:
    name = repository.qualified(file, call.func) or ""
    holder = next((p for p in file.above(call) if isinstance(p, (ast.FunctionDef, ast.AsyncFunctionDef))), None)
    in_class = holder is not None and isinstance(next(iter(file.above(holder)), None), ast.ClassDef)
    if name in SETTING_UP and holder is not None and in_class:
        notes.saw(
            "import effect",
            "the session that the platform has given to the service",
            f"{ast.unparse(call.func)}()",
            holder.name,
            file.place(call),
        )


def _hard_coded(file: SourceFile, call: ast.Call, notes: Notes) -> None:
    """A platform id in the source names something of one project."""
    values = [*call.args, *(k.value for k in call.keywords)]
    for value in values:
        if isinstance(value, ast.Constant) and isinstance(value.value, str) and OBJECT_ID.fullmatch(value.value):
            notes.saw(
                "hard-coded id",
                "ids from the model, the item or the configuration",
                f"{value.value!r} in {ast.unparse(call.func)}()",
                _function(file, call),
                file.place(value),
            )
    if values:
        notes.looked("hard-coded id")


def _function(file: SourceFile, node: ast.AST) -> str:
    holder = next((p for p in file.above(node) if isinstance(p, (ast.FunctionDef, ast.AsyncFunctionDef))), None)
    return holder.name if holder is not None else "module"


def _relative_file(repository: Repository, file: SourceFile, call: ast.Call, notes: Notes) -> None:
    """A relative path is looked up in the working directory, which is the application root on the platform."""
    name = repository.qualified(file, call.func) or ""
    first = call.args[0] if call.args else None
    if name not in READING or not isinstance(first, ast.Constant) or not isinstance(first.value, str):
        return
    path = first.value
    mode = next((k.value for k in call.keywords if k.arg == "mode"), call.args[1] if len(call.args) > 1 else None)
    text = mode.value if isinstance(mode, ast.Constant) and isinstance(mode.value, str) else "r"
    if (
        not path
        or Path(path).is_absolute()
        or "://" in path
        or (name != "open" and mode is None and not Path(path).suffix)
    ):
        return
    notes.looked("relative file")
    if name == "open" and set(text) & set("wax"):
        notes.saw(
            "file in the working directory",
            "files in the folder that the wrapper names, or a temporary one",
            f"{ast.unparse(call)[:80]}",
            _function(file, call),
            file.place(call),
        )
        return
    beside = (file.path.parent / path).is_file()
    if beside and not (repository.root / path).is_file():
        where = (
            file.path.parent.relative_to(repository.root)
            if file.path.is_relative_to(repository.root)
            else file.path.parent
        )
        notes.saw(
            "relative file",
            "a path that is found from the codebase's root, or one made with __file__",
            f"{path!r}, which stands beside the source in {where}",
            _function(file, call),
            file.place(call),
        )


_OF_ONE_MACHINE = re.compile(r"^(?:/home/\w|/Users/\w|/content/\w|[A-Za-z]:[\\/](?![\\/])\w)")
_WINDOWS = re.compile(r"^(?:\.{1,2}\\)?\w[\w.-]+(?:\\\w[\w.-]+)+$")


def _path_of_one_machine(file: SourceFile, node: ast.Constant, notes: Notes) -> None:
    text = node.value
    if not isinstance(text, str) or len(text) > 300 or "\n" in text:
        return
    windows = (
        _WINDOWS.match(text) and re.search(r"\.\w{1,6}$", text) and not re.search(r"\\[dwsbDWSB](?:$|[^\w]|\+)", text)
    )
    if not (_OF_ONE_MACHINE.match(text) or windows):
        return
    parent = next(iter(file.above(node)), None)
    if isinstance(parent, ast.Expr) or _in_script(file, node):
        return
    expected = "a path with / that exists on every machine, made from local_path, __file__ or a temporary folder"
    notes.saw("path of one machine", expected, repr(text[:80]), _function(file, node), file.place(node))


def read_user_functions(found: Hierarchy, notes: Notes) -> None:
    """Note what predict and embed change on the platform besides what the wrapper uploads."""
    notes.looked("platform change in predict")
    for one, function in reached_methods(found, "predict", "embed"):
        for node in ast.walk(function):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            text = ast.unparse(node.func)
            uploads = text.endswith((".annotations.upload", "builder.upload"))
            updates = text.endswith(("self.model_entity.update", "self.model.update")) and not node.args
            if uploads or updates:
                what = (
                    "uploads annotations that the wrapper uploads again"
                    if uploads
                    else "updates the model for every batch"
                )
                notes.saw(
                    "platform change in predict",
                    "predictions that are returned, and nothing else",
                    f"{text}() {what}",
                    function.name,
                    one.file.place(node),
                )


__all__ = ["read_effects", "read_user_functions", "top_level"]
