"""Metrics of models."""

from __future__ import annotations

from dl_mock import documents
from dl_mock.documents import Document
from dl_mock.message import Response
from dl_mock.routes.querying import answer_query
from dl_mock.routing import Call, Route


def publish(call: Call) -> Response:
    """Add samples. One that names no model of ours, or no figure or data, fails, in an answer that is a 200."""
    samples = call.bodies()
    errors = {}
    for index, sample in enumerate(samples):
        fault = _fault(call, sample)
        if fault is not None:
            errors[str(index)] = {"name": "Error", "message": fault}
            continue
        for earlier in _earlier(call, sample):
            call.state.remove("metrics", earlier["id"])
        call.state.put("metrics", documents.metric(sample, call.author))
    return Response.of_json({"succeeded": len(samples) - len(errors), "failed": len(errors), "errorMap": errors})


def query_metrics(call: Call) -> Response:
    """Samples by filter."""
    return answer_query(call, "metrics")


def delete_metric(call: Call) -> Response:
    """Remove one sample. OpenAPI: answered with a text."""
    metric = call.found("metrics")
    call.state.remove("metrics", metric["id"])
    return Response.of_json(metric["id"])


def _fault(call: Call, sample: Document) -> str | None:
    """Why a sample is refused (OpenAPI: MetricRequest tells what it must have)."""
    model_id = sample.get("modelId")
    if not isinstance(model_id, str) or call.state.get("models", model_id) is None:
        return f"model {model_id!r} does not exist"
    if not isinstance(sample.get("figure"), str):
        return f"a metric needs the name of a figure, not {sample.get('figure')!r}"
    data = sample.get("data")
    if not isinstance(data, dict) or not {"x", "y"} <= data.keys():
        return f"a metric needs data with x and y, not {data!r}"
    return None


def _earlier(call: Call, sample: Document) -> list[Document]:
    """What the sample takes the place of, for the setting `duplicate_metrics`."""
    if call.platform.settings.duplicate_metrics == "kept":
        return []
    same = ("figure", "legend", "datasetId")
    return [
        one
        for one in call.state.find("metrics", modelId=sample["modelId"])
        if one["data"].get("x") == sample["data"]["x"] and all(one.get(key) == sample.get(key) for key in same)
    ]


ROUTES = [
    Route("POST", "/ml/metrics/publish", publish, "SDK models.Metrics.create; recorded; OpenAPI"),
    Route("POST", "/ml/metrics/query", query_metrics, "SDK models.Metrics.list; recorded"),
    Route("DELETE", "/ml/metrics/{metric_id}", delete_metric, "OpenAPI"),
]
