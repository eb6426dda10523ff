"""A Supabase backend on loopback that keeps the worker contract and can be told to misbehave.

The real functions are tested in tests/integration; this one shows what a worker does when answers
are lost, late, wrong or missing, which a healthy stack never does.
"""

import json
import sys
import threading
import uuid
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import Enum, auto
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import SHUT_RDWR, socket
from time import monotonic
from typing import Any

SECRET_KEY = "sb_secret_unit_tests_only"
DEADLINE_SECONDS = 10


class Fault(Enum):
    """What goes wrong with one request."""

    ERROR_500 = auto()  # nothing happens
    RESET_BEFORE = auto()  # the connection breaks, nothing happens
    RESET_AFTER = auto()  # it happens, and then the connection breaks
    HANG = auto()  # no answer until `let_go`, then it happens
    GARBAGE = auto()  # status 200 and a page that is no JSON
    REFUSE = auto()  # status 403, a code and details that quote a row
    REDIRECT = auto()  # status 307 to `elsewhere`
    LOSE_LEASE = auto()  # the task is leased to somebody else just before


@dataclass
class Queued:
    """A task of the fake queue."""

    id: str
    kind: str
    payload: dict[str, Any]
    user_id: str | None
    attempt: int = 0
    lease_token: str | None = None
    lease_ends_at: float = 0
    state: str = "ready"
    result: Any = None
    error: str | None = None
    worker: str | None = None


@dataclass
class Call:
    """One request as it came in."""

    name: str
    params: dict[str, Any]
    headers: dict[str, str]
    at: float = field(default_factory=monotonic)


class Stale(Exception):
    """The lease token is not the task's."""


class Backend:
    """The queue, the files, what was asked, and what shall go wrong next."""

    def __init__(self) -> None:
        self.tasks: dict[str, Queued] = {}
        self.files: dict[str, bytes] = {}
        self.calls: list[Call] = []
        self.faults: dict[str, deque[Fault]] = defaultdict(deque)
        self.let_go = threading.Event()
        self.elsewhere = ""
        self._changed = threading.Condition()
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

    def enqueue(self, kind: str, *, user_id: str | None = None, **payload: Any) -> Queued:
        task = Queued(str(uuid.uuid4()), kind, payload, user_id)
        with self._changed:
            self.tasks[task.id] = task
            self._changed.notify_all()
        return task

    def called(self, name: str) -> list[Call]:
        with self._changed:
            return [call for call in self.calls if call.name == name]

    def wait_until(self, condition: Callable[[], bool]) -> None:
        """Wait for a state of the backend; fails after DEADLINE_SECONDS."""
        with self._changed:
            assert self._changed.wait_for(condition, DEADLINE_SECONDS), "it never came to that"

    def next_fault(self, name: str) -> Fault | None:
        with self._changed:
            return self.faults[name].popleft() if self.faults[name] else None

    def record(self, call: Call) -> None:
        with self._changed:
            self.calls.append(call)
            self._changed.notify_all()

    def take_lease_away(self, task_id: str) -> None:
        with self._changed:
            self.tasks[task_id].lease_token = str(uuid.uuid4())

    def answer(self, name: str, params: dict[str, Any]) -> Any:
        """Do what the SQL function of this name does."""
        with self._changed:
            result = getattr(self, f"_{name}")(**params)
            self._changed.notify_all()
            return result

    def _claim_tasks(
        self, p_worker: str, p_kinds: list[str], p_limit: int, p_lease_seconds: int
    ) -> list[dict[str, Any]]:
        ready = [t for t in self.tasks.values() if t.state == "ready" and t.kind in p_kinds]
        for task in ready[:p_limit]:
            task.state, task.worker = "leased", p_worker
            task.attempt += 1
            task.lease_token = str(uuid.uuid4())
            task.lease_ends_at = monotonic() + p_lease_seconds
        return [_row(task, p_lease_seconds) for task in ready[:p_limit]]

    def _leased(self, task_id: str, lease_token: str) -> Queued:
        task = self.tasks[task_id]
        if task.state != "leased" or task.lease_token != lease_token:
            raise Stale(task_id)
        return task

    def _extend_lease(self, p_task_id: str, p_lease_token: str, p_lease_seconds: int) -> str:
        self._leased(p_task_id, p_lease_token).lease_ends_at = monotonic() + p_lease_seconds
        return _moment(p_lease_seconds)

    def _complete_task(self, p_task_id: str, p_lease_token: str, p_result: Any) -> str:
        task = self._leased(p_task_id, p_lease_token)
        task.state, task.result = "done", p_result
        return "done"

    def _fail_task(
        self, p_task_id: str, p_lease_token: str, p_error: str, p_retryable: bool
    ) -> str:
        task = self._leased(p_task_id, p_lease_token)
        task.error = p_error
        task.state = "scheduled" if p_retryable else "dead"
        return "retry" if p_retryable else "dead"

    def _release_task(self, p_task_id: str, p_lease_token: str) -> None:
        task = self._leased(p_task_id, p_lease_token)
        task.state = "ready"
        task.attempt -= 1

    def _run_maintenance(self) -> dict[str, int]:
        expired = [
            task
            for task in self.tasks.values()
            if task.state == "leased" and task.lease_ends_at < monotonic()
        ]
        for task in expired:
            task.state = "ready"
        return {"reaped": len(expired), "dead": 0, "partitions": 0}


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


def _moment(seconds_from_now: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds_from_now)).isoformat()


def _row(task: Queued, lease_seconds: int) -> dict[str, Any]:
    return {
        "id": task.id,
        "kind": task.kind,
        "payload": task.payload,
        "user_id": task.user_id,
        "attempt": task.attempt,
        "max_attempts": 5,
        "lease_token": task.lease_token,
        "lease_expires_at": _moment(lease_seconds),
    }
