"""Which flows a check runs, in which order, and why others are not run.

A flow's label begins with the wrapper function it calls. Flows of one stage share a platform and an adapter; each
stage starts from a fresh copy of the scene.
"""

from __future__ import annotations

from dataclasses import dataclass

from dl_harness.evidence import Subject
from dl_harness.training_scenes import SHAPES

EVALUATED_TYPES = frozenset({"class", "box", "segment", "binary", "point", "polyline", "ellipse"})
"""Output types that dtlpymetrics scores (dtlpymetrics: scoring.py)."""


ODD = "odd items"
"""The shape of a scene that holds what odd_items makes."""


@dataclass(frozen=True)
class Stage:
    """Flows that share a platform, and the artifacts that the model has at its start."""

    name: str
    flows: tuple[str, ...]
    shape: str | None = None  # of the dataset, see training_scenes and odd_items


def _in_other_shapes() -> tuple[Stage, ...]:
    return tuple(Stage(f"training on {shape}", (f"train_varied/{shape.replace(' ', '-')}",), shape) for shape in SHAPES)


STAGES = (
    Stage("untrained", ("load_from_model/untrained", "predict_untrained", "embed_untrained")),
    Stage(
        "training",
        ("load_from_model/training", "train_model", "predict_trained", "embed_trained", "train_varied/again"),
    ),
    Stage("training elsewhere", ("load_from_model/training-elsewhere", "train_model/elsewhere")),
    Stage("training interrupted", ("train_varied/interrupted", "train_varied/resumed")),
    *_in_other_shapes(),
    Stage(
        "inference",
        (
            "load_from_model",
            "load_from_model/elsewhere",
            "predict_items",
            "predict_items/again",
            "predict_items/one",
            "predict_items/fewer",
            "predict_dataset",
            "embed_items",
            "embed_items/again",
            "embed_items/one",
            "embed_items/fewer",
            "embed_dataset",
        ),
    ),
    Stage("laws", ("load_from_model/laws", "predict_laws", "embed_laws")),
    Stage(
        "loading again",
        (
            "reload/again",
            "predict_reloaded/again",
            "embed_reloaded/again",
            "reload/another",
            "predict_reloaded/another",
            "embed_reloaded/another",
            "reload/strict",
            "predict_reloaded/strict",
            "reload/without-artifacts",
            "predict_reloaded/without-artifacts",
            "embed_reloaded/without-artifacts",
        ),
    ),
    Stage("odd items", ("predict_beside", "predict_odd", "embed_beside", "embed_odd"), ODD),
    Stage("saving", ("load_from_model/saving", "save_to_model", "resave")),
    Stage("evaluation", ("load_from_model/evaluation", "evaluate_model")),
    Stage("fresh process", ("load_from_model/fresh", "predict_items/fresh", "embed_items/fresh")),
)


def reasons(subject: Subject, needs: tuple[str, ...] | None, has_metrics: bool, prompts: bool) -> dict[str, str]:
    """For each flow that is not to be run, why; `needs` are the wrapper functions whose record is wanted."""
    return {
        label: reason
        for stage in STAGES
        for label in stage.flows
        if (reason := _reason(label, subject, needs, has_metrics, prompts)) is not None
    }


def _reason(
    label: str, subject: Subject, needs: tuple[str, ...] | None, has_metrics: bool, prompts: bool
) -> str | None:
    name = label.split("/")[0]
    function = name.split("_")[0]
    if function in {"predict", "embed"} and function not in subject.uses:
        return f"the adapter does not {function}"
    if name == "predict_laws" and prompts:
        return "the items are prompts: an answer is written on the item, and the next one depends on it"
    before_and_after = label.endswith("trained")  # what training changes must be in what is saved
    training = name in {"train_model", "train_varied"} or "training" in label
    if (training or before_and_after) and not subject.overrides("train"):
        return "the adapter does not train"
    saving = name in {"save_to_model", "resave"} or label.endswith(("/saving", "/fresh"))
    if (saving or before_and_after) and not subject.overrides("save"):
        return "the adapter does not save"
    if name == "evaluate_model" or label.endswith("/evaluation"):
        return _not_evaluated(subject, has_metrics, prompts) or _unwanted("evaluate_model", needs)
    if "training" in label or name == "train_model":  # what the others are compared with
        return None if _unwanted("train_varied", needs) is None else _unwanted("train_model", needs)
    if name == "resave":
        return _unwanted("resave", needs)
    if saving or before_and_after:
        return _unwanted("save_to_model", needs)
    if name == "load_from_model":
        return None if needs is None or needs else "no selected contract reads it"
    return _unwanted("reload" if name.endswith("_reloaded") else name, needs)


def _not_evaluated(subject: Subject, has_metrics: bool, prompts: bool) -> str | None:
    if not subject.overrides("predict"):
        return "the adapter does not predict"
    if subject.overrides("evaluate"):
        return None
    if prompts:
        return "the items are prompts, which have no ground truth to compare with"
    if not has_metrics:
        return "dtlpymetrics is not installed (pip install 'dl-harness[metrics]')"
    kind = subject.model.output_type
    if kind is not None and kind not in EVALUATED_TYPES:
        return f"dtlpymetrics does not score the output type {kind}"
    return None


def given_up(label: str, died: tuple[str, ...]) -> str | None:
    """Why a flow is not tried after a process has died in a flow that calls the same user function, or None.

    Each further try would cost the time limit of a call again, and show the same.
    """
    functions = {
        "predict_dataset": "predict_items",
        "evaluate_model": "predict_items",
        "embed_dataset": "embed_items",
        "train_varied": "train_model",
        "predict_laws": "predict_items",
        "embed_laws": "embed_items",
        **{f"{use}_{kind}": f"{use}_items" for use in ("predict", "embed") for kind in ("reloaded", "odd", "beside")},
    }
    name = label.split("/")[0]
    for dead in died:
        dead_name = dead.split("/")[0]
        if functions.get(name, name) == functions.get(dead_name, dead_name) and name != "load_from_model":
            return f"the process did not survive {dead}"
    return None


def _unwanted(name: str, needs: tuple[str, ...] | None) -> str | None:
    return None if needs is None or name in needs else "no selected contract reads it"
