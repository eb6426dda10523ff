"""Samples fit what an environment sells and what a user has; here both are made up."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from cli.operator_database import Account, OperatorDatabase
from cli.operator_options import ProviderName
from cli.output import CliError
from cli.webhook_samples import Sample, Wanted, make_samples

ADA = Account(uuid4(), "ada@example.com")
PRICE = {"provider_price_id": "price_1", "amount": 1234, "currency": "EUR"}
NOW = datetime.now(UTC)


@dataclass
class Shop:
    """Answers what samples ask of the database, by the table that they ask."""

    tables: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    asked: list[tuple[object, ...]] = field(default_factory=list)

    def rows(self, statement: str, *values: object) -> list[dict[str, Any]]:
        table = statement.partition(" from public.")[2].split()[0]
        self.asked.append((table, *values))
        default = [PRICE] if table in ("plan_prices", "token_pack_prices") else []
        return self.tables.get(table, default)


def make(provider: ProviderName, wanted: Wanted, **tables: list[dict[str, Any]]) -> list[Sample]:
    shop: Any = Shop(tables)
    database: OperatorDatabase = shop
    return make_samples(database, provider, ADA, wanted)


def types(samples: list[Sample]) -> list[str]:
    return [sample.type for sample in samples]


def created(sample: Sample) -> datetime:
    body = json.loads(sample.body)
    return datetime.fromtimestamp(body.get("created") or body["created_at"], UTC)


@pytest.mark.parametrize(
    ("provider", "pack", "expected"),
    [
        (
            "razorpay",
            None,
            ["subscription.authenticated", "subscription.activated", "subscription.charged"],
        ),
        ("razorpay", "small", ["payment.authorized", "payment.captured", "order.paid"]),
        (
            "stripe",
            None,
            [
                "customer.subscription.created",
                "customer.subscription.updated",
                "invoice.paid",
                "invoice_payment.paid",
                "checkout.session.completed",
            ],
        ),
        (
            "stripe",
            "small",
            ["checkout.session.completed", "checkout.session.async_payment_succeeded"],
        ),
    ],
)
def test_purchase__is_what_a_checkout_causes_and_is_over(
    provider: ProviderName, pack: str | None, expected: list[str]
) -> None:
    samples = make(provider, Wanted("purchase", pack=pack))
    assert types(samples) == expected
    assert len({sample.event_id for sample in samples}) == len(samples)
    assert all(created(sample) <= datetime.now(UTC) for sample in samples)


@pytest.mark.parametrize("interval", ["month", "year"])
@pytest.mark.parametrize("pack", [None, "small"])
@pytest.mark.parametrize("provider", ["razorpay", "stripe"])
def test_lifecycle__is_longer_and_over_as_well(
    provider: ProviderName, pack: str | None, interval: str
) -> None:
    purchase = make(provider, Wanted("purchase", pack=pack, interval=interval))
    samples = make(provider, Wanted("lifecycle", pack=pack, interval=interval))
    assert types(samples)[: len(purchase)] == types(purchase)
    assert len(samples) > len(purchase)
    assert all(created(sample) < NOW for sample in samples)


@pytest.mark.parametrize("provider", ["razorpay", "stripe"])
def test_samples__name_the_user_and_the_price_of_the_catalogue(provider: ProviderName) -> None:
    name = {"razorpay": "subscription.charged", "stripe": "invoice.paid"}[provider]
    [sample] = make(provider, Wanted(name, plan="coach", interval="year", event_id="evt_mine"))
    text = sample.body.decode()
    assert sample.event_id == "evt_mine"
    for part in (str(ADA.id), "price_1", "1234"):
        assert part in text
    assert "EUR" in text.upper()


def test_what_is_not_sold__cannot_have_been_bought() -> None:
    with pytest.raises(CliError) as caught:
        make("stripe", Wanted("invoice.paid", plan="gold"), plan_prices=[])
    assert (caught.value.code, "gold" in caught.value.message) == ("no-price", True)
    with pytest.raises(CliError) as caught:
        make("stripe", Wanted("purchase", pack="huge"), token_pack_prices=[])
    assert (caught.value.code, "huge" in caught.value.message) == ("no-price", True)


KNOWN: dict[str, Any] = {
    "provider_subscription_id": "sub_known",
    "provider_customer_id": "cus_known",
    "current_period_start": NOW.replace(microsecond=0) - timedelta(days=3),
    "current_period_end": NOW.replace(microsecond=0) + timedelta(days=27),
    "provider_price_id": "price_old",
    "amount": 99,
    "currency": "USD",
}


def test_single_event__is_about_the_subscription_that_runs() -> None:
    [sample] = make("stripe", Wanted("customer.subscription.deleted"), subscriptions=[KNOWN])
    text = sample.body.decode()
    for part in ("sub_known", "cus_known", "price_old", str(ADA.id)):
        assert part in text
    assert str(int(KNOWN["current_period_end"].timestamp())) in text


def test_purchase__is_of_a_new_subscription_unless_one_is_named() -> None:
    samples = make("razorpay", Wanted("purchase"), subscriptions=[KNOWN])
    assert "sub_known" not in samples[0].body.decode()
    samples = make("razorpay", Wanted("purchase", subscription="sub_mine"))
    assert all("sub_mine" in sample.body.decode() for sample in samples)


@pytest.mark.parametrize(("refunded", "amount"), [(None, 500), (200, 200)])
def test_refund__is_of_a_payment_that_there_was(refunded: int | None, amount: int) -> None:
    known = {"provider_payment_id": "pay_known", "amount": 500, "currency": "INR"}
    wanted = Wanted("refund.processed", pack="small", refunded=refunded)
    [sample] = make("razorpay", wanted, payments=[known])
    parts = json.loads(sample.body)["payload"]
    assert parts["payment"]["entity"]["id"] == "pay_known"
    assert parts["payment"]["entity"]["amount_refunded"] == amount


def test_status__is_that_of_a_single_event_of_stripe() -> None:
    wanted = Wanted("customer.subscription.updated", status="past_due")
    [sample] = make("stripe", wanted, subscriptions=[KNOWN])
    assert json.loads(sample.body)["data"]["object"]["status"] == "past_due"
