"""Bytes of items: upload, new revisions, and streaming."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from typing import Any

from dl_mock import documents
from dl_mock.documents import Author, Document, merge
from dl_mock.media import READ_FROM_BYTES, READ_FROM_IMAGES, file_metadata, mimetype
from dl_mock.message import Response
from dl_mock.reading import read_json
from dl_mock.recordings import OF_VIDEOS, READ_FROM_RECORDINGS
from dl_mock.routes.items import add_dir, check_dirs_above, checked_path, make_dirs, remove_item
from dl_mock.routing import ApiError, Call, Route, of_item
from dl_mock.state import State

# What the platform finds in a job after the upload.
FOUND_LATER = (*READ_FROM_IMAGES, *READ_FROM_RECORDINGS)
TAIL = 512  # bytes at the end of a form in which its last boundary must stand
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


@dataclass(frozen=True)
class Upload:
    """The parts of an upload form."""

    fields: dict[str, str]
    content: bytes | None  # None without a file


def add_item(state: State, dataset: Document, filename: str, content: bytes, author: Author, **given: Any) -> Document:
    """A new item with its bytes, in directories made for it."""
    metadata = given.pop("metadata", None) or {}
    read = file_metadata(filename, content)
    system = {**(metadata.get("system") or {}), **read["system"]}
    document = {**given, "filename": filename, "metadata": {**read, **metadata, "system": system}}
    item = state.put("items", documents.item(document, author, dataset["id"], dataset["projects"][0]))
    state.write(item["id"], content)
    make_dirs(state, item, author)
    return item


def replace_content(state: State, item: Document, content: bytes, author: Author, **given: Any) -> Document:
    """Other bytes for an item that keeps its id and its annotations (whether the platform keeps them: unknown)."""
    metadata = item["metadata"]
    before = metadata.get("system", {})
    # What the old bytes said must not outlive them: the new ones may have no orientation.
    read = file_metadata(item["name"], content)
    system = {key: value for key, value in before.items() if key not in READ_FROM_BYTES}
    system = {**system, **read["system"], "refs": before.get("refs", [])}
    beside = {key: value for key, value in metadata.items() if key not in OF_VIDEOS}
    changed = {**item, **author.touch(), "metadata": {**beside, **read, "system": system}}
    state.write(item["id"], content)
    return state.put("items", merge(changed, given))


def upload(call: Call) -> Response:
    """Add a file, or a directory; `mode` says what happens at a path that is taken.

    OpenAPI (AddItemMode): skip gives the existing item unchanged, overwrite replaces it. The header `x-item-op`
    is what the SDK shows as the status; the value for a skipped one is assumed.
    """
    dataset = call.found("datasets")
    form = _form(call)
    path = form.fields.get("path")
    if not path:
        raise ApiError(400, "an upload needs the field 'path'")
    filename = documents.place(checked_path(path))["filename"]
    existing = call.state.item_at(dataset["id"], filename)
    kind = _kind(form, existing)
    check_dirs_above(call.state, dataset["id"], filename)
    if kind == "dir":
        item = existing or add_dir(call.state, dataset["id"], dataset["projects"][0], filename, call.author)
        make_dirs(call.state, item, call.author)
        return call.reply("items", item)
    mode = call.request.query.get("mode", "skip")
    if mode not in ("skip", "overwrite"):
        raise ApiError(400, f"mode must be 'skip' or 'overwrite', not {mode!r}")
    if existing is not None and mode == "skip":
        return call.reply("items", existing, {"x-item-op": "skip"})
    given = {"metadata": _metadata(form.fields), "description": form.fields.get("description")}
    given = {key: value for key, value in given.items() if value}
    content = form.content or b""
    if existing is not None and call.platform.overwrite_keeps_item:
        item = replace_content(call.state, existing, content, call.author, **given)
        return call.reply("items", _preprocessed(call, item), {"x-item-op": "overwrite"})
    if existing is not None:
        remove_item(call.state, existing)
    item = add_item(call.state, dataset, filename, content, call.author, **given)
    operation = "created" if existing is None else "overwrite"
    return call.reply("items", _preprocessed(call, item), {"x-item-op": operation})


def _preprocessed(call: Call, item: Document) -> Document:
    """An item just uploaded; with a timing of preprocessing, what a job of the platform finds comes later."""
    if call.platform.schedule.timing.preprocessing == 0:
        return item
    metadata, system = item["metadata"], item["metadata"]["system"]
    found = {key: system[key] for key in FOUND_LATER if key in system}
    beside = {key: metadata[key] for key in OF_VIDEOS if key in metadata}
    bare = {key: value for key, value in metadata.items() if key not in beside}
    bare["system"] = {key: value for key, value in system.items() if key not in found}
    call.state.put("items", {**item, "metadata": bare})

    def finish() -> None:
        present = call.state.get("items", item["id"])
        if present is not None:
            call.state.put("items", merge(present, {"metadata": {**beside, "system": found}}))

    call.platform.schedule.drop(item["id"])
    call.platform.schedule.begin("preprocessing", item["id"], [finish])
    return call.get("items", item["id"])


def _kind(form: Upload, existing: Document | None) -> str:
    """Whether a form is for a file or a directory; 400 if it is for neither, or for one where the other is."""
    kind = form.fields.get("type", "file")
    if kind not in ("file", "dir"):
        raise ApiError(400, f"type must be 'file' or 'dir', not {kind!r}")
    if kind == "file" and form.content is None:
        raise ApiError(400, "an upload of a file needs the field 'file'")
    if existing is not None and existing["type"] != kind:
        raise ApiError(400, f"{existing['filename']} is there already, and of the type {existing['type']!r}")
    return kind


def revise(call: Call) -> Response:
    """New bytes for an item. SDK: entities/item.py `__update_item_binary`, used by prompt items."""
    item = call.found("items")
    content = _form(call).content
    if content is None:
        raise ApiError(400, "a revision needs the field 'file'")
    return call.reply("items", replace_content(call.state, item, content, call.author))


def stream(call: Call) -> Response:
    """The bytes of an item; a range is honoured, so that a download can go on where it broke off."""
    item = call.found("items")
    content = call.state.read(item["id"])
    kind = item["metadata"].get("system", {}).get("mimetype") or mimetype(item["name"])
    headers = {"content-type": kind, "accept-ranges": "bytes"}
    wanted = _range(call.request.headers.get("range", ""), len(content))
    if wanted is None:
        return Response(200, content, headers)
    first, last = wanted
    if first > last:
        return Response(416, b"", {"content-range": f"bytes */{len(content)}"})
    told = {**headers, "content-range": f"bytes {first}-{last}/{len(content)}"}
    return Response(206, content[first : last + 1], told)


def _range(header: str, size: int) -> tuple[int, int] | None:
    """First and last byte of a range, the last before the first if there is nothing in it; None for all bytes.

    RFC 9110, 14.1: what is no range that can be read is ignored.
    """
    parts = _RANGE.fullmatch(header)
    if parts is None or parts[0] == "bytes=-" or not size:
        return None
    if not parts[1]:
        return max(0, size - int(parts[2])), size - 1
    first, last = int(parts[1]), int(parts[2] or size - 1)
    return None if parts[2] and last < first else (first, min(last, size - 1))


def thumbnail(call: Call) -> Response:
    """A small picture of an image, as a PNG within `width` and `height` (128 by default: assumed)."""
    from PIL import Image, UnidentifiedImageError

    item = call.found("items")
    size = (min(call.whole("width", 128), 1024) or 1, min(call.whole("height", 128), 1024) or 1)
    output = io.BytesIO()
    try:
        with Image.open(io.BytesIO(call.state.read(item["id"]))) as image:
            image.thumbnail(size)
            image.convert("RGBA").save(output, "PNG")
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        raise ApiError(404, f"item {item['id']} has no thumbnail: it is no image that can be read") from None
    return Response(200, output.getvalue(), {"content-type": "image/png"})


def import_items(call: Call) -> Response:
    """Items for files in a storage, which is never reached: they have a place there and no bytes."""
    dataset = call.found("datasets", "dataset_id")
    value = call.json()
    imports = value.get("imports") if isinstance(value, dict) else value
    if not isinstance(imports, list):
        raise ApiError(400, "an import needs a list of objects with 'filename' and 'storageId'")
    wanted = [_import(call, dataset, index, one) for index, one in enumerate(imports)]
    added = []
    for place, system in wanted:
        item = call.state.item_at(dataset["id"], place) or add_item(call.state, dataset, place, b"", call.author)
        added.append(call.state.put("items", merge(item, {"metadata": {"system": system}})))
    return Response.of_json([call.render("items", item) for item in added])


def _import(call: Call, dataset: Document, index: int, one: Any) -> tuple[str, Document]:
    """The path of one item of an import, and what is known of it."""
    given = call.checked(one, f"import {index}")
    filename, storage_id = given.get("filename"), given.get("storageId")
    if not filename or not isinstance(storage_id, str):
        raise ApiError(400, f"import {index} needs the texts 'filename' and 'storageId'")
    place = str(documents.place(checked_path(filename))["filename"])
    existing = call.state.item_at(dataset["id"], place)
    if existing is not None and existing["type"] != "file":
        raise ApiError(400, f"{place} is a directory")
    check_dirs_above(call.state, dataset["id"], place)
    return place, {"storageId": storage_id, "size": given.get("size") or 0}


def detach_items(call: Call) -> Response:
    """Remove items of files in a storage."""
    call.found("datasets", "dataset_id")
    ids = call.json()
    if not isinstance(ids, list):
        raise ApiError(400, "the body must be a list of item ids")
    for item in [call.get("items", id_) for id_ in ids]:
        remove_item(call.state, item)
    return Response(204)


def _form(call: Call) -> Upload:
    """Fields and file of a form, multipart or URL-encoded."""
    kind = call.request.headers.get("content-type", "")
    if kind.startswith("application/x-www-form-urlencoded"):
        return Upload(call.form(), None)
    if not kind.startswith("multipart/form-data"):
        raise ApiError(400, f"expected a form, not the content type {kind or 'none'!r}")
    from requests_toolbelt.multipart.decoder import (
        ImproperBodyPartContentException,
        MultipartDecoder,
        NonMultipartContentTypeException,
    )

    if "boundary=" not in kind:
        raise ApiError(400, "the form cannot be read: its content type names no boundary")
    try:
        parts = MultipartDecoder(call.request.body, kind).parts
    except (ImproperBodyPartContentException, NonMultipartContentTypeException, IndexError) as error:
        raise ApiError(400, f"the form cannot be read: {error}") from None
    boundary = re.search(r'boundary="?([^";]+)', kind)
    if boundary and f"--{boundary[1]}--".encode() not in call.request.body[-TAIL:]:
        raise ApiError(400, "the form cannot be read: its end is missing")
    content: bytes | None = None
    fields: dict[str, str] = {}
    for part in parts:
        name = re.search(r'\bname="([^"]*)"', part.headers.get(b"content-disposition", b"").decode(errors="replace"))
        if name and name[1] == "file":
            content = part.content
        elif name:
            fields[name[1]] = _text(part.content, name[1])
    return Upload(fields, content)


def _text(content: bytes, field: str) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise ApiError(400, f"the field {field!r} is not text: {error}") from None


def _metadata(fields: dict[str, str]) -> Document:
    if "metadata" not in fields:
        return {}
    try:
        metadata = read_json(fields["metadata"])
    except ValueError as error:
        raise ApiError(400, f"the field 'metadata' is not JSON: {error}") from None
    if not isinstance(metadata, dict):
        raise ApiError(400, "the field 'metadata' must be a JSON object")
    return metadata


ROUTES = [
    Route("POST", "/datasets/{dataset_id}/items", upload, "SDK api_client.upload_file_async; recorded"),
    Route("POST", "/datasets/{dataset_id}/imports", import_items, "SDK uploader.py external items; OpenAPI"),
    Route("DELETE", "/datasets/{dataset_id}/imports", detach_items, "OpenAPI: Detach Items From Dataset"),
    *of_item("POST", "/revisions", revise, "SDK item; OpenAPI"),
    *of_item("GET", "/stream", stream, "SDK downloader; recorded"),
    *of_item("GET", "/thumbnail", thumbnail, "SDK item.thumbnail; OpenAPI"),
]
