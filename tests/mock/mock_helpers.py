"""What several tests of the mock platform share."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import pytest
from requests_toolbelt import MultipartEncoder

from dl_mock import Platform, Request, Response

EVIDENCE = Path(os.environ.get("DL_MOCK_EVIDENCE") or Path(__file__).resolve().parents[3] / "shared" / "data")
needs_evidence = pytest.mark.skipif(not EVIDENCE.is_dir(), reason="the recorded evidence is not beside the repository")


class Api:
    """Authorised calls to a platform."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self.headers = {"authorization": f"Bearer {platform.token}"}

    def call(self, method: str, path: str, body: Any = None) -> Response:
        if body is None:
            return self.platform.handle(Request.of(method, path, self.headers))
        return self.platform.handle(Request.of_json(method, path, body, self.headers))

    def get(self, path: str) -> Response:
        return self.call("GET", path)

    def post(self, path: str, body: Any) -> Response:
        return self.call("POST", path, body)

    def patch(self, path: str, body: Any) -> Response:
        return self.call("PATCH", path, body)

    def put(self, path: str, body: Any) -> Response:
        return self.call("PUT", path, body)

    def delete(self, path: str) -> Response:
        return self.call("DELETE", path)

    def upload(self, dataset_id: str, path: str, content: bytes, mode: str = "skip", **fields: str) -> Response:
        """Upload as the SDK does: the fields, then the file."""
        name = path.rsplit("/", 1)[-1]
        form = MultipartEncoder({"type": "file", "path": path, **fields, "file": (name, io.BytesIO(content))})
        headers = {**self.headers, "content-type": form.content_type}
        return self.platform.handle(
            Request.of("POST", f"/datasets/{dataset_id}/items?mode={mode}", headers, form.read())
        )

    def query(self, body: dict[str, Any]) -> Any:
        """The answer to a query of the first dataset."""
        answer = self.post(f"/datasets/{self.dataset_id}/query", body)
        assert answer.status == 200, answer.json()
        return answer.json()

    @property
    def dataset_id(self) -> str:
        return str(self.platform.state.all("datasets")[0]["id"])

    @property
    def project_id(self) -> str:
        return str(self.platform.state.all("projects")[0]["id"])


def image(
    width: int = 32, height: int = 24, colour: str = "red", form: str = "PNG", orientation: int | None = None
) -> bytes:
    """A small image; `orientation` is noted in its EXIF."""
    from PIL import Image

    output = io.BytesIO()
    exif = Image.Exif()
    if orientation is not None:
        exif[0x0112] = orientation
    Image.new("RGB", (width, height), colour).save(output, form, **({"exif": exif} if orientation else {}))
    return output.getvalue()


BOX = {
    "type": "box",
    "label": "cat",
    "coordinates": [{"x": 1.0, "y": 2.0, "z": 0}, {"x": 9.0, "y": 8.0, "z": 0}],
}
