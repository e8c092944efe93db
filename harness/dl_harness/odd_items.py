"""Items of every kind that the declared input type allows, and that nobody thinks of when writing an adapter.

31 of 239 real defects were inputs of another shape than the author's own: grey and transparent images, empty and long
texts, prompts without text, files that end too early. Each odd item lies below `/odd/` and is named after its kind.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

Document = dict[str, Any]
Documents = dict[str, list[Document]]

FOLDER = "/odd/"
UNREADABLE = "unreadable"
PICTURE = "0123456789abcdef01234567"
"""The id of the image that a prompt shows."""

PLAIN = 3
"""So many ordinary items stand beside the odd ones."""

TEXTS: dict[str, bytes] = {
    "empty": b"",
    "blank": b" \n\n",
    "long": b"The quick brown fox jumps over the lazy dog. " * 4_000,
    "one_long_word": b"a" * 20_000,
    "unicode": "\ufeffnaïve 数据 🐈\u200d⬛ \u202eright to left\u202c e\u0301\n".encode(),
    "not_utf_8": "Füße, größer\n".encode("latin-1"),
}


def with_odd_items(kinds: tuple[str, ...], documents: Documents, folder: Path) -> Documents | str:
    """A scene with a few of its items and the odd ones, whose files are made in a folder; or why there are none."""
    makers = [_MAKERS[kind] for kind in kinds if kind in _MAKERS]
    plain = [item for item in documents["items"] if item.get("type", "file") == "file"][:PLAIN]
    if not makers or not plain:
        return f"there are no odd items of the input type {kinds[0]}"
    folder.mkdir(parents=True, exist_ok=True)
    return {
        **documents,
        "items": [*plain, *(item for make in makers for item in make(plain, folder))],
        "annotations": [],
    }


def _file(folder: Path, name: str, content: bytes, **system: Any) -> Document:
    file = folder / name
    file.write_bytes(content)
    return _item(file, **system)


def _item(file: Path, name: str | None = None, **system: Any) -> Document:
    made: Document = {"filename": f"{FOLDER}{name or file.name}", "file": str(file)}
    return {**made, "metadata": {"system": system}} if system else made


def _of_mimetypes(plain: list[Document], *types: str) -> list[Document]:
    """An ordinary item whose mimetype is missing, and under other names for the same type."""
    file = plain[0].get("file")
    if file is None:
        return []
    suffix = Path(file).suffix
    named = {f"mimetype_{number}{suffix}": one for number, one in enumerate(types)}
    # The SDK guesses a missing mimetype from the extension.
    return [_item(Path(file), name, mimetype=one) for name, one in {**named, "without_mimetype": None}.items()]


def _images(plain: list[Document], folder: Path) -> list[Document]:
    files = sorted(_sample("image_modes/items").iterdir())
    known = {file.stem: _item(file) for file in files}
    unreadable = _file(folder, f"{UNREADABLE}.jpg", b"\xff\xd8\xff\xe0 this was to become a photograph")
    return [*known.values(), unreadable, *_of_mimetypes(plain)]


def _texts(plain: list[Document], folder: Path) -> list[Document]:
    made = [_file(folder, f"{name}.txt", content) for name, content in TEXTS.items()]
    unreadable = _file(folder, f"{UNREADABLE}.txt", b"\xff\xfe\x00\xd8\x00")
    return [*made, unreadable, *_of_mimetypes(plain, "text/markdown", "text/plain; charset=utf-8")]


def _json(plain: list[Document], folder: Path) -> list[Document]:
    made = {"empty_object": b"{}", "empty_list": b"[]", "null": b"null", UNREADABLE: b'{"a": '}
    return [_file(folder, f"{name}.json", content) for name, content in made.items()]


def _audio(plain: list[Document], folder: Path) -> list[Document]:
    import io
    import wave

    silence = io.BytesIO()
    with wave.open(silence, "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
    unreadable = _file(folder, f"{UNREADABLE}.wav", b"RIFF\x24\x00\x00\x00WAVEfmt ")
    return [_file(folder, "no_samples.wav", silence.getvalue()), unreadable, *_of_mimetypes(plain, "audio/x-wav")]


def _prompts(plain: list[Document], folder: Path) -> list[Document]:
    text = {"mimetype": "application/text", "value": "What is the capital of Norway?"}
    image = {"mimetype": "image/*", "value": PICTURE}
    shapes: dict[str, Any] = {
        "empty_text": {"1": [{"mimetype": "application/text", "value": ""}]},
        "no_elements": {"1": []},
        "long_text": {"1": [{"mimetype": "application/text", "value": "Is this a question? " * 5_000}]},
        "other_keys": {"a1b2": [text], "c3d4": [text]},
        "with_context": {"1": [text, {"mimetype": "metadata", "value": {"nearestItems": []}}]},
        "with_system": {"1": [{"mimetype": "metadata", "value": {"role": "system"}}, text], "2": [text]},
        "several_texts": {"1": [text, text, text]},
    }
    made = [_prompt(folder, name, prompts) for name, prompts in shapes.items()]
    unreadable = _file(folder, f"{UNREADABLE}.json", b'{"shebang": "dataloop", ', **_PROMPT)
    asked = _prompt(folder, "with_image", {"1": [text, image]})
    first = _prompt(folder, "image_first", {"1": [image, text]})
    picture = {"id": PICTURE, "filename": "/pictures/display.png", "file": str(_sample("images/items/display.png"))}
    return [*made, asked, first, picture, unreadable]


def _sample(name: str) -> Path:
    import dl_fixtures

    return dl_fixtures.path(name)


_PROMPT: Document = {"shebang": {"dltype": "prompt"}, "mimetype": "application/json"}


def _prompt(folder: Path, name: str, prompts: Any) -> Document:
    document = {"shebang": "dataloop", "metadata": {"dltype": "prompt"}, "prompts": prompts}
    return _file(folder, f"{name}.json", json.dumps(document).encode())


_MAKERS: dict[str, Callable[[list[Document], Path], list[Document]]] = {
    "image": _images,
    "text": _texts,
    "json": _json,
    "audio": _audio,
    "prompt": _prompts,
}
