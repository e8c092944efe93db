"""Flows beyond the ordinary ones: other datasets, other models on the same adapter, items that nobody thought of."""

from __future__ import annotations

import os
import shutil
from typing import Any

from dl_harness.evidence import STRICT, is_threshold
from dl_harness.flows.running import Runner
from dl_harness.flows.stage import FlowFailed
from dl_harness.flows.waiting import one_download_at_a_time
from dl_harness.odd_items import FOLDER, UNREADABLE

RELOADED = 4
"""So many items are predicted again after each further load."""

BESIDE = 4
"""The size of the batch in which one item cannot be read."""


def _no_progress(i_epoch: int, n_epoch: int) -> None:
    """The wrapper's callback when nobody watches the progress."""


class Challenger(Runner):
    """The runner with all flows; each builds an adapter of its own, outside the record, where its stage has none."""

    def _train_varied(self, label: str, variant: str) -> None:
        """Train once more: as it was, interrupted, or on a dataset of another shape."""
        ids = self._stage.seeded.item_ids
        if variant == "again":
            model = self._adapter.model_entity
            self._flow(label, lambda: self._adapter.train_model(model), item_ids=ids)
            return
        if variant != "resumed":
            shutil.rmtree(self._workspace.app / "tmp" / self._stage.seeded.model_id, ignore_errors=True)
        self._build_unrecorded(label)
        model = self._adapter.model_entity
        if variant in {"interrupted", "resumed"}:
            with self._stage.interrupted(variant == "interrupted"):
                self._flow(label, lambda: self._adapter.train_model(model), item_ids=ids)
            return
        self._flow(label, lambda: self._prepared_and_trained(model), item_ids=ids)

    def _prepared_and_trained(self, model: Any) -> None:
        """What train_model does between loading and saving; conversion only where training takes long."""
        self._adapter.load_from_model(model_entity=model)
        root = os.path.join("tmp", model.id)
        with one_download_at_a_time(self._dl.client_api):
            _, data_path, output_path = self._adapter.prepare_data(dataset=model.dataset, root_path=root)
        if self._quick:
            self._adapter.train(data_path=data_path, output_path=output_path, on_epoch_end_callback=_no_progress)

    def _reload(self, label: str, variant: str) -> None:
        """Load once more on the same adapter: the same model, another one, one without artifacts."""
        self._need_adapter(label)
        model = self._adapter.model_entity
        if variant == "strict":
            keys = [key for key in self._stage.configured if is_threshold(key, self._stage.configured[key])]
            if not keys:
                self._stage.skip(label, "the configuration declares no confidence threshold")
                raise FlowFailed(label)
            other = self._stage.another_model("strict", settings=dict.fromkeys(keys, STRICT))
            model = self._dl.models.get(model_id=other)
        elif variant != "again":
            other = self._stage.another_model(variant, with_artifacts=variant == "another")
            model = self._dl.models.get(model_id=other)
        self._flow(label, lambda: self._adapter.load_from_model(model_entity=model))

    def _predict_reloaded(self, label: str, variant: str) -> None:
        self._reloaded(label, variant, "predict_items")

    def _embed_reloaded(self, label: str, variant: str) -> None:
        self._reloaded(label, variant, "embed_items")

    def _reloaded(self, label: str, variant: str, wrapper: str) -> None:
        if f"reload/{variant}" in self.failed:
            self._stage.skip(label, f"reload/{variant} did not return")
            return
        ids = self._ids[:RELOADED]
        items = self._items(ids)
        function = getattr(self._adapter, wrapper)
        self._flow(label, lambda: function(items, batch_size=self._batch_size), item_ids=ids)

    def _predict_odd(self, label: str, variant: str) -> None:
        self._one_by_one(label, "predict_items")

    def _embed_odd(self, label: str, variant: str) -> None:
        self._one_by_one(label, "embed_items")

    def _one_by_one(self, label: str, wrapper: str) -> None:
        """Every item of the stage in a batch of its own; one that fails costs no other."""
        self._need_adapter(label)
        ids = self._stage.seeded.item_ids
        items = self._items(ids)
        function = getattr(self._adapter, wrapper)

        def work() -> None:
            for item in items:
                with self._stage.failures_of(item.id):
                    function([item], batch_size=1)

        self._flow(label, work, item_ids=ids, batch_size=1)

    def _predict_beside(self, label: str, variant: str) -> None:
        self._with_an_unreadable_one(label, "predict_items")

    def _embed_beside(self, label: str, variant: str) -> None:
        self._with_an_unreadable_one(label, "embed_items")

    def _with_an_unreadable_one(self, label: str, wrapper: str) -> None:
        """One batch of ordinary items with one among them that cannot be read."""
        self._need_adapter(label)
        named = {self._stage.item(one).name: one for one in self._stage.seeded.item_ids}
        odd = FOLDER.lstrip("/")
        plain = [one for name, one in named.items() if not name.startswith((odd, "pictures/"))]
        unreadable = next((one for name, one in named.items() if name.startswith(f"{odd}{UNREADABLE}")), None)
        if unreadable is None or len(plain) < 2:
            self._stage.skip(label, "no item of this input type is unreadable")
            return
        ids = (plain[0], unreadable, *plain[1 : BESIDE - 1])
        items = self._items(ids)
        function = getattr(self._adapter, wrapper)
        self._flow(label, lambda: function(items, batch_size=BESIDE), item_ids=ids, batch_size=BESIDE)

    def _resave(self, label: str, variant: str) -> None:
        """Save a second time, with what the first save has left on the platform and on the adapter."""
        self._flow(label, lambda: self._adapter.save_to_model(cleanup=True))

    def _need_adapter(self, label: str) -> None:
        if self._adapter is None:
            self._build_unrecorded(label)
