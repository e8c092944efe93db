"""How contracts read what the static pass noticed."""

from __future__ import annotations

from collections.abc import Iterator

from dl_harness.contract import Applies, Judge, Judged, Judgement, Seen
from dl_harness.evidence import Evidence

ANALYSES = {
    "undefined name": "names",
    "missing attribute": "attributes",
    "own call": "own calls",
    "missing SDK name": "SDK names",
    "SDK name of some versions": "SDK names",
    "refused SDK call": "SDK calls",
    "SDK call of some versions": "SDK calls",
    "epoch callback": "callbacks",
    "other output": "outputs",
    **dict.fromkeys(("misplaced function", "misspelt function", "method defined twice"), "control flow"),
    **dict.fromkeys(("return in the loop", "list in the loop", "skipped item"), "control flow"),
    **dict.fromkeys(("base constructor", "before the base constructor"), "initialisation"),
    **dict.fromkeys(("wiped attribute", "late attribute"), "initialisation"),
    **dict.fromkeys(("missing module of the repository", "undeclared requirement"), "imports"),
    **dict.fromkeys(("stray import", "removed standard module"), "imports"),
    **dict.fromkeys(("import effect", "download at import", "relative file"), "effects"),
    **dict.fromkeys(("file in the working directory", "hard-coded id", "path of one machine"), "effects"),
    "platform change in predict": "user functions' effects",
    **dict.fromkeys(("undeclared key", "key without default", "unread key"), "configuration"),
    **dict.fromkeys(("vector size", "weights file"), "configuration"),
    **dict.fromkeys(("declared function", "function input"), "declared functions"),
    **dict.fromkeys(("assumed device", "literal mimetype", "filter taken apart"), "shapes"),
    **dict.fromkeys(("empty chunk", "error as answer"), "shapes"),
    "copied manifest": "copies",
}
"""The analysis that notices a kind of observation; kinds that are not listed come from the manifest."""


class AnalysisFailed(Exception):
    """An analysis of ours raised; the contract cannot be judged."""


def noticed(kind: str) -> Judge:
    """Judge what the static pass noticed of one kind."""

    def judge(evidence: Evidence) -> Iterator[Judgement]:
        source = evidence.source
        assert source is not None
        failed = source.failed.get(ANALYSES.get(kind, "manifest"))
        if failed is not None:
            raise AnalysisFailed(failed)
        count = source.looked.get(kind, 0)
        if count:
            yield Judged(_PLURALS.get(kind, f"places ({kind})"), count)
        for one in source.observations:
            if one.kind == kind:
                yield Seen(one.expected, one.saw, one.where, one.place)

    judge.__name__ = kind.replace(" ", "_")
    return judge


def looked_for(kind: str) -> Applies:
    """Applies where the static pass had something of a kind to look at."""

    def applies(evidence: Evidence) -> str | None:
        source = evidence.source
        if source is None:
            return "the source was not read"
        if ANALYSES.get(kind, "manifest") in source.failed or any(one.kind == kind for one in source.observations):
            return None
        reason = source.unread.get(kind) or source.unread.get(ANALYSES.get(kind, "manifest"))
        if reason is not None:
            return reason
        if not source.looked.get(kind):
            return "neither the source nor the manifest has anything of this kind"
        return None

    return applies


_PLURALS = {
    "undefined name": "names read",
    "missing attribute": "attributes read",
    "own call": "calls bound",
    "missing SDK name": "SDK names",
    "SDK name of some versions": "SDK names",
    "refused SDK call": "SDK calls bound",
    "SDK call of some versions": "SDK calls bound",
    "compute configuration": "compute configurations named",
    "declared function": "declared functions",
    "function input": "declared functions",
    "function type": "types",
    "output type": "models",
    "input type": "models",
    "model status": "models",
    "other output": "models",
    "duplicate name": "names",
    "label id": "label lists and maps",
    "label map": "label lists and maps",
    "unread key": "declared keys",
    "undeclared key": "keys read",
    "key without default": "keys read",
    "missing module of the repository": "imports",
    "undeclared requirement": "imports",
    "stray import": "imports",
    "removed standard module": "imports",
}
"""What is counted for a kind, where that has a better name."""
