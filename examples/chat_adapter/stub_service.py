"""A chat completions service on the loopback, for tests: no model, the same answer every time.

It prints one line, the environment under which a client finds it, and serves until it is terminated.
"""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY = "stub"


def last_question(messages: list[dict[str, Any]]) -> str:
    """The text of the last message of the user, whose content is a string or a list of parts."""
    content = next(message["content"] for message in reversed(messages) if message["role"] == "user")
    if isinstance(content, str):
        return content
    return " ".join(part.get("text", f"[{part['type']}]") for part in content)


def answer_to(question: str) -> str:
    words = question.split()
    return f"You used {len(words)} words, from {words[0]!r} to {words[-1]!r}." if words else "You said nothing."


def chunks(answer: str, model: str) -> Iterator[dict[str, Any]]:
    """What a service streams: the role, the answer word by word, the end, and a chunk without choices."""
    words = answer.split(" ")
    deltas = [{"role": "assistant"}] + [{"content": f"{word} "} for word in words[:-1]] + [{"content": words[-1]}]
    for delta in deltas:
        yield chunk(model, [{"index": 0, "delta": delta, "finish_reason": None}])
    yield chunk(model, [{"index": 0, "delta": {}, "finish_reason": "stop"}])
    yield {**chunk(model, []), "usage": {"completion_tokens": len(words)}}


def chunk(model: str, choices: list[dict[str, Any]]) -> dict[str, Any]:
    return {"id": "stub", "object": "chat.completion.chunk", "created": 0, "model": model, "choices": choices}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path != "/v1/chat/completions":
            return self.reply(404, {"error": {"message": f"no route for {self.path}"}})
        if self.headers.get("Authorization") != f"Bearer {KEY}":
            return self.reply(401, {"error": {"message": "wrong API key"}})
        try:
            request = json.loads(body)
            model, answer = request["model"], answer_to(last_question(request["messages"]))
        except (ValueError, KeyError, TypeError, StopIteration) as error:
            return self.reply(400, {"error": {"message": f"not a chat request: {error!r}"}})
        if request.get("stream"):
            return self.stream(answer, model)
        message = {"role": "assistant", "content": answer}
        completion = {
            "id": "stub",
            "object": "chat.completion",
            "created": 0,
            "model": model,
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": {"completion_tokens": len(answer.split(" "))},
        }
        return self.reply(200, completion)

    def reply(self, status: int, document: dict[str, Any]) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def stream(self, answer: str, model: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream; charset=utf-8")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        events = [json.dumps(event) for event in chunks(answer, model)] + ["[DONE]"]
        for event in events:
            line = f"data: {event}\n\n".encode()
            self.wfile.write(f"{len(line):x}\r\n".encode() + line + b"\r\n")
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, *args: Any) -> None:
        """Quiet: the only line on stdout is the environment, and stderr stays for errors."""


def main() -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    base_url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    print(json.dumps({"OPENAI_BASE_URL": base_url, "OPENAI_API_KEY": KEY}), flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
