"""save_to_model: what an adapter saves becomes the model's artifacts."""

from __future__ import annotations

import os
import shutil
import tempfile
from typing import Any

import dtlpy as dl

from dl_harness.flows.reference.batches import LostResultsError


def save_to_model(
    adapter: dl.BaseModelAdapter,
    local_path: str | None = None,
    cleanup: bool = False,
    replace: bool = True,
    **kwargs: Any,
) -> None:
    """Save to a folder, upload the folder as the model's artifacts, clean up (docs: model_adapter_flows).

    Artifacts of the same path are replaced, others stay. Raises LostResultsError when a file did not arrive.
    """
    if local_path is None:
        local_path = tempfile.mkdtemp(prefix=f"model_{adapter.model_entity.name}")
    adapter.save(local_path=local_path, **kwargs)
    _upload(adapter.model_entity, local_path)
    if cleanup:
        shutil.rmtree(local_path, ignore_errors=True)


def _upload(model: dl.Model, folder: str) -> None:
    """Upload everything below a folder. The SDK gives back what arrived: None, one item, or an iterator."""
    given = model.artifacts.upload(filepath=os.path.join(folder, "*"), overwrite=True)
    arrived = [given] if given is None or isinstance(given, dl.Item) else list(given)
    prefix = f"/artifacts/models/{model.name}/"
    missing = _files(folder) - {item.filename.removeprefix(prefix) for item in arrived if item is not None}
    if missing:
        raise LostResultsError(f"the platform did not take {', '.join(sorted(missing))} as artifacts of {model.name}")


def _files(folder: str) -> set[str]:
    paths = (os.path.join(parent, name) for parent, _, names in os.walk(folder) for name in names)
    return {os.path.relpath(path, folder).replace(os.sep, "/") for path in paths}
