"""What is bright, as a polygon around it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

import numpy as np
from PIL import Image


class Delegate:
    """Duck-typed: it knows nothing of the platform."""

    def __init__(self, threshold: int) -> None:
        self.threshold = threshold

    def read(self, file: BinaryIO) -> np.ndarray:
        try:
            with Image.open(file) as image:
                return np.asarray(image.convert("L"))
        except OSError:
            return np.zeros((0, 0), np.uint8)

    def polygons(self, image: np.ndarray) -> Iterator[tuple[list[list[int]], float]]:
        rows, columns = np.nonzero(image > self.threshold)
        if len(rows):
            top, bottom, left, right = rows.min(), rows.max() + 1, columns.min(), columns.max() + 1
            corners = [[left, top], [right, top], [right, bottom], [left, bottom]]
            yield [[int(x), int(y)] for x, y in corners], len(rows) / image.size
