"""What we ask of a payment provider: the same few things of each."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, Protocol, TypeAlias
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict

from edge_workers.billing.changes import Provider, ProviderId

Entity: TypeAlias = Mapping[str, Any]
"""What a provider says of one thing, as its API documents it."""

CheckoutKind: TypeAlias = Literal["subscription", "tokens"]


_CLOCK_MARGIN = timedelta(seconds=2)


def asked_now() -> datetime:
    """When what a provider is about to answer was surely so. Take it before asking.

    Events tell whole seconds by the provider's clock. An answer that seemed younger than it is
    would hide what happened right after it, until the next event. One that seems a little older
    hides nothing: the events of that moment say the same.
    """
    return (datetime.now(UTC) - _CLOCK_MARGIN).replace(microsecond=0)


class Checkout(BaseModel):
    """A checkout as `worker.begin_checkout` noted it. The amount is in minor units."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    user_id: UUID
    provider: Provider
    kind: CheckoutKind
    code: str
    interval: Literal["month", "year"] | None
    price_id: ProviderId
    amount: int
    currency: str
    status: Literal["open", "completed", "expired", "failed"]
    created_at: AwareDatetime
    is_new: bool = False
    """Whether nobody can have asked the provider for it before."""
    checkout_id: ProviderId | None
    url: str | None
    email: str | None
    customer_id: ProviderId | None

    def notes(self) -> dict[str, str]:
        """What the provider keeps beside it and sends back in its events."""
        return {
            "user_id": str(self.user_id),
            "kind": self.kind,
            "price_id": self.price_id,
            "checkout": str(self.id),
        }


class Opened(BaseModel):
    """What a provider made of a checkout: its id, and the page where it is paid if it has one."""

    model_config = ConfigDict(frozen=True)

    checkout_id: ProviderId
    customer_id: ProviderId | None = None
    url: str | None = None


class PaymentProvider(Protocol):
    """One provider, through its own SDK. Calls block; each raises ProviderError only."""

    def open_checkout(self, checkout: Checkout) -> Opened:
        """Begin it at the provider; for one that may have begun already, find it first."""

    def fetch_subscription(self, subscription_id: str) -> Entity:
        """The subscription as it is now. ProviderMissing when there is none."""

    def checkout_events(self, checkout_id: str, kind: CheckoutKind) -> list[tuple[str, Entity]]:
        """What its webhooks would say by now: types and payloads. Nothing while it is open."""

    def cancel_subscription(self, subscription_id: str, *, at_period_end: bool) -> Entity:
        """End it, and give it as it is then. ProviderRefused when it is over already."""

    def manage_url(self, customer_id: str | None, subscription_id: str | None) -> str | None:
        """Where its customer can look after it, when the provider has such a page."""
