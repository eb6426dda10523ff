"""Razorpay through its SDK: subscriptions, orders, and what can be asked of them.

Razorpay has no idempotency keys. A checkout that may have reached it before is therefore looked for
first: an order by its receipt, a subscription by our own id in its notes.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

import razorpay
import requests

from edge_workers.billing.provider_api import (
    Checkout,
    CheckoutKind,
    Entity,
    Opened,
    asked_now,
)
from edge_workers.billing.provider_errors import (
    ProviderKeysRefused,
    ProviderMissing,
    ProviderNotConfigured,
    ProviderRefused,
    ProviderTimeout,
    ProviderUnavailable,
)
from edge_workers.billing.provider_http import ProviderSession
from edge_workers.settings import BillingSettings

BILLING_CYCLES = {"month": 120, "year": 10}
"""Razorpay wants to know when a subscription ends: after ten years it is completed."""

OPEN_FOR = timedelta(days=1)
"""How long a subscription that nobody authorised stays open. Sessions of Stripe live as long."""

_CLOCK_SKEW = timedelta(minutes=10)


class RazorpayApi:
    """See PaymentProvider."""

    def __init__(self, settings: BillingSettings) -> None:
        key_id, key_secret = settings.razorpay_key_id, settings.razorpay_key_secret
        if not key_id or key_secret is None:
            raise ProviderNotConfigured("razorpay", ("RAZORPAY_KEY_ID", "RAZORPAY_KEY_SECRET"))
        self._client = razorpay.Client(
            session=_Session(
                settings.razorpay_api_url, timeout_seconds=settings.provider_timeout_seconds
            ),
            auth=(key_id, key_secret.get_secret_value()),
            base_url=settings.razorpay_api_url,
        )

    def open_checkout(self, checkout: Checkout) -> Opened:
        """See PaymentProvider. Two calls at the same time may still begin it twice."""
        if checkout.kind == "tokens":
            entity = self._find_order(checkout) or self._client.order.create(
                {
                    "amount": checkout.amount,
                    "currency": checkout.currency,
                    "receipt": str(checkout.id),
                    "notes": checkout.notes(),
                }
            )
            return Opened(checkout_id=_id_of(entity))
        entity = self._find_subscription(checkout) or self._client.subscription.create(
            {
                "plan_id": checkout.price_id,
                "total_count": BILLING_CYCLES[checkout.interval or "month"],
                "quantity": 1,
                "expire_by": int((datetime.now(UTC) + OPEN_FOR).timestamp()),
                "notes": checkout.notes(),
            }
        )
        return Opened(checkout_id=_id_of(entity), url=_text(entity.get("short_url")))

    def fetch_subscription(self, subscription_id: str) -> Entity:
        """See PaymentProvider."""
        return _entity(self._client.subscription.fetch(subscription_id))

    def checkout_events(self, checkout_id: str, kind: CheckoutKind) -> list[tuple[str, Entity]]:
        """See PaymentProvider."""
        asked_at = asked_now()
        if kind == "subscription":
            subscription = self.fetch_subscription(checkout_id)
            if subscription.get("status") == "created":
                return []
            return [_event("subscription.updated", asked_at, subscription=subscription)]
        order = _entity(self._client.order.fetch(checkout_id))
        if order.get("status") != "paid":
            return []
        payments = _items(_entity(self._client.order.payments(checkout_id)))
        return [
            _event("order.paid", asked_at, order=order, payment=payment)
            for payment in payments
            if payment.get("captured")
        ]

    def cancel_subscription(self, subscription_id: str, *, at_period_end: bool) -> Entity:
        """See PaymentProvider."""
        wish = {"cancel_at_cycle_end": int(at_period_end)}
        return _entity(self._client.subscription.cancel(subscription_id, wish))

    def manage_url(self, customer_id: str | None, subscription_id: str | None) -> str | None:
        """The page of the subscription, where another card can be given. There is no portal."""
        del customer_id
        if subscription_id is None:
            return None
        return _text(self.fetch_subscription(subscription_id).get("short_url"))

    def _find_order(self, checkout: Checkout) -> Entity | None:
        if checkout.is_new:
            return None
        found = _entity(self._client.order.all({"receipt": str(checkout.id)}))
        return _first(found, lambda order: order.get("receipt") == str(checkout.id))

    def _find_subscription(self, checkout: Checkout) -> Entity | None:
        if checkout.is_new:
            return None
        since = int((checkout.created_at - _CLOCK_SKEW).timestamp())
        wanted = {"plan_id": checkout.price_id, "from": since, "count": 100}
        found = _entity(self._client.subscription.all(wanted))
        return _first(found, lambda each: _notes(each).get("checkout") == str(checkout.id))


make = RazorpayApi
"""What `providers.py` looks for in the module of a provider."""


class _Session(ProviderSession):
    """Turns failures into ours before the SDK sees them: it prints some and knows no status."""

    def request(self, method: Any, url: Any, **options: Any) -> requests.Response:  # type: ignore[override]
        try:
            response = super().request(method, url, **options)
        except requests.Timeout:
            raise ProviderTimeout("razorpay") from None
        except requests.RequestException:
            raise ProviderUnavailable("razorpay") from None
        _raise_for(response)
        return response


def _raise_for(response: requests.Response) -> None:
    status = response.status_code
    if status in {401, 403}:
        raise ProviderKeysRefused("razorpay")
    try:
        body = response.json()
    except ValueError:
        raise ProviderUnavailable("razorpay") from None
    if 200 <= status < 300:
        return
    error = body.get("error") if isinstance(body, dict) else None
    if not isinstance(error, dict) or status == 429 or not 400 <= status < 500:
        raise ProviderUnavailable("razorpay")
    # A missing thing is a bad request to Razorpay; only the sentence tells it from others.
    if status == 404 or "does not exist" in str(error.get("description")):
        raise ProviderMissing("razorpay")
    raise ProviderRefused("razorpay", error.get("reason") or error.get("code"))


def _entity(answer: object) -> dict[str, Any]:
    if not isinstance(answer, dict):
        raise ProviderUnavailable("razorpay")
    return answer


def _id_of(entity: object) -> str:
    name = _text(_entity(entity).get("id"))
    if name is None:
        raise ProviderUnavailable("razorpay")
    return name


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _notes(entity: Entity) -> Entity:
    # Without notes Razorpay sends an empty array.
    notes = entity.get("notes")
    return notes if isinstance(notes, dict) else {}


def _event(kind: str, at: datetime, **entities: Entity) -> tuple[str, Entity]:
    """An event as Razorpay would have sent it then."""
    payload = {name: {"entity": entity} for name, entity in entities.items()}
    return kind, {"event": kind, "created_at": int(at.timestamp()), "payload": payload}


def _items(collection: Entity) -> list[dict[str, Any]]:
    items = collection.get("items")
    if not isinstance(items, list):
        raise ProviderUnavailable("razorpay")
    return [each for each in items if isinstance(each, dict)]


def _first(collection: Entity, is_wanted: Any) -> Entity | None:
    wanted = [each for each in _items(collection) if is_wanted(each)]
    return min(wanted, key=lambda each: str(each.get("created_at")), default=None)
