"""What a payment provider says, in one shape for all of them.

`razorpay.py` and `stripe.py` turn an event, or a subscription that was fetched, into these; the
database applies them (migration room billing). Neither decides anything: which change wins, who is
entitled to what, and how many tokens a payment buys is said in SQL alone.
"""

from typing import Annotated, Literal, TypeAlias
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

Provider: TypeAlias = Literal["razorpay", "stripe"]

SubscriptionStatus: TypeAlias = Literal[
    "incomplete", "trialing", "active", "past_due", "paused", "unpaid", "canceled", "expired"
]

PaymentStatus: TypeAlias = Literal["pending", "failed", "succeeded"]
"""What was given back is said by `refunded_amount`, not by a status."""

ProviderId: TypeAlias = Annotated[str, Field(min_length=1, max_length=255)]


class _Change(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    provider: Provider
    occurred_at: AwareDatetime
    """When it was so at the provider: the time of the event, or of the fetch."""
    user_id: UUID | None = None
    """Whose it is, as our own notes or metadata say; None when they say nothing usable."""
    customer_id: ProviderId | None = None


class SubscriptionChange(_Change):
    """A whole subscription as it was at `occurred_at`; None means that the provider did not say."""

    type: Literal["subscription"] = "subscription"
    subscription_id: ProviderId
    status: SubscriptionStatus
    price_id: ProviderId | None = None
    """Razorpay's plan_id, Stripe's price id."""
    current_period_start: AwareDatetime | None = None
    current_period_end: AwareDatetime | None = None
    start_date: AwareDatetime | None = None
    trial_end: AwareDatetime | None = None
    cancel_at_period_end: bool | None = None
    """Razorpay never says, so what we noted when we asked for it stays."""
    canceled_at: AwareDatetime | None = None
    ended_at: AwareDatetime | None = None


class PaymentChange(_Change):
    """A payment as it was at `occurred_at`. Amounts are in minor units of the currency."""

    type: Literal["payment"] = "payment"
    payment_id: ProviderId
    """What is paid or refunded under one id: Razorpay's `pay_…`; Stripe's `in_…` for the invoice of
    a subscription, `pi_…` for tokens."""
    other_ids: tuple[ProviderId, ...] = ()
    """Other ids of the same payment: what a later event may call it by."""
    kind: Literal["subscription", "tokens"] | None = None
    """None when the event cannot tell: the payment has to be known already, or is waited for."""
    subscription_id: ProviderId | None = None
    checkout_id: ProviderId | None = None
    """The order or checkout session that we made for it, which says what was bought."""
    price_id: ProviderId | None = None
    """The price of the token pack, from what only a server of ours can have written."""
    status: PaymentStatus
    amount: int = Field(ge=0, le=2_147_483_647)
    currency: str = Field(pattern=r"^[A-Z]{3}$")
    refunded_amount: int = Field(default=0, ge=0, le=2_147_483_647)
    """All that was given back so far."""
    failure_reason: str | None = Field(default=None, max_length=1000)
    paid_at: AwareDatetime | None = None


class CheckoutChange(_Change):
    """A checkout that we began at the provider is over; nothing was necessarily paid."""

    type: Literal["checkout"] = "checkout"
    checkout_id: ProviderId
    status: Literal["completed", "expired", "failed"]
    subscription_id: ProviderId | None = None
    """What came of it, once there is one."""
    payment_id: ProviderId | None = None


Change: TypeAlias = Annotated[
    SubscriptionChange | PaymentChange | CheckoutChange, Field(discriminator="type")
]


class Normalised(BaseModel):
    """All that one event says. Without changes there is nothing to do, and `note` says why."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    changes: tuple[Change, ...] = ()
    note: str | None = Field(default=None, max_length=500)


class MalformedEvent(ValueError):
    """An event whose signature is right and whose payload is not what its provider documents."""
