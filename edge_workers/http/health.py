"""`/healthz`, `/readyz` and `/metrics`: for supervisors, load balancers and monitoring."""

import asyncio
import hmac
from ipaddress import ip_address

import httpx
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from edge_workers import json_log
from edge_workers.errors import ResumebaseError
from edge_workers.http.answers import ApiError, json_answer
from edge_workers.http.inbox import Inbox
from edge_workers.http.metrics import CONTENT_TYPE, Metrics
from edge_workers.settings import HttpSettings

_FRESH_SECONDS = 2.0
_PATIENCE_SECONDS = 2.0
_FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")


class Health:
    """The routes that say how the service is."""

    def __init__(self, settings: HttpSettings, inbox: Inbox, metrics: Metrics) -> None:
        self._settings = settings
        self._inbox = inbox
        self._metrics = metrics
        self._asking = asyncio.Lock()
        self._is_ready = False
        self._asked_at = float("-inf")

    def routes(self) -> list[Route]:
        """Return the routes, for GET and HEAD."""
        return [
            Route("/healthz", self.alive),
            Route("/readyz", self.ready),
            Route("/metrics", self.metrics),
        ]

    async def alive(self, _request: Request) -> Response:
        """Answer as long as the process does."""
        return json_answer(200, {"status": "alive"})

    async def ready(self, _request: Request) -> Response:
        """Answer 200 when the backend takes events from us; asks it at most every two seconds."""
        async with self._asking:
            clock = asyncio.get_running_loop().time
            if clock() - self._asked_at > _FRESH_SECONDS:
                self._is_ready = await self._backend_answers()
                self._asked_at = clock()
        if self._is_ready:
            return json_answer(200, {"status": "ready"})
        raise ApiError(
            503, "not-ready", "The backend does not answer this service.", "See the service's log."
        )

    async def metrics(self, request: Request) -> Response:
        """Answer Prometheus: with the token if one is set, else on this machine only."""
        if not self._may_read_metrics(request):
            raise ApiError(404, "not-found", "Not found.", "See docs/billing.md.")
        headers = {"content-type": CONTENT_TYPE, "cache-control": "no-store"}
        return Response(self._metrics.render(), headers=headers)

    async def _backend_answers(self) -> bool:
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                return await self._inbox.record([]) == []
        except (ResumebaseError, httpx.RequestError, TimeoutError) as error:
            json_log.warning("backend not ready", reason=type(error).__name__, error=str(error))
            return False

    def _may_read_metrics(self, request: Request) -> bool:
        token = self._settings.metrics_token
        if token is not None:
            given = request.headers.get("authorization", "").encode("utf-8", "replace")
            return hmac.compare_digest(given, f"Bearer {token.get_secret_value()}".encode())
        # A proxy on this machine looks like a client on it, but says for whom it asks.
        if any(name in request.headers for name in _FORWARDED):
            return False
        return request.client is not None and _is_loopback(request.client.host)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
