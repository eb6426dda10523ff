"""`POST /webhooks/{provider}`: check the signature, store the event, answer. Nothing else.

The answer is 200 only once the event is durable. What is no webhook of the provider's is a 4xx; 503
says that the inbox could not be written and that the provider shall send the event again.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Literal, Protocol

from starlette.types import Receive, Scope, Send

from edge_workers import json_log
from edge_workers.billing.changes import Provider
from edge_workers.billing.webhooks import InboxEvent, WebhookRefused
from edge_workers.http.answers import ApiError, error_answer, json_answer
from edge_workers.http.bodies import ClientGone, read_body
from edge_workers.http.inbox import encode_event
from edge_workers.http.metrics import Metrics
from edge_workers.http.recorder import EventRefused, GroupRecorder, InboxUnavailable
from edge_workers.http.sparing_log import SparingLog
from edge_workers.settings import HttpSettings

_RETRY_AFTER = {"retry-after": "5"}
_STORED = {
    True: json_answer(200, {"status": "stored"}),
    False: json_answer(200, {"status": "duplicate"}),
}


class ReadWebhook(Protocol):
    """Checks the signature of a webhook and reads it; raises WebhookRefused and nothing else."""

    def __call__(
        self, body: bytes, headers: Mapping[str, str], secrets: Sequence[str], *, now: datetime
    ) -> InboxEvent: ...


class WebhookEndpoint:
    """One provider's webhooks, as an ASGI application."""

    def __init__(
        self,
        provider: Provider,
        read: ReadWebhook,
        secrets: Sequence[str],
        *,
        settings: HttpSettings,
        recorder: GroupRecorder,
        metrics: Metrics,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._provider = provider
        self._read = read
        self._secrets = secrets
        self._settings = settings
        self._recorder = recorder
        self._metrics = metrics
        self._now = now
        self._log = SparingLog()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one webhook."""
        begun = time.perf_counter()
        try:
            is_new = await self._take(scope, receive)
        except ClientGone:
            self._count("refused", begun, "client-gone")
            return
        except ApiError as error:
            self._count("unavailable" if error.status >= 500 else "refused", begun, error.code)
            self._log.warning(
                "webhook refused",
                error.code,
                provider=self._provider,
                code=error.code,
                status=error.status,
            )
            await error_answer(error)(scope, receive, send)
            return
        self._count("stored" if is_new else "duplicate", begun)
        await _STORED[is_new](scope, receive, send)

    async def _take(self, scope: Scope, receive: Receive) -> bool:
        if not self._secrets:
            raise ApiError(
                404,
                "not-configured",
                f"This service takes no webhooks of {self._provider}.",
                f"Set {self._provider.upper()}_WEBHOOK_SECRET.",
            )
        body = await read_body(
            scope,
            receive,
            limit=self._settings.max_body_bytes,
            seconds=self._settings.body_timeout_seconds,
        )
        event = self._event(body, _headers(scope))
        try:
            return await self._recorder.store(event)
        except EventRefused:
            raise ApiError(422, "not-storable", "This event cannot be stored.") from None
        except InboxUnavailable as error:
            raise ApiError(
                503,
                f"inbox-{error.code}",
                "The event could not be stored now.",
                "Send it again later.",
                headers=_RETRY_AFTER,
            ) from None

    def _event(self, body: bytes, headers: Mapping[str, str]) -> str:
        try:
            return encode_event(self._read(body, headers, self._secrets, now=self._now()))
        except WebhookRefused as refused:
            code = refused.code.replace("_", "-")
            raise ApiError(refused.status, code, str(refused)) from None
        except Exception as error:
            # Whatever it is, it came of what was sent, and sending it again would not help.
            json_log.error("webhook not understood", provider=self._provider, exception=error)
            raise ApiError(400, "not-understood", "This event cannot be read.") from None

    def _count(
        self,
        outcome: Literal["stored", "duplicate", "refused", "unavailable"],
        begun: float,
        code: str = "",
    ) -> None:
        seconds = time.perf_counter() - begun
        self._metrics.count_webhook(self._provider, outcome, seconds, code)


def _headers(scope: Scope) -> Mapping[str, str]:
    """Return the headers by lower-case name; those sent twice are joined, as HTTP has it."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers
