"""Metrics of models."""

from __future__ import annotations

from dl_mock import documents
from dl_mock.message import Response
from dl_mock.routes.querying import answer_query
from dl_mock.routing import Call, Route


def publish(call: Call) -> Response:
    """Add samples; they are only ever added. One that names no model of ours fails, in an answer that is a 200."""
    samples = call.bodies()
    errors = {}
    for index, sample in enumerate(samples):
        model_id = sample.get("modelId")
        if not isinstance(model_id, str) or call.state.get("models", model_id) is None:
            errors[str(index)] = f"model {model_id!r} does not exist"
        else:
            call.state.put("metrics", documents.metric(sample, call.author))
    return Response.of_json({"succeeded": len(samples) - len(errors), "failed": len(errors), "errorMap": errors})


def query_metrics(call: Call) -> Response:
    """Samples by filter."""
    return answer_query(call, "metrics")


ROUTES = [
    Route("POST", "/ml/metrics/publish", publish, "SDK models.Metrics; recorded; OpenAPI"),
    Route("POST", "/ml/metrics/query", query_metrics, "SDK models.Metrics; recorded"),
]
