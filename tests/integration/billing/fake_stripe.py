"""Stripe's API, as far as this product uses it: checkout sessions, portal, subscriptions."""

import time
from dataclasses import dataclass, field
from typing import Any

from .fake_api import Answer, Asked, FakeApi

SECRET_KEY = "sk_test_fake00000000000001"  # noqa: S105

Entity = dict[str, Any]


@dataclass
class FakeStripe(FakeApi):
    """Knows every price, and only the customers and subscriptions that it made or was given."""

    sessions: dict[str, Entity] = field(default_factory=dict)
    subscriptions: dict[str, Entity] = field(default_factory=dict)
    customers: set[str] = field(default_factory=set)
    deleted_customers: set[str] = field(default_factory=set)
    remembered: dict[str, tuple[bytes, Answer]] = field(default_factory=dict)
    """By idempotency key: what was sent, and what it was answered."""

    def error(self, status: int) -> Entity:
        kind = {401: "invalid_request_error", 429: "rate_limit_error"}.get(status, "api_error")
        return _error(kind, f"Something is wrong with {SECRET_KEY}")

    def answer(self, asked: Asked) -> Answer:
        if asked.headers.get("authorization") != f"Bearer {SECRET_KEY}":
            return Answer(401, _error("invalid_request_error", "Invalid API Key provided"))
        key = asked.headers.get("idempotency-key") if asked.method == "POST" else None
        if key is None:
            return self._route(asked)
        if key not in self.remembered:
            self.remembered[key] = (asked.body, self._route(asked))
        body, answer = self.remembered[key]
        if body != asked.body:
            message = "Keys for idempotent requests can only be used with the same parameters"
            return Answer(400, _error("idempotency_error", message))
        return answer

    def complete(self, name: str, **more: Any) -> Entity:
        """The customer finished a session and paid."""
        self.sessions[name] |= {
            "status": "complete",
            "payment_status": "paid",
            "customer": f"cus_{self.mark}",
            "amount_total": 200,
            "currency": "usd",
            **more,
        }
        return self.sessions[name]

    def subscribe(self, name: str, **more: Any) -> Entity:
        """Make a subscription, active for a month unless `more` says otherwise."""
        now = int(time.time())
        price = more.pop("price", "plan_local_pro_month")
        start, end = more.pop("period", (now - 60, now + 30 * 86400))
        item = {
            "id": f"si_{name}",
            "object": "subscription_item",
            "created": start,
            "current_period_start": start,
            "current_period_end": end,
            "price": {"id": price, "object": "price", "unit_amount": 1200, "currency": "usd"},
            "quantity": 1,
            "subscription": name,
        }
        self.subscriptions[name] = {
            "id": name,
            "object": "subscription",
            "status": "active",
            "customer": f"cus_{self.mark}",
            "metadata": {},
            "items": {"object": "list", "data": [item], "has_more": False, "total_count": 1},
            "created": start,
            "start_date": start,
            "trial_end": None,
            "cancel_at_period_end": False,
            "cancel_at": None,
            "canceled_at": None,
            "ended_at": None,
            **more,
        }
        return self.subscriptions[name]

    def _route(self, asked: Asked) -> Answer:
        match asked.method, asked.path.strip("/").split("/")[1:]:
            case "POST", ["checkout", "sessions"]:
                return self._make_session(asked.form())
            case "GET", ["checkout", "sessions", name] if name in self.sessions:
                return Answer(200, self.sessions[name])
            case "POST", ["billing_portal", "sessions"]:
                return self._make_portal(asked.form())
            case "GET", ["subscriptions", name]:
                return self._known(name) or Answer(200, self.subscriptions[name])
            case "POST", ["subscriptions", name]:
                return self._known(name) or self._update(self.subscriptions[name], asked.form())
            case "DELETE", ["subscriptions", name]:
                return self._known(name) or self._cancel(self.subscriptions[name])
        message = f"Unrecognized request URL ({asked.method}: {asked.path})"
        return Answer(404, _error("invalid_request_error", message))

    def _make_session(self, wish: dict[str, str]) -> Answer:
        if "success_url" not in wish or wish.get("mode") not in ("payment", "subscription"):
            return Answer(400, _error("invalid_request_error", "Missing", "parameter_missing"))
        if "customer" in wish and ({"customer_email", "customer_creation"} & wish.keys()):
            return Answer(400, _error("invalid_request_error", "You may only specify one"))
        if wish.get("customer_creation") and wish["mode"] != "payment":
            return Answer(400, _error("invalid_request_error", "Only in payment mode"))
        if wish.get("customer") in self.deleted_customers:
            error = _error("invalid_request_error", "No such customer", "resource_missing")
            return Answer(400, error)
        if wish["line_items[0][price]"] == "price_unknown":
            return Answer(400, _error("invalid_request_error", "No such price", "resource_missing"))
        name = f"cs_test_{self.mark}{len(self.sessions):08}"
        self.sessions[name] = {
            "id": name,
            "object": "checkout.session",
            "mode": wish["mode"],
            "status": "open",
            "payment_status": "unpaid",
            "url": f"https://checkout.stripe.example/c/pay/{name}#fid",
            "client_reference_id": wish.get("client_reference_id"),
            "customer": wish.get("customer"),
            "customer_email": wish.get("customer_email"),
            "metadata": _inside(wish, "metadata"),
            "subscription": None,
            "payment_intent": None,
            "expires_at": int(time.time()) + 86400,
        }
        return Answer(200, self.sessions[name])

    def _make_portal(self, wish: dict[str, str]) -> Answer:
        if wish.get("customer") not in self.customers:
            return Answer(
                400, _error("invalid_request_error", "No such customer", "resource_missing")
            )
        session = {
            "id": "bps_fake00000000001",
            "object": "billing_portal.session",
            "customer": wish["customer"],
            "return_url": wish["return_url"],
            "url": "https://billing.stripe.example/p/session/fake",
        }
        return Answer(200, session)

    def _known(self, name: str) -> Answer | None:
        if name in self.subscriptions:
            return None
        message = f"No such subscription: '{name}'"
        return Answer(404, _error("invalid_request_error", message, "resource_missing"))

    def _update(self, entity: Entity, wish: dict[str, str]) -> Answer:
        if entity["status"] == "canceled":
            message = "A canceled subscription can only update its cancellation_details"
            return Answer(400, _error("invalid_request_error", message))
        entity["cancel_at_period_end"] = wish["cancel_at_period_end"].lower() == "true"
        entity["canceled_at"] = int(time.time())
        return Answer(200, entity)

    def _cancel(self, entity: Entity) -> Answer:
        if entity["status"] == "canceled":
            # Stripe deletes it as a resource that is cancelled, and still shows it.
            message = f"No such subscription: '{entity['id']}'"
            return Answer(404, _error("invalid_request_error", message, "resource_missing"))
        now = int(time.time())
        entity |= {"status": "canceled", "canceled_at": now, "ended_at": now}
        return Answer(200, entity)


def _inside(form: dict[str, str], name: str) -> dict[str, str]:
    return {
        key.removeprefix(f"{name}[").removesuffix("]"): value
        for key, value in form.items()
        if key.startswith(f"{name}[")
    }


def _error(kind: str, message: str, code: str | None = None) -> Entity:
    error = {"type": kind, "message": message}
    return {"error": error | ({"code": code} if code else {})}
