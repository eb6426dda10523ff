"""A Supabase backend on loopback that keeps the worker contract and can be told to misbehave.

The real functions are tested in tests/integration; this one shows what a worker does when answers
are lost, late, wrong or missing, which a healthy stack never does.
"""

import json
import sys
import threading
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import SHUT_RDWR, socket
from time import monotonic
from typing import Any

from .fake_queue import DEADLINE_SECONDS, Queue, Stale

SECRET_KEY = "sb_secret_unit_tests_only"


class Fault(Enum):
    """What goes wrong with one request."""

    ERROR_500 = auto()  # nothing happens
    RESET_BEFORE = auto()  # the connection breaks, nothing happens
    RESET_AFTER = auto()  # it happens, and then the connection breaks
    HANG = auto()  # no answer until `let_go`, then it happens
    GARBAGE = auto()  # status 200 and a page that is no JSON
    BAD_GZIP = auto()  # status 200 and a body that cannot be unpacked
    REFUSE = auto()  # status 403, a code and details that quote a row
    REDIRECT = auto()  # status 307 to `elsewhere`
    LOSE_LEASE = auto()  # the task is leased to somebody else just before


@dataclass
class Call:
    """One request as it came in."""

    name: str
    params: dict[str, Any]
    headers: dict[str, str]
    at: float = field(default_factory=monotonic)


class Backend(Queue):
    """The queue over HTTP, with files, what was asked, and what shall go wrong next."""

    def __init__(self) -> None:
        super().__init__()
        self.files: dict[str, bytes] = {}
        self.immovable: set[str] = set()
        self.is_kept = False
        self.webhook_event: dict[str, Any] = {}
        self.calls: list[Call] = []
        self.faults: dict[str, deque[Fault]] = defaultdict(deque)
        self.let_go = threading.Event()
        self.elsewhere = ""
        self._connections: set[socket] = set()
        self._server: ThreadingHTTPServer | None = None
        self.port = 0
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Listen, on the same port as before if there was one."""
        handler = type("Handler", (_Handler,), {"backend": self})
        self._server = _Server(("127.0.0.1", self.port), handler)
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def stop(self) -> None:
        """Close the port and break every connection, like a killed gateway."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None
        for connection in list(self._connections):
            _break(connection)

    def _files_to_purge(self, p_task_id: str, p_lease_token: str) -> dict[str, Any]:
        folder = self._leased(p_task_id, p_lease_token).payload["user_id"]
        if self.is_kept:
            return {"status": "kept", "files": {}}
        named: dict[str, list[str]] = {}
        for path in self.files:
            bucket, _, name = path.partition("/")
            if name.startswith(f"{folder}/"):
                named.setdefault(bucket, []).append(name)
        return {"status": "confirmed", "files": named}

    def _webhook_event(self, p_task_id: str, p_lease_token: str) -> dict[str, Any]:
        self._leased(p_task_id, p_lease_token)
        return self.webhook_event

    def _remove(self, bucket: str, names: list[str]) -> list[dict[str, str]]:
        paths = {name: f"{bucket}/{name}" for name in names}
        gone = [n for n, p in paths.items() if p in self.files and p not in self.immovable]
        for name in gone:
            del self.files[paths[name]]
        return [{"name": name} for name in gone]

    def called(self, name: str) -> list[Call]:
        with self._changed:
            return [call for call in self.calls if call.name == name]

    def next_fault(self, name: str) -> Fault | None:
        with self._changed:
            return self.faults[name].popleft() if self.faults[name] else None

    def record(self, call: Call) -> None:
        with self._changed:
            self.calls.append(call)
            self._changed.notify_all()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Stay silent about connections that break: breaking them is the purpose."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    backend: Backend
    protocol_version = "HTTP/1.1"

    def setup(self) -> None:
        super().setup()
        self.backend._connections.add(self.connection)

    def log_message(self, *_: Any) -> None:
        """Stay silent: the tests look at `calls`."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        name = self.path.removeprefix("/rest/v1/rpc/")
        params = json.loads(body)
        self._serve(name, params, lambda: self._answer_rpc(name, params))

    def do_GET(self) -> None:
        path = self.path.removeprefix("/storage/v1/object/")
        self._serve("download", {"path": path}, lambda: self._answer_download(path))

    def do_DELETE(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        params = {"bucket": self.path.rpartition("/")[2], "names": body["prefixes"]}
        self._serve("remove", params, lambda: self._answer_rpc("remove", params))

    def _serve(self, name: str, params: dict[str, Any], answer: Callable[[], None]) -> None:
        backend = self.backend
        headers = {key.lower(): value for key, value in self.headers.items()}
        backend.record(Call(name, params, headers))
        if headers["apikey"] != SECRET_KEY:
            return self._send(401, {"message": "Invalid API key"})
        fault = backend.next_fault(name)
        if fault is Fault.ERROR_500:
            return self._send(500, {"code": "XX000", "message": "private row contents"})
        if fault is Fault.REFUSE:
            body = {"code": "42501", "message": "private row contents", "details": "private too"}
            return self._send(403, body)
        if fault is Fault.GARBAGE:
            return self._send(200, b"<html>starting</html>")
        if fault is Fault.BAD_GZIP:
            return self._send(200, b"not gzip", **{"content-encoding": "gzip"})
        if fault is Fault.RESET_BEFORE:
            return self._reset()
        if fault is Fault.REDIRECT:
            return self._send(307, b"", location=backend.elsewhere + self.path)
        if fault is Fault.LOSE_LEASE:
            backend.take_lease_away(params["p_task_id"])
        if fault is Fault.HANG:
            backend.let_go.wait(DEADLINE_SECONDS)
        if fault is Fault.RESET_AFTER:
            backend.answer(name, params)
            return self._reset()
        return answer()

    def _answer_rpc(self, name: str, params: dict[str, Any]) -> None:
        try:
            result = self.backend.answer(name, params)
        except Stale:
            body = {"code": "PT409", "message": "Task is not leased.", "hint": "Drop the result."}
            return self._send(409, body)
        return self._send(200, result) if result is not None else self._send(204, b"")

    def _answer_download(self, path: str) -> None:
        data = self.backend.files.get(path)
        if data is None:
            # As hosted Storage says it: 400 outside, 404 inside.
            body = {"statusCode": "404", "error": "not_found", "message": "Object not found"}
            return self._send(400, body)
        return self._send(200, data)

    def _send(self, status: int, body: Any, **headers: str) -> None:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        try:
            self.send_response(status)
            for name, value in {"content-length": str(len(content)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)
        except OSError:
            # The worker went away while it was kept waiting.
            self.close_connection = True

    def _reset(self) -> None:
        self.close_connection = True
        _break(self.connection)

    def finish(self) -> None:
        self.backend._connections.discard(self.connection)
        try:
            super().finish()
        except OSError:
            return


def _break(connection: socket) -> None:
    try:
        connection.shutdown(SHUT_RDWR)
    except OSError:
        return
