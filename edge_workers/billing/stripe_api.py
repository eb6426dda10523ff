"""Stripe through its SDK: checkout sessions, the billing portal, subscriptions."""

import hashlib
import json
from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

import requests
import stripe

from edge_workers.billing.provider_api import (
    Checkout,
    CheckoutKind,
    Entity,
    Opened,
    asked_now,
)
from edge_workers.billing.provider_errors import (
    ProviderError,
    ProviderKeysRefused,
    ProviderMissing,
    ProviderNotConfigured,
    ProviderRefused,
    ProviderTimeout,
    ProviderUnavailable,
)
from edge_workers.billing.provider_http import ProviderSession
from edge_workers.settings import BillingSettings

_T = TypeVar("_T")


class StripeApi:
    """See PaymentProvider."""

    def __init__(self, settings: BillingSettings) -> None:
        if settings.stripe_secret_key is None:
            raise ProviderNotConfigured("stripe", ("STRIPE_SECRET_KEY",))
        self._settings = settings
        seconds = settings.provider_timeout_seconds
        self._v1 = stripe.StripeClient(
            settings.stripe_secret_key.get_secret_value(),
            base_addresses={"api": settings.stripe_api_url},
            # Our callers repeat what may be repeated, and know how long they can wait.
            max_network_retries=0,
            http_client=stripe.RequestsClient(
                timeout=seconds,
                session=ProviderSession(settings.stripe_api_url, timeout_seconds=seconds),
            ),
        ).v1

    def open_checkout(self, checkout: Checkout) -> Opened:
        """See PaymentProvider. Stripe gives the same session again for a day."""
        try:
            session = self._make_session(checkout)
        except ProviderMissing:
            if checkout.customer_id is None:
                raise
            # Somebody deleted the customer at Stripe. That must not end what its user can buy.
            session = self._make_session(checkout.model_copy(update={"customer_id": None}))
        customer, url = session.get("customer"), session.get("url")
        return Opened(
            checkout_id=_text(session.get("id")),
            customer_id=customer if isinstance(customer, str) else None,
            url=_text(url),
        )

    def _make_session(self, checkout: Checkout) -> dict[str, Any]:
        params = self._session_params(checkout)
        # The parameters belong to the key: Stripe refuses it with others, and they may have changed
        # since, as when the user became a customer meanwhile.
        digest = hashlib.sha256(json.dumps(params, sort_keys=True).encode()).hexdigest()[:16]
        key = f"checkout-{checkout.id}-{digest}"
        return _ask(
            lambda: self._v1.checkout.sessions.create(params, {"idempotency_key": key})  # type: ignore[arg-type]
        )

    def fetch_subscription(self, subscription_id: str) -> Entity:
        """See PaymentProvider."""
        return _ask(lambda: self._v1.subscriptions.retrieve(subscription_id))

    def checkout_events(self, checkout_id: str, kind: CheckoutKind) -> list[tuple[str, Entity]]:
        """See PaymentProvider."""
        asked_at = asked_now()
        session = _ask(lambda: self._v1.checkout.sessions.retrieve(checkout_id))
        status, subscription_id = session.get("status"), session.get("subscription")
        if status == "expired":
            return [_event("checkout.session.expired", asked_at, session)]
        if status != "complete":
            return []
        events = [_event("checkout.session.completed", asked_at, session)]
        if kind == "subscription" and isinstance(subscription_id, str):
            subscription = self.fetch_subscription(subscription_id)
            events.append(_event("customer.subscription.updated", asked_at, subscription))
        return events

    def cancel_subscription(self, subscription_id: str, *, at_period_end: bool) -> Entity:
        """See PaymentProvider."""
        if at_period_end:
            return _ask(
                lambda: self._v1.subscriptions.update(
                    subscription_id, {"cancel_at_period_end": True}
                )
            )
        return _ask(lambda: self._v1.subscriptions.cancel(subscription_id))

    def manage_url(self, customer_id: str | None, subscription_id: str | None) -> str | None:
        """A session of the billing portal, for a few minutes."""
        if customer_id is None and subscription_id is not None:
            customer = self.fetch_subscription(subscription_id).get("customer")
            customer_id = customer if isinstance(customer, str) else None
        if customer_id is None:
            return None
        back = self._settings.portal_return_url or self._settings.checkout_success_url
        if back is None:
            raise ProviderNotConfigured("stripe", ("PORTAL_RETURN_URL",))
        session = _ask(
            lambda: self._v1.billing_portal.sessions.create(
                {"customer": customer_id, "return_url": back}
            )
        )
        return _text(session.get("url"))

    def _session_params(self, checkout: Checkout) -> dict[str, Any]:
        success, cancel = self._settings.checkout_success_url, self._settings.checkout_cancel_url
        if success is None or cancel is None:
            raise ProviderNotConfigured("stripe", ("CHECKOUT_SUCCESS_URL", "CHECKOUT_CANCEL_URL"))
        params: dict[str, Any] = {
            "line_items": [{"price": checkout.price_id, "quantity": 1}],
            "client_reference_id": str(checkout.user_id),
            "metadata": checkout.notes(),
            "success_url": success,
            "cancel_url": cancel,
        }
        if checkout.kind == "subscription":
            params |= {"mode": "subscription", "subscription_data": {"metadata": checkout.notes()}}
        else:
            params |= {"mode": "payment", "payment_intent_data": {"metadata": checkout.notes()}}
        if checkout.customer_id:
            return params | {"customer": checkout.customer_id}
        if checkout.email:
            params["customer_email"] = checkout.email
        if checkout.kind == "tokens":
            # For a subscription Stripe makes one anyway.
            params["customer_creation"] = "always"
        return params


make = StripeApi
"""What `providers.py` looks for in the module of a provider."""


def _event(kind: str, at: datetime, entity: Entity) -> tuple[str, Entity]:
    """An event as Stripe would have sent it then."""
    return kind, {"type": kind, "created": int(at.timestamp()), "data": {"object": entity}}


def _ask(call: Callable[[], stripe.StripeObject]) -> dict[str, Any]:
    try:
        answer = call()
    except stripe.StripeError as error:
        raise _our_error(error) from None
    if not isinstance(answer, stripe.StripeObject):
        raise ProviderUnavailable("stripe")
    return answer.to_dict()


def _our_error(error: stripe.StripeError) -> ProviderError:
    if isinstance(error, stripe.AuthenticationError | stripe.PermissionError):
        return ProviderKeysRefused("stripe")
    if isinstance(error, stripe.APIConnectionError):
        is_late = isinstance(error.__cause__, requests.Timeout)
        return ProviderTimeout("stripe") if is_late else ProviderUnavailable("stripe")
    if isinstance(error, stripe.InvalidRequestError) and error.code == "resource_missing":
        return ProviderMissing("stripe")
    if isinstance(error, stripe.InvalidRequestError | stripe.CardError):
        return ProviderRefused("stripe", error.code)
    return ProviderUnavailable("stripe")


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ProviderUnavailable("stripe")
    return value
