"""Throughput, counted and not timed: what an adapter costs in calls, whatever machine it runs on."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator

from dl_harness.contract import Judged, Judgement, Seen, contract
from dl_harness.contracts.reading import EMBEDDING, PREDICTING, at, counted, uses
from dl_harness.contracts.signature import adapter_known, overridden
from dl_harness.evidence import Evidence, Flow, LeftBehind, Place, RequestSeen

BUDGET = 10
"""Platform calls per item; the wrapper itself needs 3, and 4 for items without their dataset (measured)."""

PROMPT_BUDGET = 40
"""A prompt adapter also reads the item and its messages, and updates its answer while it streams."""


def _judged(evidence: Evidence, *names: str) -> Iterator[Flow]:
    """The flows that came to an end over some items."""
    return (f for f in evidence.named(*names) if f.ended == "returned" and f.items)


def _function(flow: Flow) -> str:
    return "embed" if "embed" in flow.name else "predict"


def _batching(evidence: Evidence, flow: Flow) -> Place:
    """Where batches are made: in the author's own wrapper, or else where the batch arrives."""
    function = _function(flow)
    own = (name for name in (flow.name, f"{function}_items") if evidence.subject.overrides(name))
    return at(evidence, next(own, function))


def _busiest(evidence: Evidence, flow: Flow, requests: Iterable[RequestSeen]) -> Place:
    """Where the function stands during which most of these requests were made."""
    during = Counter(r.during for r in requests if r.during is not None)
    return at(evidence, during.most_common(1)[0][0] if during else _function(flow))


def _often(flow: Flow, times: Counter[str]) -> list[tuple[str, int]]:
    """What was done more than once, in the order of the items."""
    return [(item.id, times[item.id]) for item in flow.items if times.get(item.id, 0) > 1]


def _named(flow: Flow, often: list[tuple[str, int]]) -> str:
    """The first of several items, and how many others there are."""
    first = flow.item(often[0][0]).name
    return first if len(often) == 1 else f"{first}, and more than one for {counted(len(often) - 1, 'other')}"


@contract(
    "THR-001",
    "throughput",
    "predict is called once per batch",
    why="Each call pays the model's fixed cost again: one call per item turns a batch of 16 into 16 times the"
    " overhead.",
    fix="Do not override predict_items to walk items one by one, and run the whole batch through the model in one"
    " call.",
    severity_reason="The batch size that was paid for has no effect, and long queues run into their time limit.",
    needs=PREDICTING,
    applies=uses("predict"),
)
def predict_once_per_batch(evidence: Evidence) -> Iterator[Judgement]:
    """SDK: predict_items, range(0, len(items), batch_size)."""
    yield from _once_per_batch(evidence, "predict", PREDICTING)


def _once_per_batch(evidence: Evidence, function: str, names: tuple[str, ...]) -> Iterator[Judgement]:
    for flow in _judged(evidence, *names):
        calls = flow.called(function)
        if not flow.batch_size or not calls:
            continue
        yield Judged(f"{function} calls", len(calls))
        most = math.ceil(len(flow.items) / flow.batch_size)
        if len(calls) > most:
            expected = f"{counted(most, 'call')} for {counted(len(flow.items), 'item')} in batches of {flow.batch_size}"
            yield Seen(expected, counted(len(calls), "call"), f"{function} in {flow.label}", _batching(evidence, flow))


@contract(
    "THR-002",
    "throughput",
    "no batch is larger than batch_size",
    why="batch_size is what the operator set so that a batch fits the memory of the machine.",
    fix="Leave the batching to predict_items and embed_items, or keep to batch_size.",
    severity_reason="The process is killed for its memory, and the execution crashes.",
    needs=(*PREDICTING, *EMBEDDING),
    applies=adapter_known,
)
def batches_fit(evidence: Evidence) -> Iterator[Judgement]:
    """SDK: predict_items, items[i_batch : i_batch + batch_size]."""
    for flow in _judged(evidence, *PREDICTING, *EMBEDDING):
        function = _function(flow)
        for call in flow.called(function):
            if call.size is None or not flow.batch_size:
                continue
            yield Judged("batches")
            if call.size > flow.batch_size:
                yield Seen(
                    f"at most {flow.batch_size} items",
                    f"{call.size} items",
                    f"{function} in {flow.label}",
                    _batching(evidence, flow),
                )


@contract(
    "THR-003",
    "throughput",
    "prepare_item_func runs once per item",
    why="It downloads and decodes the item, in parallel, before the batch; calling it again in predict downloads"
    " everything twice, one after the other.",
    fix="Use the prepared batch that predict receives.",
    severity_reason="Every download happens twice, and large batches run into their time limit.",
    needs=(*PREDICTING, *EMBEDDING),
    applies=adapter_known,
)
def prepared_once(evidence: Evidence) -> Iterator[Judgement]:
    """SDK: predict_items, pool.map(self.prepare_item_func, batch_items)."""
    for flow in _judged(evidence, *PREDICTING, *EMBEDDING):
        times = Counter(item for call in flow.called("prepare_item_func", None) for item in call.items)
        yield Judged("items", len(times))
        if often := _often(flow, times):
            yield Seen(
                "one call per item",
                f"{often[0][1]} calls for {_named(flow, often)}",
                flow.label,
                at(evidence, _function(flow)),
            )


@contract(
    "THR-004",
    "throughput",
    "load runs once per model",
    why="Loading weights takes seconds to minutes: a second load doubles the start of every service, a load per batch"
    " makes prediction crawl.",
    fix="Load in load() alone; super().__init__(model_entity) has already called it when it returns.",
    severity_reason="Services crash at their time limit for starting, or crawl.",
    needs=("load_from_model", *PREDICTING, *EMBEDDING),
    applies=overridden("load"),
)
def loaded_once(evidence: Evidence) -> Iterator[Judgement]:
    """SDK: BaseModelAdapter.__init__ calls load_from_model, which calls load."""
    for flow in evidence.named("load_from_model", *PREDICTING, *EMBEDDING):
        if flow.ended != "returned":
            continue
        most = 1 if flow.name == "load_from_model" else 0
        loads = flow.called("load", None)
        yield Judged("flows")
        if len(loads) > most:
            expected = "1 load" if most else "no load: the adapter was loaded when it was built"
            caller = "__init__" if most and evidence.subject.overrides("__init__") else "load"
            yield Seen(expected, counted(len(loads), "load"), flow.label, at(evidence, caller))


@contract(
    "THR-005",
    "throughput",
    "artifacts are downloaded while loading only",
    why="A download of weights in the middle of a batch blocks the queue, and is repeated by every replica.",
    fix="Read artifacts from local_path in load and keep what predict needs on self.",
    severity_reason="The batch fails whenever the storage is slow: its items lose their predictions.",
    needs=(*PREDICTING, *EMBEDDING),
    applies=adapter_known,
)
def artifacts_only_in_load(evidence: Evidence) -> Iterator[Judgement]:
    """SDK: load_from_model downloads artifacts before it calls load."""
    for flow in _judged(evidence, *PREDICTING, *EMBEDDING):
        yield Judged("flows")
        streams = [r for r in flow.requests if r.artifact and r.method == "GET"]
        if streams:
            during = f" during {streams[0].during}" if streams[0].during else ""
            yield Seen(
                "no artifact download",
                f"{counted(len(streams), 'request')} for artifacts{during}",
                flow.label,
                _busiest(evidence, flow, streams),
            )


@contract(
    "THR-006",
    "throughput",
    "the model entity is not written while predicting or embedding",
    why="Every write is a request that locks the model and may restart its services; configuration.get of a missing"
    " key is such a write, and so is model_entity.update().",
    fix="Read the configuration once, in load; never call update() or assign configuration in predict or"
    " prepare_item_func.",
    severity_reason="The write can be refused, or restart the service in the middle of a batch.",
    needs=("predict_items", "embed_items"),
    applies=adapter_known,
)
def model_is_not_written(evidence: Evidence) -> Iterator[Judgement]:
    """SDK: ModelConfigurations.get writes; judged on the second run, when the wrapper's own defaults exist."""
    for flow in _judged(evidence, *PREDICTING, *EMBEDDING):
        if not flow.label.endswith("/again"):
            continue
        yield Judged("flows")
        writes = [
            r for r in flow.requests if r.method in {"PATCH", "PUT"} and (r.route or "").startswith("/ml/models/")
        ]
        if writes:
            during = f" during {writes[0].during}" if writes[0].during else ""
            yield Seen(
                "no write to the model",
                f"{counted(len(writes), 'write')}{during}",
                flow.label,
                _busiest(evidence, flow, writes),
            )


@contract(
    "THR-007",
    "throughput",
    "platform calls per item stay within a budget",
    why="The wrapper needs three calls per item; each further one is a round trip that the batch waits for.",
    fix="Use what the wrapper has fetched (the prepared batch), and look up datasets, labels and recipes once, in"
    " load.",
    severity_reason="Requests are refused above the rate limit, and the items behind them are lost.",
    needs=("predict_items", "embed_items"),
    applies=adapter_known,
)
def calls_within_budget(evidence: Evidence) -> Iterator[Judgement]:
    """Measured: 3 calls per item by the SDK's predict_items, 4 for items without a dataset."""
    for flow in _judged(evidence, *PREDICTING, *EMBEDDING):
        if not flow.label.endswith("/again"):
            continue
        budget = PROMPT_BUDGET if all(i.is_prompt for i in flow.items) else BUDGET
        yield Judged("requests", len(flow.requests))
        mean = len(flow.requests) / len(flow.items)
        if mean > budget:
            route, times = Counter(f"{r.method} {r.route}" for r in flow.requests).most_common(1)[0]
            yield Seen(
                f"at most {budget} calls per item",
                f"{mean:.1f} calls per item; most often {route}, {times} times",
                flow.label,
                _busiest(evidence, flow, flow.requests),
            )


@contract(
    "THR-008",
    "throughput",
    "platform calls per item do not grow with the number of items",
    why="What costs the square of the number of items passes every small test and never ends on a real dataset.",
    fix="Do not list the dataset, or walk earlier items, for each item or batch.",
    severity_reason="A real dataset never comes to its end: the execution is killed at its time limit.",
    needs=("predict_items", "embed_items"),
    applies=adapter_known,
)
def calls_do_not_grow(evidence: Evidence) -> Iterator[Judgement]:
    """Compares the same flow over all items and over half of them; an allowance of 25 % is for partial batches."""
    for name in ("predict_items", "embed_items"):
        many, fewer = evidence.flow(f"{name}/again"), evidence.flow(f"{name}/fewer")
        if (
            many is None
            or fewer is None
            or {many.ended, fewer.ended} != {"returned"}
            or len(fewer.items) >= len(many.items)
        ):
            continue
        yield Judged("flows", 2)
        few, more = len(fewer.requests) / len(fewer.items), len(many.requests) / len(many.items)
        if more > 1.25 * few + 0.5:
            expected = f"about {few:.1f} calls per item, as for {len(fewer.items)} items"
            yield Seen(
                expected,
                f"{more:.1f} per item for {len(many.items)} items",
                name,
                _busiest(evidence, many, many.requests),
            )


@contract(
    "THR-009",
    "throughput",
    "an item is downloaded at most once",
    why="Items are megabytes: the download is most of what a batch waits for.",
    fix="Download in prepare_item_func alone and hand on what predict needs.",
    severity_reason="Large items exhaust the time limit of the execution.",
    needs=("predict_items", "embed_items"),
    applies=adapter_known,
)
def downloaded_once(evidence: Evidence) -> Iterator[Judgement]:
    """SDK: the default prepare_item_func downloads once."""
    for flow in _judged(evidence, *PREDICTING, *EMBEDDING):
        prepared = Counter(call.items for call in flow.called("prepare_item_func", None))
        if any(n > 1 for n in prepared.values()):
            continue  # prepared twice is THR-003's to say
        streams = [r for r in flow.requests if r.item and not r.artifact and (r.route or "").endswith("/stream")]
        times = Counter(r.item for r in streams if r.item is not None)
        yield Judged("items", len(flow.items))
        if often := _often(flow, times):
            again = [r for place, r in enumerate(streams) if any(r.item == earlier.item for earlier in streams[:place])]
            saw = f"{often[0][1]} downloads of {_named(flow, often)}"
            yield Seen("one download per item", saw, flow.label, _busiest(evidence, flow, again))


@contract(
    "THR-010",
    "throughput",
    "embed is called once per batch",
    why="Each call pays the model's fixed cost again.",
    fix="Run the whole batch through the model in one call, and leave the batching to embed_items.",
    severity_reason="The batch size that was paid for has no effect, and long queues run into their time limit.",
    needs=EMBEDDING,
    applies=uses("embed"),
)
def embed_once_per_batch(evidence: Evidence) -> Iterator[Judgement]:
    """SDK: embed_items, range(0, len(items), batch_size)."""
    yield from _once_per_batch(evidence, "embed", EMBEDDING)


FEWEST_CALLS = 3
"""From so many calls in a row that all leave something, there will be no end of it."""


def _leaving(evidence: Evidence, what: str) -> Iterator[tuple[Flow, LeftBehind, bool]]:
    """What each flow over several batches has left, and whether every batch has left some."""
    for flow in _judged(evidence, *PREDICTING, *EMBEDDING):
        for left in flow.left_behind:
            if left.what == what and left.calls >= FEWEST_CALLS:
                yield flow, left, left.leaving == left.calls


@contract(
    "THR-011",
    "throughput",
    "no batch leaves a thread behind",
    why="A service runs for weeks: a thread for each batch ends in one that cannot be started.",
    fix="Make pools and clients once, in load, and use them for every batch; or end them, with `with` or shutdown().",
    severity_reason="The service crashes when no further thread can be started.",
    needs=(*PREDICTING, *EMBEDDING),
    applies=adapter_known,
)
def threads_end(evidence: Evidence) -> Iterator[Judgement]:
    """Threads that a call of predict or embed has started and that still run when the flow is over."""
    for flow, left, always in _leaving(evidence, "threads"):
        yield Judged("batches", left.calls)
        if always:
            saw = f"each of {left.calls} batches has left at least one running"
            yield Seen("no new thread after a batch", saw, flow.label, at(evidence, _function(flow)))


@contract(
    "THR-012",
    "throughput",
    "no batch leaves a file or a connection open",
    why="A process may hold about a thousand files: a service that keeps one for each batch stops answering.",
    fix="Open files and connections in a `with` block, or once in load.",
    severity_reason="The service crashes at its limit of open files.",
    needs=(*PREDICTING, *EMBEDDING),
    applies=adapter_known,
)
def files_are_closed(evidence: Evidence) -> Iterator[Judgement]:
    """Descriptors that a call of predict or embed has opened and that are open when the flow is over."""
    for flow, left, always in _leaving(evidence, "files"):
        yield Judged("batches", left.calls)
        if always:
            kinds = sorted({name.partition(":")[0].rpartition("/")[2] for name in left.names})
            saw = f"each of {left.calls} batches has left one open: {', '.join(kinds)}"
            yield Seen("as many open files as before", saw, flow.label, at(evidence, _function(flow)))


@contract(
    "THR-013",
    "throughput",
    "the adapter does not keep more with every batch",
    why="What grows with the items that were seen ends when the memory does, after hours, and no small test shows it.",
    fix="Return results instead of collecting them on self, and give caches a limit (functools.lru_cache(maxsize=9)).",
    severity_reason="Nothing is lost until the memory is; a history that is known to stay small does no harm.",
    needs=(*PREDICTING, *EMBEDDING),
    severity="warning",
    applies=adapter_known,
)
def memory_is_bounded(evidence: Evidence) -> Iterator[Judgement]:
    """Containers and arrays among the adapter's attributes that were larger after every single batch."""
    for flow, left, always in _leaving(evidence, "values"):
        yield Judged("batches", left.calls)
        if always:
            names = ", ".join(f"self.{name}" for name in left.names)
            saw = f"{names} held more after each of {left.calls} batches"
            yield Seen("as much held after a batch as before it", saw, flow.label, at(evidence, _function(flow)))
