"""Side effects that are seen when the adapter runs (SID-050 and up)."""

from __future__ import annotations

from collections.abc import Iterator

from dl_harness.contract import Judged, Judgement, Seen, contract
from dl_harness.contracts.reading import EMBEDDING, PREDICTING, at, counted, listed
from dl_harness.contracts.signature import adapter_known
from dl_harness.evidence import STRICT, Evidence, Flow, is_threshold

INFERRING = (*PREDICTING, *EMBEDDING)
WRITES = frozenset({"PATCH", "PUT", "DELETE"})


def _writes(flow: Flow) -> Iterator[tuple[str, str]]:
    """What user functions did to items: the function, and how it is told."""
    prompts = {item.id for item in flow.items if item.is_prompt}
    for request in flow.requests:
        if request.during is None or request.during in {"train", "save", "load"}:
            continue
        parts = request.path.strip("/").split("/")
        if request.method in WRITES and parts[0] == "items" and len(parts) == 2 and request.item not in prompts:
            what = "deleted" if request.method == "DELETE" else "changed"
            yield request.during, f"{what} {flow.item(request.item or '').name}"
        elif request.method == "POST" and request.route == "/datasets/{dataset_id}/items" and not prompts:
            yield request.during, "uploaded an item"


@contract(
    "SID-050",
    "side effects",
    "items are not changed or made while predicting or embedding",
    why="What an adapter is asked for are annotations or vectors; a description, a tag or another file that it leaves"
    " on the way is made again in every run, triggers pipelines, and nobody has asked for it.",
    fix="Return what was found; put more into an annotation's description or attributes.",
    severity_reason="Some adapters are there to make items; whoever runs one knows it.",
    needs=INFERRING,
    severity="warning",
    applies=adapter_known,
)
def items_stay_as_they_are(evidence: Evidence) -> Iterator[Judgement]:
    """SDK: item.update, items.upload. Prompt items are written by prompt_item.add, as they should be."""
    for flow in evidence.named(*INFERRING):
        yield Judged("flows")
        found = list(_writes(flow))
        if found:
            function = found[0][0]
            more = f" (and {counted(len(found) - 1, 'request')} more)" if len(found) > 1 else ""
            yield Seen(
                "no request that writes an item",
                found[0][1] + more,
                f"{function} in {flow.label}",
                at(evidence, function),
            )


@contract(
    "SID-051",
    "side effects",
    "predict and embed leave the global random generators alone",
    why="Everything else in the process draws from them: after a seed in predict each batch draws the same numbers, and"
    " so does whatever samples, shuffles or names files beside it.",
    fix="Use a generator of your own: numpy.random.default_rng(seed), torch.Generator().manual_seed(seed).",
    severity_reason="Nothing is lost; what should be random repeats.",
    needs=("predict_items", "embed_items"),
    severity="warning",
    applies=adapter_known,
)
def generators_are_left_alone(evidence: Evidence) -> Iterator[Judgement]:
    """docs: numpy.random.seed, random.seed. Two calls that began in other states ended in the same one."""
    for flow in evidence.named("predict_items", "embed_items"):
        begun: dict[str, str] = {}
        for call in flow.calls:
            if call.random is None or call.ended != "returned":
                continue
            yield Judged("calls")
            pairs = zip(call.random[0].split(), call.random[1].split(), strict=False)
            seeded = [begun.setdefault(after, before) != before for before, after in pairs]
            if any(seeded):
                yield Seen(
                    "other random numbers after each call",
                    "the same state of the global generators after two calls: they were seeded",
                    f"{call.function} in {flow.label}",
                    at(evidence, call.function),
                )
                break


@contract(
    "SID-052",
    "side effects",
    "no process is left behind",
    why="A service loads and unloads models for weeks: each program that outlives its adapter keeps its memory, and its"
    " GPU, until the machine is taken away.",
    fix="End what was started in a finally block, or start it as a daemon thread or process of this one.",
    severity_reason="The platform ends the whole machine in the end.",
    needs=("load_from_model",),
    severity="warning",
    applies=adapter_known,
)
def no_process_is_left(evidence: Evidence) -> Iterator[Judgement]:
    """Found by the environment that the check gave to its processes; ended by the check."""
    yield Judged("adapters")
    if evidence.left_processes:
        yield Seen("no process", listed(evidence.left_processes, 3), "after the check", evidence.subject.place)


@contract(
    "SID-053",
    "side effects",
    "no secret is printed",
    why="Logs of services can be read by everybody in the project, and are kept; a key that was printed once has to be"
    " taken out of use.",
    fix="Never print os.environ, headers or the configuration as a whole; print the name of a secret, not its value.",
    severity_reason="The secret is known to others from then on.",
    needs=("load_from_model",),
    applies=adapter_known,
)
def no_secret_is_printed(evidence: Evidence) -> Iterator[Judgement]:
    """Compared with the values of the environment variables whose names speak of secrets; also in base64."""
    yield Judged("adapters")
    for told in evidence.told_secrets:
        yield Seen("no value of a secret in the output", told, "what the adapter printed", evidence.subject.place)


@contract(
    "CFG-050",
    "configuration",
    "what the model declares stays in its configuration",
    why="Assigning self.configuration replaces the model entity's: the next update stores that, and what the user had"
    " set is gone for every later run.",
    fix="self.configuration.update({...}) or setdefault, or keep derived values in attributes of your own.",
    severity_reason="The user's settings are lost with the next update of the model.",
    needs=("load_from_model", "predict_items", "embed_items"),
    applies=lambda e: (
        adapter_known(e) or (None if e.subject.model.configuration else "the model declares no configuration")
    ),
)
def declared_keys_stay(evidence: Evidence) -> Iterator[Judgement]:
    """SDK: BaseModelAdapter.configuration has a setter that assigns model_entity.configuration."""
    for flow in evidence.named("load_from_model", "predict_items", "embed_items"):
        if flow.configuration is None or flow.ended != "returned":
            continue
        yield Judged("flows")
        gone = [key for key in evidence.subject.model.configuration if key not in flow.configuration]
        if gone:
            function = "load" if flow.name == "load_from_model" else flow.name.split("_")[0]
            yield Seen(
                f"the declared {counted(len(evidence.subject.model.configuration), 'key')}",
                f"{listed(gone, 4)} no longer there",
                flow.label,
                at(evidence, function),
            )
            return


@contract(
    "CFG-051",
    "configuration",
    "predictions keep to the confidence threshold of the configuration",
    why="The threshold is what users turn to get fewer and better predictions; one that is declared and never applied"
    " changes nothing, however far they turn it.",
    fix="Read the key in load, and leave out what is below it: if score >= self.threshold.",
    severity_reason="The setting has no effect; but a stand-in for the framework may be what ignores it.",
    needs=("reload", "predict_items"),
    severity="warning",
    applies=lambda e: adapter_known(e) or _no_threshold(e),
)
def threshold_is_kept(evidence: Evidence) -> Iterator[Judgement]:
    """Judged with the declared threshold, and with one that few predictions reach."""
    declared = [float(v) for k, v in evidence.subject.model.configuration.items() if is_threshold(k, v)]
    for flow, least in (*((f, max(declared)) for f in evidence.named("predict_items")), *_strict(evidence)):
        for call in flow.called("predict"):
            for item, entry in zip(call.items, call.returned.entries if call.returned else (), strict=False):
                for one in entry.annotations or ():
                    if isinstance(one.confidence, bool) or not isinstance(one.confidence, (int, float)):
                        continue
                    yield Judged("annotations")
                    if one.confidence < least - 1e-6:
                        yield Seen(
                            f"confidence of at least {least:g}, as configured",
                            f"{one.confidence:.3g}",
                            f"{flow.item(item).name} in {flow.label}",
                            at(evidence, "predict"),
                        )
                        return


def _strict(evidence: Evidence) -> Iterator[tuple[Flow, float]]:
    flow = evidence.flow("predict_reloaded/strict")
    if flow is not None and flow.ended == "returned":
        yield flow, STRICT


def _no_threshold(evidence: Evidence) -> str | None:
    if not any(is_threshold(key, value) for key, value in evidence.subject.model.configuration.items()):
        return "the configuration declares no confidence threshold"
    told = [a for flow in evidence.named("predict_items") for s in flow.stored for a in s.annotations]
    certain = [a for a in told if isinstance(a.confidence, (int, float))]
    return None if certain else "the predictions tell no confidence"
