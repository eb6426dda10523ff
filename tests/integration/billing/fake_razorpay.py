"""Razorpay's API, as far as this product uses it: orders and subscriptions."""

import base64
import re
import time
from dataclasses import dataclass, field
from typing import Any

from .fake_api import Answer, Asked, FakeApi

KEY_ID = "rzp_test_fake0000000001"
KEY_SECRET = "fake-razorpay-key-secret"  # noqa: S105

Entity = dict[str, Any]

_OVER = ("cancelled", "completed", "expired")


@dataclass
class FakeRazorpay(FakeApi):
    """Knows every plan whose id begins with `plan_`."""

    orders: dict[str, Entity] = field(default_factory=dict)
    payments: dict[str, list[Entity]] = field(default_factory=dict)
    """By their order."""
    subscriptions: dict[str, Entity] = field(default_factory=dict)

    def error(self, status: int) -> Entity:
        code = "BAD_REQUEST_ERROR" if status < 500 else "SERVER_ERROR"
        sentence = {401: "Authentication failed", 429: "Request rate limit exceeded"}
        return {
            "error": {
                "code": code,
                "description": sentence.get(status, f"We are facing trouble with {KEY_SECRET}"),
                "source": "business",
                "step": "payment_initiation",
                "reason": "input_validation_failed",
                "metadata": {},
            }
        }

    def answer(self, asked: Asked) -> Answer:
        wanted = base64.b64encode(f"{KEY_ID}:{KEY_SECRET}".encode()).decode()
        if asked.headers.get("authorization") != f"Basic {wanted}":
            return Answer(401, self.error(401))
        match asked.method, asked.path.strip("/").split("/")[1:]:
            case "POST", ["orders"]:
                return self._make_order(asked.json())
            case "GET", ["orders"]:
                return self._collection(
                    each
                    for each in self.orders.values()
                    if each["receipt"] == asked.query.get("receipt", each["receipt"])
                )
            case "GET", ["orders", name] if name in self.orders:
                return Answer(200, self.orders[name])
            case "GET", ["orders", name, "payments"]:
                return self._collection(self.payments.get(name, []))
            case "POST", ["subscriptions"]:
                return self._make_subscription(asked.json())
            case "GET", ["subscriptions"]:
                return self._collection(
                    each
                    for each in self.subscriptions.values()
                    if each["plan_id"] == asked.query.get("plan_id", each["plan_id"])
                    and each["created_at"] >= int(asked.query.get("from", 0))
                )
            case "GET", ["subscriptions", name]:
                return self._known(name) or Answer(200, self.subscriptions[name])
            case "POST", ["subscriptions", name, "cancel"]:
                return self._known(name) or self._cancel(
                    self.subscriptions[name], bool(asked.json().get("cancel_at_cycle_end"))
                )
        return Answer(400, _refusal("The requested URL was not found on the server."))

    def activate(self, name: str, *, start: int, end: int, **more: Any) -> Entity:
        """The customer authorised it, and the first cycle was charged."""
        entity = self.subscriptions[name]
        entity |= {
            "status": "active",
            "customer_id": f"cust_{self.mark}000001",
            "start_at": start,
            "current_start": start,
            "current_end": end,
            "charge_at": end,
            "paid_count": 1,
            **more,
        }
        return entity

    def pay(self, name: str, payment_id: str) -> Entity:
        """The customer pays an order, at the second try."""
        order = self.orders[name]
        order |= {"status": "paid", "amount_paid": order["amount"], "amount_due": 0, "attempts": 2}
        paid = {
            "id": payment_id,
            "entity": "payment",
            "amount": order["amount"],
            "currency": order["currency"],
            "status": "captured",
            "order_id": name,
            "invoice_id": None,
            "amount_refunded": 0,
            "captured": True,
            "notes": [],
            "created_at": int(time.time()),
        }
        failed = paid | {"id": f"{payment_id}x", "status": "failed", "captured": False}
        self.payments[name] = [failed, paid]
        return paid

    def _make_order(self, wish: Entity) -> Answer:
        if not isinstance(wish.get("amount"), int) or wish["amount"] < 100:
            return Answer(400, _refusal("Order amount less than minimum amount allowed"))
        if not re.fullmatch("[A-Z]{3}", wish["currency"]) or len(wish.get("receipt", "")) > 40:
            return Answer(400, _refusal("The request is invalid"))
        entity = {
            "id": f"order_{self.mark}{len(self.orders):06}",
            "entity": "order",
            "amount": wish["amount"],
            "amount_paid": 0,
            "amount_due": wish["amount"],
            "currency": wish["currency"],
            "receipt": wish.get("receipt"),
            "offer_id": None,
            "status": "created",
            "attempts": 0,
            "notes": wish.get("notes") or [],
            "created_at": int(time.time()),
        }
        self.orders[entity["id"]] = entity
        return Answer(200, entity)

    def _make_subscription(self, wish: Entity) -> Answer:
        if not str(wish.get("plan_id")).startswith("plan_"):
            return Answer(400, _refusal("The id provided does not exist"))
        if not isinstance(wish.get("total_count"), int):
            return Answer(400, _refusal("The total count field is required."))
        name = f"sub_{self.mark}{len(self.subscriptions):06}"
        self.subscriptions[name] = {
            "id": name,
            "entity": "subscription",
            "plan_id": wish["plan_id"],
            "status": "created",
            "current_start": None,
            "current_end": None,
            "ended_at": None,
            "quantity": wish.get("quantity", 1),
            "notes": wish.get("notes") or [],
            "charge_at": None,
            "start_at": None,
            "end_at": None,
            "auth_attempts": 0,
            "total_count": wish["total_count"],
            "paid_count": 0,
            "customer_notify": True,
            "created_at": int(time.time()),
            "expire_by": wish.get("expire_by"),
            "short_url": f"https://rzp.example/i/{name[-4:]}",
            "has_scheduled_changes": False,
            "change_scheduled_at": None,
            "source": "api",
            "remaining_count": wish["total_count"],
        }
        return Answer(200, self.subscriptions[name])

    def _known(self, name: str) -> Answer | None:
        if name in self.subscriptions:
            return None
        return Answer(400, _refusal("The id provided does not exist"))

    def _cancel(self, entity: Entity, at_cycle_end: bool) -> Answer:
        if entity["status"] in _OVER:
            return Answer(
                400, _refusal(f"Subscription is not cancellable in {entity['status']} status.")
            )
        if at_cycle_end:
            if entity["status"] not in ("active", "pending"):
                return Answer(
                    400,
                    _refusal("Subscription cannot be cancelled since no billing cycle is going on"),
                )
            # It looks as before until the cycle is over.
            return Answer(200, entity)
        entity |= {"status": "cancelled", "ended_at": int(time.time()), "charge_at": None}
        return Answer(200, entity)

    def _collection(self, entities: Any) -> Answer:
        items = list(entities)
        return Answer(200, {"entity": "collection", "count": len(items), "items": items})


def _refusal(description: str) -> Entity:
    return {
        "error": {
            "code": "BAD_REQUEST_ERROR",
            "description": description,
            "source": "business",
            "step": "payment_initiation",
            "reason": "input_validation_failed",
            "metadata": {},
        }
    }
