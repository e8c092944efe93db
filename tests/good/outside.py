"""A trainer that hands training to another program: what it learns is a file, not its own state."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from good.classifier import WEIGHTS, Classifier


class TrainsOutside(Classifier):
    """The program leaves its result in output_path, so there is nothing more to save."""

    def train(self, data_path: str, output_path: str, **kwargs: Any) -> None:
        program = Path(__file__).with_name("mean_colours.py")
        rows, result = Path(data_path) / "train.json", Path(output_path) / WEIGHTS
        labels = json.dumps(self.model_entity.labels)
        subprocess.run([sys.executable, str(program), str(rows), labels, str(result)], check=True)
        kwargs["on_epoch_end_callback"](i_epoch=0, n_epoch=1)

    def save(self, local_path: str, **kwargs: Any) -> None:
        """Training has left everything there already."""
