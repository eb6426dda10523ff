"""The parts of Razorpay's payloads that we read.

Strict in what decides about money and access, and blind to every other field: Razorpay adds some
without notice. https://razorpay.com/docs/webhooks/payloads/
"""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Self, TypeAlias
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from edge_workers.billing.changes import PaymentStatus, ProviderId

# Seconds since 1970. Zero and milliseconds, the usual mistakes, are outside.
_FIRST_SECOND = 1_000_000_000
_LAST_SECOND = 253_402_300_799


def from_epoch(value: object) -> datetime:
    """A time as Razorpay writes it. Raises ValueError for what is none."""
    if not isinstance(value, int) or not _FIRST_SECOND <= value <= _LAST_SECOND:
        raise ValueError("Input should be a time in epoch seconds")
    return datetime.fromtimestamp(value, UTC)


def _is_true(value: object) -> bool:
    # Documented as true in some events and as "1" in others.
    return value in (True, "1", "true")


Time: TypeAlias = Annotated[datetime, BeforeValidator(from_epoch)]
# Paise, cents: the smallest unit of the currency.
Amount: TypeAlias = Annotated[int, Field(strict=True, ge=0)]
MaybeId: TypeAlias = Annotated[
    ProviderId | None, BeforeValidator(lambda value: None if value == "" else value)
]
# An object of notes, or an empty list when there are none.
Notes: TypeAlias = Annotated[
    dict[str, Any], BeforeValidator(lambda value: value if isinstance(value, dict) else {})
]


class Entity(BaseModel):
    """What is common to all: an id of Razorpay's."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: ProviderId


class _ServerNoted(Entity):
    """An entity whose notes only our server can have written: making it takes the secret key."""

    notes: Notes = Field(default_factory=dict)

    @property
    def user_id(self) -> UUID | None:
        """Whose it is, if the notes say so."""
        try:
            return UUID(str(self.notes.get("user_id")))
        except ValueError:
            return None


class Subscription(_ServerNoted):
    """A subscription at some moment. Times of the billing cycle are null before its first one."""

    plan_id: ProviderId
    # Null until the customer authorised it, and for good where the payment method has none.
    customer_id: MaybeId = None
    status: Literal[
        "created",
        "authenticated",
        "active",
        "pending",
        "halted",
        "paused",
        "cancelled",
        "completed",
        "expired",
    ]
    created_at: Time
    start_at: Time | None = None
    current_start: Time | None = None
    current_end: Time | None = None
    ended_at: Time | None = None
    # How often the charge of the present cycle failed.
    auth_attempts: Amount = 0


class Payment(Entity):
    """A payment. Its notes are left unread: a browser with Checkout.js may write them."""

    amount: Amount
    currency: str
    status: Literal["created", "authorized", "captured", "refunded", "failed"]
    captured: Annotated[bool, BeforeValidator(_is_true)] = False
    amount_refunded: Amount = 0
    order_id: MaybeId = None
    # Subscriptions are paid by invoices; it is the only hint in the payment itself.
    invoice_id: MaybeId = None
    customer_id: MaybeId = None
    error_description: str | None = None
    created_at: Time

    @model_validator(mode="after")
    def _check_refund(self) -> Self:
        if self.amount_refunded > self.amount:
            raise ValueError("More was refunded than paid")
        return self

    @property
    def outcome(self) -> PaymentStatus:
        """What became of it, refunds aside.

        A payment that was authorised and never captured is given back by Razorpay itself: it says
        `refunded` too, though nothing was ever paid.
        """
        if self.status in ("created", "authorized"):
            return "pending"
        if self.status == "failed" or not self.captured and self.status == "refunded":
            return "failed"
        return "succeeded"


class Order(_ServerNoted):
    """What a payment is for. Made by our server before the checkout opens."""

    @property
    def price_id(self) -> str | None:
        """The price of the token pack that it is for."""
        price_id = self.notes.get("price_id")
        return price_id if isinstance(price_id, str) and 1 <= len(price_id) <= 255 else None


class Invoice(_ServerNoted):
    """The bill of one cycle of a subscription, or one that has nothing to do with any."""

    subscription_id: MaybeId = None
    customer_id: MaybeId = None


class Refund(Entity):
    """One refund of a payment; what was given back in all is in the payment."""

    status: Literal["created", "pending", "processed", "failed"]


class Dispute(Entity):
    """A chargeback. Only a lost one takes money."""

    status: str = Field(max_length=50)
    amount_deducted: Amount = 0
