"""The program that `outside.py` trains with: rows of colours and labels in, the mean colour of each label out."""

from __future__ import annotations

import json
import sys
from pathlib import Path


def main(rows: str, labels: str, result: str) -> None:
    colours: dict[str, list[list[float]]] = {}
    for colour, label in json.loads(Path(rows).read_text("utf-8")):
        colours.setdefault(label, []).append(colour)
    means = {label: mean(colours[label]) for label in json.loads(labels) if label in colours}
    Path(result).write_text(json.dumps(means), "utf-8")


def mean(colours: list[list[float]]) -> list[float]:
    return [sum(channel) / len(colours) for channel in zip(*colours, strict=True)]


if __name__ == "__main__":
    main(*sys.argv[1:])
