"""Workers as real processes, and a gateway that keeps their downloads waiting."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from time import monotonic
from typing import Any

import httpx

from cli.stack.status import StackStatus

DEADLINE_SECONDS = 30
SHORT_LEASE = {"RESUMEBASE_WORKER_LEASE_SECONDS": "5", "RESUMEBASE_WORKER_MAINTENANCE_SECONDS": "1"}


@contextmanager
def worker_process(
    stack: StackStatus, *arguments: str, url: str | None = None, **variables: str
) -> Iterator[subprocess.Popen[str]]:
    """`resumebase worker run`; killed at the end of the block if it still runs."""
    environment = {
        **os.environ,
        "SUPABASE_URL": url or stack.api_url,
        "SUPABASE_SECRET_KEY": stack.secret_key,
        **variables,
    }
    process = subprocess.Popen(
        [Path(sys.executable).with_name("resumebase"), "worker", "run", *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def drain(stack: StackStatus, *arguments: str) -> list[dict[str, Any]]:
    """Run a worker until the queue is empty; gives its log lines."""
    with worker_process(stack, "--drain", *arguments) as process:
        _, errors = process.communicate(timeout=DEADLINE_SECONDS)
    assert process.returncode == 0, errors
    assert stack.secret_key not in errors
    return [json.loads(line) for line in errors.splitlines()]


def wait_until(condition: Callable[[], bool]) -> None:
    """Ask again and again until the condition holds; fails after DEADLINE_SECONDS."""
    pause, deadline = threading.Event(), monotonic() + DEADLINE_SECONDS
    while not condition():
        assert monotonic() < deadline, "it never came to that"
        pause.wait(0.05)


class SlowGateway:
    """Hands requests on to the real gateway, and downloads only once `let_go` is set."""

    def __init__(self, stack: StackStatus) -> None:
        self.let_go = threading.Event()
        self.holding = threading.Event()
        gateway = self

        class Handler(_Forward):
            target = stack.api_url

            def do_GET(self) -> None:
                gateway.holding.set()
                gateway.let_go.wait(2 * DEADLINE_SECONDS)
                self.forward()

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    @contextmanager
    def running(self) -> Iterator["SlowGateway"]:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield self
        finally:
            self.let_go.set()
            self._server.shutdown()
            self._server.server_close()


class _Forward(BaseHTTPRequestHandler):
    target: str
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        """Stay silent."""

    def do_POST(self) -> None:
        self.forward()

    def forward(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        headers = {k: v for k, v in self.headers.items() if k.lower() not in {"host", "connection"}}
        answer = httpx.request(self.command, self.target + self.path, content=body, headers=headers)
        try:
            self.send_response(answer.status_code)
            self.send_header("content-type", answer.headers.get("content-type", ""))
            self.send_header("content-length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)
        except OSError:
            # The worker behind this request was killed meanwhile.
            self.close_connection = True
