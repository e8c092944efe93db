"""The SDK calls behind the examples of prepared filters, by the id of the example."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def _items(*terms: tuple[str, Any], **settings: Any) -> dict[str, Any]:
    import dtlpy as dl

    filters = dl.Filters(**{key: value for key, value in settings.items() if key != "recursive"})
    filters.recursive = settings.get("recursive", True)
    for field, values in terms:
        filters.add(field=field, values=values)
    return dict(filters.prepare())


def _or_dirs() -> dict[str, Any]:
    import dtlpy as dl

    filters = dl.Filters()
    filters.add("dir", "/a", method=dl.FiltersMethod.OR)
    filters.add("dir", "/b", method=dl.FiltersMethod.OR)
    return dict(filters.prepare())


def _join_or_and() -> dict[str, Any]:
    import dtlpy as dl

    filters = dl.Filters()
    filters.add_join("label", "cat", method=dl.FiltersMethod.OR)
    filters.add_join("type", "box")
    return dict(filters.prepare())


def _of(resource: str, *terms: tuple[str, Any]) -> dict[str, Any]:
    return _items(*terms, resource=resource)


def _custom_join() -> dict[str, Any]:
    import dtlpy as dl

    custom = {"filter": {"$and": []}, "join": {"filter": {"label": "x"}}}
    return dict(dl.Filters(custom_filter=custom).prepare())


def _delete_annotations() -> dict[str, Any]:
    import dtlpy as dl

    filters = dl.Filters(resource=dl.FiltersResource.ANNOTATION, field="label", values="x")
    return dict(filters.prepare(operation="delete"))


def _update_system() -> dict[str, Any]:
    import dtlpy as dl

    filters = dl.Filters(field="dir", values="/x")
    return dict(filters.prepare(operation="update", update={"a": "b"}, system_update={"c": "d"}, system_metadata=True))


def _sorted() -> dict[str, Any]:
    import dtlpy as dl

    filters = dl.Filters()
    filters.sort_by(field="label")
    filters.sort_by(field="createdAt", value=dl.FiltersOrderByDirection.DESCENDING)
    return dict(filters.prepare())


FILTERS: dict[str, Callable[[], dict[str, Any]]] = {
    "sdk-items_default": _items,
    "sdk-filename_recursive": lambda: _items(("filename", "/dir1")),
    "sdk-filename_ext": lambda: _items(("filename", "/dir1/a.jpg")),
    "sdk-filename_noext_nonrecursive": lambda: _items(("filename", "/notype"), recursive=False),
    "sdk-or_dirs": _or_dirs,
    "sdk-join_or_and": _join_or_and,
    "sdk-annotations_type_note_overrides_default": lambda: _of("annotations", ("type", "note")),
    "sdk-executions_default": lambda: _of("executions"),
    "sdk-services_default": lambda: _of("services"),
    "sdk-custom_full_join_noon": _custom_join,
    "sdk-delete_ann": _delete_annotations,
    "sdk-update_sys": _update_system,
    "sdk-pagesize_clamped": lambda: _items(page_size=5000),
    "sdk-type_override": lambda: _items(("type", "dir")),
    "sdk-multi_sort": _sorted,
}
