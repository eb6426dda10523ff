"""Stripe's objects, as far as they are read here, before and since API version 2025-03-31.

Each field is optional or has another place in one of the two shapes; the properties say where to
look. What Stripe adds is ignored, so that a newer API version is no error.
"""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal, TypeAlias
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from edge_workers.billing.changes import ProviderId


def _id_of(value: Any) -> Any:
    """The id of a reference, which may be expanded into the whole object."""
    return value.get("id") if isinstance(value, dict) else value


def _moment(value: Any) -> Any:
    if value is None:
        return None
    if type(value) is not int:
        raise ValueError("a time is whole seconds since 1970")
    try:
        return datetime.fromtimestamp(value, UTC)
    except (OverflowError, OSError, ValueError):
        raise ValueError("a time beyond the year 9999") from None


def _strings(value: Any) -> Any:
    """Metadata: strings by name, all of it optional."""
    if not isinstance(value, dict):
        return {}
    return {key: text for key, text in value.items() if isinstance(text, str)}


Reference: TypeAlias = Annotated[ProviderId | None, BeforeValidator(_id_of)]
Moment: TypeAlias = Annotated[datetime | None, BeforeValidator(_moment)]
Metadata: TypeAlias = Annotated[dict[str, str], BeforeValidator(_strings)]
Amount: TypeAlias = Annotated[int, Field(ge=0, le=2_147_483_647)]


class _Object(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True, hide_input_in_errors=True)


class Price(_Object):
    id: ProviderId


class SubscriptionItem(_Object):
    id: str = ""
    created: int = 0
    price: Price | None = None
    plan: Price | None = None
    """The price, as versions before prices called it."""
    current_period_start: Moment = None
    current_period_end: Moment = None


class SubscriptionItems(_Object):
    data: list[SubscriptionItem] = []


class Subscription(_Object):
    id: ProviderId
    status: Literal[
        "incomplete",
        "incomplete_expired",
        "trialing",
        "active",
        "past_due",
        "paused",
        "unpaid",
        "canceled",
    ]
    customer: Reference = None
    metadata: Metadata = {}
    items: SubscriptionItems = SubscriptionItems()
    plan: Price | None = None
    created: Moment = None
    start_date: Moment = None
    current_period_start: Moment = None
    current_period_end: Moment = None
    trial_end: Moment = None
    cancel_at_period_end: bool = False
    cancel_at: Moment = None
    canceled_at: Moment = None
    ended_at: Moment = None

    @property
    def main_item(self) -> SubscriptionItem:
        """The item that the plan is: the oldest one, should somebody have added others."""
        items = sorted(self.items.data, key=lambda item: (item.created, item.id))
        return items[0] if items else SubscriptionItem(plan=self.plan)


class SubscriptionDetails(_Object):
    subscription: Reference = None
    metadata: Metadata = {}


class InvoiceParent(_Object):
    subscription_details: SubscriptionDetails | None = None


class PaidWith(_Object):
    payment_intent: Reference = None
    charge: Reference = None


class InvoicePayment(_Object):
    """What links an invoice and a payment intent since 2025-03-31."""

    invoice: Reference = None
    payment: PaidWith = PaidWith()
    amount_paid: Amount | None = None
    amount_requested: Amount | None = None
    currency: str = ""


class InvoicePayments(_Object):
    data: list[InvoicePayment] = []


class FinalizationError(_Object):
    message: str | None = None


class StatusTransitions(_Object):
    paid_at: Moment = None


class Invoice(_Object):
    id: ProviderId
    customer: Reference = None
    currency: str
    amount_due: int = 0
    amount_paid: int = 0
    attempt_count: int = 0
    metadata: Metadata = {}
    parent: InvoiceParent | None = None
    subscription: Reference = None
    """Where the subscription was before 2025-03-31; so are the next three."""
    subscription_details: SubscriptionDetails | None = None
    payment_intent: Reference = None
    charge: Reference = None
    payments: InvoicePayments | None = None
    last_finalization_error: FinalizationError | None = None
    status_transitions: StatusTransitions | None = None

    @property
    def details(self) -> SubscriptionDetails:
        """Of which subscription it is, and what that subscription's metadata was."""
        details = (self.parent and self.parent.subscription_details) or self.subscription_details
        if details is None:
            return SubscriptionDetails(subscription=self.subscription)
        if details.subscription is None:
            return details.model_copy(update={"subscription": self.subscription})
        return details

    @property
    def paid_with(self) -> tuple[str, ...]:
        """Ids of the payment intents and charges, as far as the payload says them."""
        payments = [payment.payment for payment in self.payments.data] if self.payments else []
        ids = [self.payment_intent, self.charge]
        ids += [id_ for payment in payments for id_ in (payment.payment_intent, payment.charge)]
        return tuple(dict.fromkeys(id_ for id_ in ids if id_))


class Charge(_Object):
    id: ProviderId
    customer: Reference = None
    payment_intent: Reference = None
    invoice: Reference = None
    """Gone since 2025-03-31."""
    amount: Amount
    amount_refunded: Amount
    currency: str
    captured: bool = True


class Dispute(_Object):
    id: ProviderId
    status: str
    charge: Reference = None
    payment_intent: Reference = None
    amount: Amount
    currency: str


class CheckoutSession(_Object):
    id: ProviderId
    mode: Literal["payment", "setup", "subscription"]
    payment_status: Literal["no_payment_required", "paid", "unpaid"]
    customer: Reference = None
    client_reference_id: str | None = None
    payment_link: Reference = None
    metadata: Metadata = {}
    subscription: Reference = None
    invoice: Reference = None
    payment_intent: Reference = None
    amount_total: Amount | None = None
    currency: str | None = None

    @property
    def claimed_user(self) -> UUID | None:
        """Whose it is. Anyone can put a client_reference_id into the address of a payment link."""
        reference = None if self.payment_link else self.client_reference_id
        return user_in(self.metadata) or user_in({"user_id": reference or ""})


class EventData(_Object):
    object: dict[str, Any]


class Event(_Object):
    created: Annotated[datetime, BeforeValidator(_moment)]
    account: str | None = None
    """The connected account that it happened in; None for our own."""
    data: EventData


def user_in(metadata: Metadata) -> UUID | None:
    """The user that metadata name in the one way that we write it; None for anything else."""
    claim = metadata.get("user_id", "")
    try:
        user_id = UUID(claim)
    except ValueError:
        return None
    return user_id if str(user_id) == claim.lower() else None
