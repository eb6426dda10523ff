"""The same events as API version 2025-02-24.acacia sent them, before the shapes changed."""

from copy import deepcopy
from typing import Any

API_VERSION = "2025-02-24.acacia"


def older(event: dict[str, Any], *, payment_intent: str = "pi_Sample00000001") -> dict[str, Any]:
    """Return the event in the older shape; only the invoice and its payment knew of each other."""
    event = deepcopy(event) | {"api_version": API_VERSION}
    entity = event["data"]["object"]
    match entity["object"]:
        case "subscription":
            _older_subscription(entity)
        case "invoice":
            _older_invoice(entity, payment_intent)
        case "charge":
            entity["invoice"] = "in_Sample00000001"
    return event


def _older_subscription(subscription: dict[str, Any]) -> None:
    item = subscription["items"]["data"][0]
    for bound in ("current_period_start", "current_period_end"):
        subscription[bound] = item.pop(bound)
    subscription["plan"] = item["plan"]
    subscription["quantity"] = 1
    del subscription["billing_mode"]


def _older_invoice(invoice: dict[str, Any], payment_intent: str) -> None:
    details = invoice.pop("parent")["subscription_details"]
    invoice["subscription"] = details["subscription"]
    invoice["subscription_details"] = {"metadata": details["metadata"]}
    invoice["payment_intent"] = payment_intent
    invoice["charge"] = "ch_Sample00000001" if invoice["status"] == "paid" else None
    invoice["paid"] = invoice["status"] == "paid"
    invoice["paid_out_of_band"] = False
