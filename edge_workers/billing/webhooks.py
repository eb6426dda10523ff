"""A webhook whose signature was checked, as it goes into the inbox, and why one is refused."""

from typing import Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from edge_workers.billing.changes import Provider, ProviderId


class InboxEvent(BaseModel):
    """One event as `worker.record_webhook_events` stores it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    provider: Provider
    event_id: ProviderId | None
    """The provider's id of the event; None when it gave none that can be stored."""
    body_sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    """SHA-256 of the raw body, in hex."""
    type: str = Field(min_length=1, max_length=100)
    payload: dict[str, Any]
    occurred_at: AwareDatetime


class WebhookRefused(Exception):
    """A request that is no webhook of the provider's; `code` is short and stable, for metrics.

    The message goes back to whoever sent the request, so it tells nothing about our secrets.
    """

    def __init__(self, code: str, message: str, *, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.status = status
