"""The child process of `AdapterProcess`: reads an order, runs the adapter, leaves its answer in a file."""

from __future__ import annotations

import json
import os
import sys
import traceback
from pathlib import Path
from typing import Any

from dl_mock.adapters import load_adapter, run_adapter


def main() -> int:
    """Carry out the order on standard input; 1 if the adapter failed."""
    order = json.load(sys.stdin)
    answer: dict[str, Any]
    try:
        answer = {"output": _run(order)}
    except BaseException as error:  # an adapter may even call sys.exit
        traceback.print_exc()
        answer = {"error": f"{type(error).__name__}: {error}"}
    path = Path(order["answer"])
    try:
        text = json.dumps(answer)
    except (TypeError, ValueError):
        text = json.dumps({"output": None})
    partial = path.with_suffix(".partial")
    partial.write_text(text)
    os.replace(partial, path)
    return 1 if "error" in answer else 0


def _run(order: dict[str, Any]) -> Any:
    import dtlpy as dl

    url, execution = order["url"], order["execution"]
    dl.add_environment(url, alias="dl-mock", verify_ssl=False, token=order["token"], gate_url=url)
    dl.setenv("dl-mock")
    dl.verbose.disable_progress_bar = True

    def report(percent: float | None, message: str | None) -> None:
        body = {"percentComplete": percent, "message": message}
        told = {key: value for key, value in body.items() if value is not None}
        dl.client_api.gen_request(req_type="post", path=f"/executions/{execution['id']}/progress", json_req=told)

    adapter_class = load_adapter(order["target"])
    return run_adapter(adapter_class, execution, order["model"], report)


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    # Threads of the SDK or of an adapter must not keep the process.
    os._exit(code)
