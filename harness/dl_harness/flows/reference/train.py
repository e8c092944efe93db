"""train_model: a model entity and its dataset become a trained model."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import dtlpy as dl

from dl_harness.flows.reference.data import training_root


def train_model(
    adapter: dl.BaseModelAdapter,
    model: dl.Model,
    cleanup: bool = False,
    progress: dl.Progress | None = None,
    context: dl.Context | None = None,
) -> dl.Model:
    """Load the model, prepare (and convert) the data, train, save, clean up (docs: model_adapter_flows).

    Everything happens below DATALOOP_PATH/model_data/<model.id>_<model.name>/<timestamp>.
    """
    model = model.wait_for_model_ready()
    with _status_of_training(model):
        adapter.load_from_model(model_entity=model)
        _, data_path, output_path = adapter.prepare_data(dataset=model.dataset, root_path=training_root(model))
        adapter.train(data_path=data_path, output_path=output_path, on_epoch_end_callback=_on_epoch_end(progress))
        adapter.save_to_model(local_path=output_path, replace=True)
    if cleanup:
        shutil.rmtree(output_path, ignore_errors=True)
    return model


@contextmanager
def _status_of_training(model: dl.Model) -> Iterator[None]:
    """The model is in training, and afterwards trained, or failed when a step raised (docs: model status)."""
    _set_status(model, "training")
    try:
        yield
    except BaseException:
        _set_status(model, "failed")
        raise
    _set_status(model, "trained")


def _set_status(model: dl.Model, status: str) -> None:
    model.status = status
    model.update(reload_services=False)


def _on_epoch_end(progress: dl.Progress | None) -> Callable[[int, int], None]:
    """What `train` is to call after each epoch, so that the execution shows how far it is."""

    def on_epoch_end_callback(i_epoch: int, n_epoch: int) -> None:
        if progress is not None:
            percent = int(100 * (i_epoch + 1) / n_epoch)
            progress.update(progress=percent, message=f"finished epoch: {i_epoch}/{n_epoch}")

    return on_epoch_end_callback
