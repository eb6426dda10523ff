"""Sample events of payment providers that fit what an environment sells and knows.

`edge_workers.billing.<provider>_samples` knows what an event looks like. Here it is decided what it
is about: whose subscription, at which price, in which period.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any

from cli.operator_database import Account, OperatorDatabase
from cli.operator_options import ProviderName
from cli.output import CliError, ExitCode
from edge_workers.billing.sample_facts import SampleFacts

STORIES = {
    "purchase": "all events of a checkout: the user has paid",
    "lifecycle": "all events from a checkout to the end, which was yesterday",
}
# Whatever is paid slowly has arrived by then; whatever is renewed or given back comes later.
PURCHASE_TAKES = timedelta(hours=2)
PERIODS = {"month": timedelta(days=30), "year": timedelta(days=365)}
ID_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789"
PREFIXES: Mapping[str, Mapping[str, str]] = {
    "razorpay": {"customer_id": "cust_", "payment_id": "pay_", "invoice_id": "inv_"}
    | {"subscription_id": "sub_", "checkout_id": "order_"},
    "stripe": {"customer_id": "cus_", "payment_id": "pi_", "invoice_id": "in_"}
    | {"subscription_id": "sub_", "checkout_id": "cs_test_"},
}
LIVE = "('incomplete', 'trialing', 'active', 'past_due', 'paused', 'unpaid')"


@dataclass(frozen=True)
class Sample:
    """One event, ready to be signed and sent."""

    type: str
    event_id: str
    body: bytes


@dataclass(frozen=True)
class Wanted:
    """What a sample is to be about; what is None is chosen to fit."""

    event: str
    plan: str | None = None
    interval: str = "month"
    pack: str | None = None
    subscription: str | None = None
    payment: str | None = None
    refunded: int | None = None
    status: str | None = None
    at: datetime | None = None
    event_id: str | None = None


def known_events(provider: ProviderName) -> dict[str, str]:
    """Return what can be sent as an event of the provider, each with what it says."""
    return {**STORIES, **_samples(provider).EVENTS}


def require_known(provider: ProviderName, event: str) -> None:
    """Raise CliError `unknown-event` (usage) unless there is such a sample, and list those."""
    known = known_events(provider)
    if event not in known:
        message = f"There is no sample of {event!r} by {provider}."
        raise CliError("unknown-event", message, f"Known: {', '.join(known)}", ExitCode.USAGE)


def make_samples(
    db: OperatorDatabase, provider: ProviderName, account: Account, wanted: Wanted
) -> list[Sample]:
    """Return the events that were asked for, in the order in which they happen.

    Raises CliError `unknown-event`, and `no-price` when the environment does not sell what they
    are about.
    """
    require_known(provider, wanted.event)
    facts = _facts(db, provider, account, wanted)
    samples = _samples(provider)
    if wanted.event not in STORIES:
        event_id = wanted.event_id or f"evt_{_random_id()}"
        extra = {"status": wanted.status} if wanted.status else {}
        body = samples.make(wanted.event, facts, event_id=event_id, **extra)
        return [Sample(wanted.event, event_id, _encode(body))]
    story = samples.lifecycle(facts)
    if wanted.event == "purchase":
        latest = int((facts.at + PURCHASE_TAKES).timestamp())
        story = [(name, body) for name, body in story if _created(body) <= latest]
    stem = _random_id()
    return [
        Sample(name, body.get("id") or f"evt_{stem}_{number:02}", _encode(body))
        for number, (name, body) in enumerate(story, start=1)
    ]


def _created(body: Mapping[str, Any]) -> int:
    """When an event happened: Stripe and Razorpay call it differently."""
    return int(body.get("created") or body["created_at"])


def _samples(provider: ProviderName) -> Any:
    return import_module(f"edge_workers.billing.{provider}_samples")


def _encode(body: Mapping[str, Any]) -> bytes:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def _random_id() -> str:
    return "".join(secrets.choice(ID_LETTERS) for _ in range(14))


def _facts(
    db: OperatorDatabase, provider: ProviderName, account: Account, wanted: Wanted
) -> SampleFacts:
    ids: dict[str, Any] = {
        name: f"{prefix}{_random_id()}" for name, prefix in PREFIXES[provider].items()
    }
    begin = _begin(wanted)
    facts = SampleFacts(
        user_id=account.id,
        at=begin,
        period_start=begin,
        period_end=begin + PERIODS[wanted.interval],
        buys_tokens=wanted.pack is not None,
        **ids,
    )
    customer = db.rows(
        "select provider_customer_id as id from public.billing_customers "
        "where user_id = %s and provider = %s",
        account.id,
        provider,
    )
    if customer:
        facts = replace(facts, customer_id=customer[0]["id"])
    facts = (
        _about_tokens(db, provider, facts, wanted.pack)
        if wanted.pack
        else _about_subscription(db, provider, facts, wanted)
    )
    return _about_payment(db, provider, facts, wanted)


def _begin(wanted: Wanted) -> datetime:
    now = datetime.now(UTC).replace(microsecond=0)
    if wanted.event == "lifecycle":
        # Two periods, and a day in which all of it is over.
        before = timedelta(days=6) if wanted.pack else 2 * PERIODS[wanted.interval]
        before += timedelta(days=1)
    elif wanted.event == "purchase":
        # What is sent next happens after all of it.
        before = PURCHASE_TAKES if wanted.pack else timedelta(minutes=1)
    else:
        before = timedelta()
    return wanted.at or now - before


def _about_tokens(
    db: OperatorDatabase, provider: ProviderName, facts: SampleFacts, pack: str
) -> SampleFacts:
    offers = db.rows(
        "select provider_price_id, amount, currency from public.token_pack_prices "
        "where pack_code = %s and provider = %s and is_active order by currency",
        pack,
        provider,
    )
    if not offers:
        raise _no_price(f"token pack {pack}", provider, "resumebase tokens packs")
    return _at_price(facts, offers[0])


def _about_subscription(
    db: OperatorDatabase, provider: ProviderName, facts: SampleFacts, wanted: Wanted
) -> SampleFacts:
    known = _known_subscription(db, provider, facts, wanted)
    if known and not wanted.plan:
        facts = _at_price(facts, known)
    else:
        plan = wanted.plan or "pro"
        offers = db.rows(
            "select provider_price_id, amount, currency from public.plan_prices "
            "where plan_code = %s and provider = %s and interval = %s and is_active "
            "order by currency",
            plan,
            provider,
            wanted.interval,
        )
        if not offers:
            what = f"plan {plan} by the {wanted.interval}"
            raise _no_price(what, provider, "resumebase plan list")
        facts = _at_price(facts, offers[0])
    if not known:
        return replace(facts, subscription_id=wanted.subscription or facts.subscription_id)
    return replace(
        facts,
        subscription_id=known["provider_subscription_id"],
        customer_id=known["provider_customer_id"] or facts.customer_id,
        period_start=known["current_period_start"] or facts.period_start,
        period_end=known["current_period_end"] or facts.period_end,
    )


def _known_subscription(
    db: OperatorDatabase, provider: ProviderName, facts: SampleFacts, wanted: Wanted
) -> dict[str, Any] | None:
    """The subscription that an event goes on with: the named one, or one that runs."""
    if wanted.event in STORIES and not wanted.subscription:
        return None
    rows = db.rows(
        "select s.provider_subscription_id, s.provider_customer_id, s.current_period_start, "
        "s.current_period_end, r.provider_price_id, r.amount, r.currency "
        "from public.subscriptions s join public.plan_prices r on r.id = s.price_id "
        "where s.user_id = %s and s.provider = %s and "
        f"case when %s::text is null then s.status in {LIVE} "
        "else s.provider_subscription_id = %s end "
        "order by s.superseded_at nulls first, s.start_date desc limit 1",
        facts.user_id,
        provider,
        wanted.subscription,
        wanted.subscription,
    )
    return rows[0] if rows else None


def _about_payment(
    db: OperatorDatabase, provider: ProviderName, facts: SampleFacts, wanted: Wanted
) -> SampleFacts:
    """Let what is given back, or disputed, be a payment that there was."""
    if not ("refund" in wanted.event or "dispute" in wanted.event or wanted.payment):
        return facts
    kind = "tokens" if facts.buys_tokens else "subscription"
    rows = db.rows(
        "select provider_payment_id, amount, currency from public.payments "
        "where user_id = %s and provider = %s and kind = %s and status = 'succeeded' "
        "and (%s::text is null or provider_payment_id = %s) order by created_at desc limit 1",
        facts.user_id,
        provider,
        kind,
        wanted.payment,
        wanted.payment,
    )
    if rows:
        name = rows[0]["provider_payment_id"]
        field = "invoice_id" if name.startswith("in_") else "payment_id"
        known = {"amount": rows[0]["amount"], "currency": rows[0]["currency"], field: name}
        facts = replace(facts, **known)
    elif wanted.payment:
        facts = replace(facts, payment_id=wanted.payment)
    if "refund" in wanted.event:
        given_back = facts.amount if wanted.refunded is None else wanted.refunded
        facts = replace(facts, refunded_amount=given_back)
    return facts


def _at_price(facts: SampleFacts, price: Mapping[str, Any]) -> SampleFacts:
    return replace(
        facts,
        price_id=price["provider_price_id"],
        amount=price["amount"],
        currency=price["currency"],
    )


def _no_price(what: str, provider: str, look: str) -> CliError:
    message = f"{provider} has no price for {what} here, so nobody could have bought it."
    return CliError("no-price", message, f"See what is sold: {look}")
