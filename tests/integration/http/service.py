"""The service as a process of its own, and the events that a provider would send it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import ModuleType
from typing import Any
from uuid import UUID, uuid4

import httpx
import psycopg
from prometheus_client.parser import text_string_to_metric_families

from cli.stack.status import StackStatus
from edge_workers.billing import razorpay, razorpay_samples, stripe, stripe_samples
from edge_workers.billing.sample_facts import SampleFacts

DEADLINE_SECONDS = 30
PROGRAM = """
from edge_workers.http.server import run_http_service
from edge_workers.settings import BillingSettings, HttpSettings
run_http_service(HttpSettings.from_environment(), BillingSettings.from_environment())
"""
SECRETS = {"razorpay": "razorpay-secret-of-the-tests", "stripe": "whsec_of_the_tests"}
SIGNERS: Mapping[str, ModuleType] = {"razorpay": razorpay, "stripe": stripe}
SAMPLES: Mapping[str, ModuleType] = {"razorpay": razorpay_samples, "stripe": stripe_samples}


@dataclass
class Sent:
    """One event as it goes over the wire."""

    provider: str
    body: bytes
    headers: dict[str, str]
    event_id: str

    @property
    def path(self) -> str:
        return f"/webhooks/{self.provider}"


def event(
    provider: str,
    kind: str | None = None,
    *,
    secret: str | None = None,
    at: datetime | None = None,
    signed_at: datetime | None = None,
) -> Sent:
    """A realistic event under a new id, signed as the provider signs."""
    kind = kind or {"razorpay": "payment.failed", "stripe": "invoice.paid"}[provider]
    at = at or datetime.now(UTC).replace(microsecond=0)
    event_id = f"evt_{uuid4().hex}"
    facts = SampleFacts(
        user_id=UUID(int=0), at=at, payment_id=f"pay_{uuid4().hex[:14]}", currency="INR"
    )
    payload = SAMPLES[provider].make(kind, facts, event_id=event_id)
    body = json.dumps(payload, separators=(",", ":")).encode()
    headers = SIGNERS[provider].sign(
        body, secret or SECRETS[provider], event_id=event_id, at=signed_at or at
    )
    return Sent(provider, body, headers, event_id)


@dataclass
class Service:
    """A running process; `lines` are what it has logged so far."""

    process: subprocess.Popen[str]
    lines: list[dict[str, Any]] = field(default_factory=list)
    url: str = ""
    client: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=20, trust_env=False))
    started: threading.Event = field(default_factory=threading.Event)

    def read_log(self) -> None:
        assert self.process.stderr is not None
        for text in self.process.stderr:
            line = json.loads(text)
            self.lines.append(line)
            if line["event"] == "http started":
                self.url = f"http://127.0.0.1:{line['port']}"
                self.started.set()

    def send(self, sent: Sent, **headers: str) -> httpx.Response:
        url = self.url + sent.path
        return self.client.post(url, content=sent.body, headers={**sent.headers, **headers})

    def metric(self, name: str) -> float:
        text = self.client.get(f"{self.url}/metrics").text
        families = text_string_to_metric_families(text)
        return sum(one.value for each in families for one in each.samples if one.name == name)


@contextmanager
def running(status: StackStatus, **variables: str) -> Iterator[Service]:
    """Run the service for the stack, with these variables beside what it needs."""
    environment = {
        **os.environ,
        "SUPABASE_URL": status.api_url,
        "SUPABASE_SECRET_KEY": status.secret_key,
        "RESUMEBASE_HTTP_PORT": "0",
        "RAZORPAY_WEBHOOK_SECRET": SECRETS["razorpay"],
        "STRIPE_WEBHOOK_SECRET": SECRETS["stripe"],
        **variables,
    }
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM], env=environment, stderr=subprocess.PIPE, text=True
    )
    service = Service(process)
    reader = threading.Thread(target=service.read_log)
    reader.start()
    try:
        assert service.started.wait(DEADLINE_SECONDS), service.lines
        yield service
    finally:
        service.client.close()
        process.kill()
        process.wait()
        reader.join()
        assert process.stderr is not None
        process.stderr.close()


def stored(status: StackStatus, *events: Sent) -> dict[str, int]:
    """How many rows the inbox has of each of these events, by their ids."""
    with psycopg.connect(status.db_url, sslmode="disable") as connection:
        rows = connection.execute(
            "select event_id, count(*) from private.webhook_events"
            " where event_id = any(%s) group by event_id",
            [[each.event_id for each in events]],
        ).fetchall()
    found = dict(rows)
    return {each.event_id: found.get(each.event_id, 0) for each in events}


def count_events(status: StackStatus) -> int:
    with psycopg.connect(status.db_url, sslmode="disable") as connection:
        row = connection.execute("select count(*) from private.webhook_events").fetchone()
    assert row is not None
    return int(row[0])
