"""Helpers of the tests that drive the SDK over HTTP, one platform and one connection a module."""

from __future__ import annotations

import io
import itertools
from typing import Any

from mock_helpers import image

_numbers = itertools.count(1)


def fresh(project: Any, **options: Any) -> Any:
    """A new, empty dataset."""
    return project.datasets.create(f"dataset {next(_numbers)}", **options)


def file(name: str, content: bytes | None = None) -> io.BytesIO:
    """Something to upload; by default a small image."""
    buffer = io.BytesIO(image() if content is None else content)
    buffer.name = name
    return buffer


def upload(dataset: Any, name: str = "a.png", content: bytes | None = None, **options: Any) -> Any:
    """An uploaded item as the platform has it, with its dataset."""
    return dataset.items.get(item_id=dataset.items.upload(local_path=file(name, content), **options).id)


def names(rows: Any) -> list[str]:
    """Paths of items, sorted."""
    return sorted(row.filename for row in rows)
