"""A provider's HTTP API on this machine: it keeps state, and can be told to misbehave."""

from __future__ import annotations

import json
import secrets
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal, TypeVar
from urllib.parse import parse_qsl, urlsplit

Mood = Literal["well", "slow", "late", "malformed", "list", "hang_up"] | int
"""How a request is answered: a number is a status; late does the work and hangs up then."""


@dataclass(frozen=True)
class Asked:
    """A request as it came."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    def json(self) -> dict[str, Any]:
        return dict(json.loads(self.body))

    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode()))


@dataclass
class Answer:
    status: int
    body: Any


@dataclass
class FakeApi:
    """Base of the fakes. `moods` are used up request by request; without one all goes well."""

    url: str = ""
    mark: str = field(default_factory=lambda: secrets.token_hex(4))
    """Part of every id, as ids of a provider are never given twice."""
    asked: list[Asked] = field(default_factory=list)
    moods: deque[Mood] = field(default_factory=deque)
    lock: threading.Lock = field(default_factory=threading.Lock)
    at_once: int = 0
    most_at_once: int = 0
    """How many requests were being answered at the same time."""
    patience: threading.Event = field(default_factory=threading.Event)
    """Set at the end, so that slow answers end with the server."""

    def answer(self, asked: Asked) -> Answer:
        raise NotImplementedError

    def error(self, status: int) -> Any:
        raise NotImplementedError

    def calls(self, method: str, path: str) -> list[Asked]:
        return [each for each in self.asked if (each.method, each.path) == (method, path)]


_Fake = TypeVar("_Fake", bound=FakeApi)


@contextmanager
def running(fake: _Fake) -> Iterator[_Fake]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(fake))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    fake.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield fake
    finally:
        fake.patience.set()
        server.shutdown()
        server.server_close()
        thread.join()


def _handler_of(fake: FakeApi) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            parts = urlsplit(self.path)
            length = int(self.headers.get("content-length") or 0)
            headers = {name.lower(): value for name, value in self.headers.items()}
            asked = Asked(
                self.command,
                parts.path,
                dict(parse_qsl(parts.query)),
                headers,
                self.rfile.read(length),
            )
            with fake.lock:
                fake.asked.append(asked)
                fake.at_once += 1
                fake.most_at_once = max(fake.most_at_once, fake.at_once)
                mood: Mood = fake.moods.popleft() if fake.moods else "well"
            try:
                _Behaviour(fake, asked, self._send, self._hang_up).run(mood)
            finally:
                with fake.lock:
                    fake.at_once -= 1

        do_GET = do_POST = do_DELETE = _serve  # noqa: N815

        def _send(self, status: int, body: bytes, kind: str = "application/json") -> None:
            self.send_response(status)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(body)))
            self.send_header("request-id", "req_fake")
            self.end_headers()
            self.wfile.write(body)

        def _hang_up(self) -> None:
            self.close_connection = True
            self.connection.close()

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    return Handler


@dataclass
class _Behaviour:
    fake: FakeApi
    asked: Asked
    send: Callable[..., None]
    hang_up: Callable[[], None]

    def run(self, mood: Mood) -> None:
        if mood == "slow":
            self.fake.patience.wait(10)
            self.hang_up()
        elif mood == "hang_up":
            self.hang_up()
        elif mood == "malformed":
            self.send(200, b"<html>maintenance</html>", "text/html")
        elif mood == "list":
            self.send(200, b"[1]")
        elif isinstance(mood, int):
            self.send(mood, json.dumps(self.fake.error(mood)).encode())
        else:
            with self.fake.lock:
                answer = self.fake.answer(self.asked)
            if mood == "late":
                self.hang_up()
                return
            self.send(answer.status, json.dumps(answer.body).encode())
