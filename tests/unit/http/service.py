"""The service on a real socket, in front of a database that exists in memory only."""

import asyncio
import hashlib
import json
import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import httpx
import uvicorn
import uvloop
from supabase import AsyncClientOptions, create_async_client

from edge_workers.billing.webhooks import InboxEvent, WebhookRefused
from edge_workers.errors import BackendUnavailable
from edge_workers.http.app import create_app
from edge_workers.http.metrics import Metrics
from edge_workers.http.server import build_server
from edge_workers.settings import BillingSettings, HttpSettings

KEY = "sb_secret_unit_tests_only"
DEADLINE_SECONDS = 20


class FakeDatabase:
    """`worker.record_webhook_events` in memory; `fail_with` is what happens instead."""

    def __init__(self) -> None:
        self.calls: list[list[dict[str, Any]]] = []
        self.hashes: list[str] = []
        self.fail_with: Exception | httpx.Response | None = None
        self.let_go = threading.Event()
        self.let_go.set()

    async def answer(self, request: httpx.Request) -> httpx.Response:
        assert request.url.path == "/rest/v1/rpc/record_webhook_events"
        assert request.headers["content-profile"] == "worker"
        assert request.headers["apikey"] == KEY
        events = json.loads(request.content)["p_events"]
        self.calls.append(events)
        while not self.let_go.is_set():
            await asyncio.sleep(0.005)
        if isinstance(self.fail_with, Exception):
            raise self.fail_with
        if self.fail_with is not None:
            return self.fail_with
        return httpx.Response(200, json=[self._record(i, e) for i, e in enumerate(events)])

    def _record(self, index: int, event: Mapping[str, Any]) -> dict[str, Any]:
        is_new = event["body_sha256"] not in self.hashes
        if is_new:
            self.hashes.append(event["body_sha256"])
        event_id = "00000000-0000-4000-8000-000000000001"
        return {"event_index": index, "webhook_event_id": event_id, "is_new": is_new}

    def events(self) -> list[dict[str, Any]]:
        return [event for call in self.calls for event in call]


def read_plain(
    body: bytes, headers: Mapping[str, str], secrets: Sequence[str], *, now: datetime
) -> InboxEvent:
    """Stand in for a provider: the secret itself is the signature."""
    if headers.get("x-signature") not in secrets:
        raise WebhookRefused("bad-signature", "The signature does not fit.")
    payload = json.loads(body)
    return InboxEvent(
        provider="razorpay",
        event_id=payload.get("id"),
        body_sha256=hashlib.sha256(body).hexdigest(),
        type="payment.captured",
        payload=payload,
        occurred_at=now,
    )


class Service:
    """A running service: `url`, `port`, and how to stop it."""

    def __init__(self, settings: HttpSettings, database: FakeDatabase) -> None:
        self.settings = settings
        self.metrics = Metrics()
        self._database = database
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._server: uvicorn.Server | None = None
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def start(self) -> None:
        self._thread.start()
        assert self._ready.wait(DEADLINE_SECONDS)

    def begin_to_stop(self) -> None:
        assert self._server is not None
        self._server.should_exit = True

    def stop(self) -> None:
        self.begin_to_stop()
        self._thread.join(DEADLINE_SECONDS)
        assert not self._thread.is_alive()

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        billing = BillingSettings(razorpay_webhook_secret="right", stripe_webhook_secret=None)
        transport = httpx.MockTransport(self._database.answer)
        hooks = {"response": [_raise_for_5xx]}
        async with httpx.AsyncClient(transport=transport, event_hooks=hooks) as http_client:
            options = AsyncClientOptions(httpx_client=http_client, auto_refresh_token=False)
            client = await create_async_client("http://backend.test", KEY, options)
            readers = {"razorpay": read_plain, "stripe": read_plain}
            app = create_app(self.settings, billing, client, metrics=self.metrics, readers=readers)
            self._server = build_server(self.settings, app)
            self._ready.set()
            await self._server.serve(sockets=[self._listener])


async def _raise_for_5xx(response: httpx.Response) -> None:
    # As the service's own client does it.
    if response.status_code >= 500:
        raise BackendUnavailable(str(response.status_code))


@contextmanager
def running(database: FakeDatabase, **settings: Any) -> Iterator[Service]:
    """Run the service with these settings for the length of the block."""
    service = Service(
        HttpSettings(supabase_url="http://backend.test", supabase_secret_key=KEY, **settings),
        database,
    )
    service.start()
    try:
        yield service
    finally:
        database.let_go.set()
        service.stop()


def now() -> datetime:
    return datetime.now(UTC)


def raw(port: int, *parts: bytes, timeout: float = DEADLINE_SECONDS) -> bytes:
    """Send bytes as they are and return all that comes back until the other side closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=timeout) as connection:
        for part in parts:
            connection.sendall(part)
        received = b""
        while chunk := connection.recv(65536):
            received += chunk
        return received
