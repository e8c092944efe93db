"""Which calls each flow of a stage makes."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dl_harness.flows.stage import FlowFailed, Stage

if TYPE_CHECKING:
    from dl_harness import plan
    from dl_harness.spec import Spec

INPUTS_OF_TYPE: dict[str, Any] = {
    "String": "dl-harness",
    "Json": {},
    "Integer": 1,
    "Number": 1,
    "Float": 1.0,
    "Boolean": False,
}
"""A value for each declared type of initInputs (OpenAPI: PackageIO); 15 public modules declare more than the model."""


def _keys(adapter: Any) -> tuple[str, ...] | None:
    """The keys in the configuration of the adapter's model entity."""
    configuration = getattr(getattr(adapter, "_model_entity", None), "configuration", None)
    return tuple(str(key) for key in configuration) if isinstance(configuration, dict) else None


class NotInitialisedError(Exception):
    """The adapter's constructor leaves out the base class's, which sets the model entity and loads it."""


def init_inputs(dl: Any, spec: Spec, model_id: str) -> dict[str, Any]:
    """What the adapter's constructor is given: the model, and a value for each further input that is declared."""
    model = dl.models.get(model_id=model_id)
    declared = spec.target.inputs or (("model_entity", "Model"),)
    inputs = {name: INPUTS_OF_TYPE.get(kind, "dl-harness") for name, kind in declared}
    return inputs | {name: model for name, kind in declared if kind == "Model" or name == "model_entity"}


def constructed(adapter_class: type, inputs: dict[str, Any]) -> Any:
    """An adapter with its model loaded. Raises NotInitialisedError when its constructor loads none."""
    adapter = adapter_class(**inputs)
    if getattr(adapter, "_model_entity", None) is None:
        raise NotInitialisedError(
            "__init__ never calls super().__init__(model_entity=model_entity): no model is loaded"
        )
    return adapter


class Runner:
    """Runs the flows of one stage in order; a flow that fails ends only those that need it."""

    def __init__(
        self,
        dl: Any,
        spec: Spec,
        adapter_class: type,
        stage: Stage,
        run: Callable[..., Any],
        wanted: set[str],
        quick: bool = True,
    ) -> None:
        self._dl = dl
        self._spec = spec
        self._adapter_class = adapter_class
        self._stage = stage
        self._workspace = stage.workspace
        self._run = run
        self._wanted = wanted
        self._quick = quick
        self._batch_size = spec.batch_size
        self._ids = stage.seeded.item_ids[: spec.item_count]
        self.begun: set[str] = set()
        self.failed: set[str] = set()
        self._construct: Callable[[], Any] = lambda: None
        self._adapter: Any = None

    def run_stage(self, stage: plan.Stage) -> None:
        """Every wanted flow of the stage. Raises FlowFailed when one that the rest need does not return."""
        flows = list(stage.flows)
        if flows[0].startswith("load_from_model"):
            self._build(flows.pop(0))
        for label in flows:
            if label not in self._wanted:
                continue
            name, _, variant = label.partition("/")
            try:
                getattr(self, f"_{name}")(label, variant)
            except FlowFailed:
                self.failed.add(label)
                if label == "train_model":
                    raise

    def _flow(self, label: str, function: Callable[[], Any], **about: Any) -> Any:
        self.begun.add(label)
        return self._run(label, function, **{"wrapper": self._spec.wrappers, **about})

    def _build(self, label: str) -> None:
        """Construct the adapter as the runner does; the base class's constructor loads the model."""
        self._prepare_construction()
        self._adapter = self._flow(label, self._construct)

    def _prepare_construction(self) -> None:
        inputs = init_inputs(self._dl, self._spec, self._stage.seeded.model_id)
        self._construct = lambda: self._watched(constructed(self._adapter_class, inputs))

    def _watched(self, adapter: Any) -> Any:
        self._stage.configuration = lambda: _keys(adapter)
        return adapter

    def _load_from_model(self, label: str, variant: str) -> None:
        """Load again from another folder, with the first one out of the way."""
        model = self._adapter.model_entity
        first = self._workspace.dataloop / "models" / model.name
        aside = self._workspace.directory / "aside"
        elsewhere = self._workspace.home / "another folder" / "weights"
        if not first.is_dir():
            self._stage.skip(label, "the model has no artifacts that could lie elsewhere")
            return
        first.rename(aside)
        try:
            self._flow(
                label,
                lambda: self._adapter.load_from_model(model_entity=model, local_path=str(elsewhere), overwrite=True),
            )
        except FlowFailed:
            shutil.rmtree(first, ignore_errors=True)
            aside.rename(first)
            self._adapter = self._flow(f"{label}-and-back", self._construct)
            raise

    def _items(self, ids: tuple[str, ...]) -> list[Any]:
        """Items as a wrapper gets them from a listing: with their dataset attached."""
        dataset = self._dl.datasets.get(dataset_id=self._stage.seeded.dataset_id)
        filters = self._dl.Filters(field="id", values=list(ids), operator=self._dl.FiltersOperations.IN)
        found = {item.id: item for page in dataset.items.list(filters=filters) for item in page}
        return [found[one] for one in ids]

    def _batches(self, variant: str) -> tuple[tuple[str, ...], int]:
        ids = self._ids[: max(1, len(self._ids) // 2)] if variant == "fewer" else self._ids
        return ids, 1 if variant == "one" else self._batch_size

    def _predict_items(self, label: str, variant: str) -> None:
        ids, size = self._batches(variant)
        items = self._items(ids)
        self._flow(label, lambda: self._adapter.predict_items(items, batch_size=size), item_ids=ids, batch_size=size)

    def _embed_items(self, label: str, variant: str) -> None:
        ids, size = self._batches(variant)
        items = self._items(ids)
        self._flow(label, lambda: self._adapter.embed_items(items, batch_size=size), item_ids=ids, batch_size=size)

    def _predict_untrained(self, label: str, variant: str) -> None:
        self._predict_items(label, variant)

    def _embed_untrained(self, label: str, variant: str) -> None:
        self._embed_items(label, variant)

    _predict_trained, _embed_trained = _predict_untrained, _embed_untrained

    def _dataset_flow(self, label: str, wrapper: Callable[..., Any]) -> None:
        dataset = self._dl.datasets.get(dataset_id=self._stage.seeded.dataset_id)
        filters = self._dl.Filters(field="id", values=list(self._ids), operator=self._dl.FiltersOperations.IN)
        size = self._batch_size
        self._flow(
            label,
            lambda: wrapper(dataset=dataset, filters=filters, batch_size=size),
            item_ids=self._ids,
            batch_size=size,
        )

    def _predict_dataset(self, label: str, variant: str) -> None:
        self._dataset_flow(label, self._adapter.predict_dataset)

    def _embed_dataset(self, label: str, variant: str) -> None:
        self._dataset_flow(label, self._adapter.embed_dataset)

    def _laws(self, function: str, label: str) -> None:
        from dl_harness.flows import law_flows, variants

        platform, folder = self._stage.platform, self._workspace.tmp / "laws"
        made = {
            "re-encoded": variants.re_encoded(platform, self._ids, folder),
            "resized": variants.resized(platform, self._ids, folder),
        }
        ids = (*self._ids, *(one.variant for found in made.values() for one in found))
        items = dict(zip(ids, self._items(ids), strict=True))
        self._flow(
            label,
            lambda: law_flows.try_laws(
                function, self._stage, self._adapter, self._construct, items, made, self._spec.examples
            ),
            item_ids=ids,
        )

    def _predict_laws(self, label: str, variant: str) -> None:
        self._laws("predict", label)

    def _embed_laws(self, label: str, variant: str) -> None:
        self._laws("embed", label)

    def _train_model(self, label: str, variant: str) -> None:
        model = self._adapter.model_entity
        ids = self._stage.seeded.item_ids
        if variant == "elsewhere":
            from dl_harness.flows import reference

            # The model has the same id on every platform: what the first training left must not help this one.
            shutil.rmtree(self._workspace.app / "tmp" / model.id, ignore_errors=True)

            function = reference.train_model
            self._flow(label, lambda: function(self._adapter, model), item_ids=ids, wrapper="reference")
            return
        self._flow(label, lambda: self._adapter.train_model(model), item_ids=ids)
        self._hand_over("trained")

    def _build_unrecorded(self, label: str) -> None:
        """Construct the adapter outside any flow: how that goes has been recorded before."""
        try:
            self._prepare_construction()
            self._adapter = self._construct()
        except BaseException as error:
            self._stage.skip(label, f"the adapter could not be built again ({type(error).__name__})")
            raise FlowFailed(label) from error

    def _save_to_model(self, label: str, variant: str) -> None:
        self._flow(label, lambda: self._adapter.save_to_model(cleanup=True))
        self._hand_over("saved")

    def _evaluate_model(self, label: str, variant: str) -> None:
        model = self._adapter.model_entity
        dataset = self._dl.datasets.get(dataset_id=self._stage.seeded.dataset_id)
        filters = self._dl.Filters(field="id", values=list(self._ids), operator=self._dl.FiltersOperations.IN)
        self._flow(
            label,
            lambda: self._adapter.evaluate_model(model=model, dataset=dataset, filters=filters),
            item_ids=self._ids,
        )

    def _hand_over(self, name: str) -> None:
        """Keep the model's artifacts for the stages and processes that follow."""
        folder = self._workspace.handoff / name
        folder.mkdir(parents=True, exist_ok=True)
        for path, content in self._stage.artifacts().items():
            file = folder / Path(path)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
