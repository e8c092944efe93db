"""What several tests of the mock platform share."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path
from typing import Any

import pytest
import requests
from requests_toolbelt import MultipartEncoder

from dl_mock import Platform, Request, Response

EVIDENCE = Path(os.environ.get("DL_MOCK_EVIDENCE") or Path(__file__).resolve().parents[3] / "shared" / "data")
needs_evidence = pytest.mark.skipif(not EVIDENCE.is_dir(), reason="the recorded evidence is not beside the repository")


class Api:
    """Authorised calls to a platform."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self.headers = {"authorization": f"Bearer {platform.token}"}

    def send(self, method: str, target: str, headers: dict[str, str], body: bytes) -> Response:
        """Hand one request to the platform; the way there is all that differs between transports."""
        return self.platform.handle(Request.of(method, target, headers, body))

    def call(self, method: str, path: str, body: Any = None) -> Response:
        if body is None:
            return self.send(method, path, self.headers, b"")
        headers = {**self.headers, "content-type": "application/json"}
        return self.send(method, path, headers, json.dumps(body).encode())

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
        return self.send("POST", f"/datasets/{dataset_id}/items?mode={mode}", headers, form.read())

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


class HttpApi(Api):
    """The same calls by `requests`, to wherever the platform says it is."""

    def __init__(self, platform: Platform, session: requests.Session) -> None:
        super().__init__(platform)
        self.session = session

    def send(self, method: str, target: str, headers: dict[str, str], body: bytes) -> Response:
        answer = self.session.request(method, self.platform.url + target, headers=headers, data=body, timeout=60)
        return Response(answer.status_code, answer.content, {k.lower(): v for k, v in answer.headers.items()})


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
