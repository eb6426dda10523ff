"""`resumebase webhook serve`, for a stack and for an address in variables."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cli.stack.ports import free_base
from cli.stack.status import StackStatus

from .service import DEADLINE_SECONDS, SECRETS, Service, event

ROOT = Path(__file__).parents[3]


@contextmanager
def serve(*words: str, **variables: str) -> Iterator[Service]:
    kept = {name: value for name, value in os.environ.items() if "SUPABASE" not in name}
    process = subprocess.Popen(
        [sys.executable, "-m", "cli.main", "webhook", "serve", "--json", *words],
        env={**kept, **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    service = Service(process)
    try:
        yield service
    finally:
        service.client.close()
        process.kill()
        process.communicate()


def wait_started(service: Service) -> None:
    assert service.process.stderr is not None
    while "http started" not in (text := service.process.stderr.readline()):
        assert text, "it ended"
    service.url = f"http://127.0.0.1:{json.loads(text)['port']}"


def test_serve__takes_events_and_says_at_its_end_what_came(inbox: StackStatus) -> None:
    variables = {
        "SUPABASE_URL": inbox.api_url,
        "SUPABASE_SECRET_KEY": inbox.secret_key,
        "STRIPE_WEBHOOK_SECRET": SECRETS["stripe"],
    }
    with serve("--port", "0", **variables) as service:
        wait_started(service)
        sent = event("stripe")
        assert [service.send(sent).status_code for _ in range(2)] == [200, 200]
        assert service.send(event("razorpay")).json()["code"] == "not-configured"
        service.process.send_signal(signal.SIGINT)
        out, _ = service.process.communicate(timeout=DEADLINE_SECONDS)
    assert service.process.returncode == 0
    assert json.loads(out) == {"webhooks": {"stored": 1, "duplicate": 1, "refused": 1}}


def test_serve__without_a_webhook_secret_warns(inbox: StackStatus) -> None:
    variables = {"SUPABASE_URL": inbox.api_url, "SUPABASE_SECRET_KEY": inbox.secret_key}
    with serve("--port", "0", **variables) as service:
        wait_started(service)
        service.process.send_signal(signal.SIGINT)
        _, err = service.process.communicate(timeout=DEADLINE_SECONDS)
    warning = json.loads(err.splitlines()[0])
    assert (warning["level"], warning["event"]) == ("warning", "no webhook can be checked")
    assert "STRIPE_WEBHOOK_SECRET" in warning["hint"]


def test_serve__for_a_stack_that_is_down_says_so(tmp_path: Path) -> None:
    words = ("--state-dir", str(tmp_path / "none"), "--port-base", str(free_base()))
    with serve(*words) as service:
        out, err = service.process.communicate(timeout=DEADLINE_SECONDS)
    assert (service.process.returncode, out) == (1, "")
    assert json.loads(err)["code"] == "stack-not-running"
