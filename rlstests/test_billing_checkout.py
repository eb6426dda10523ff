"""Room billing: what a checkout is begun with, before any provider is asked."""

from typing import Any

import pytest

from rlstests.actors import NO_GRANT, SERVICE, SYSTEM, Actor, Database, refused
from rlstests.billing_rows import subscribe
from rlstests.checkout_helpers import TOKENS, begin, detail, open_, rows

# Beginning ---------------------------------------------------------------------------------------


def test_checkout_of_a_plan__has_our_price(db: Database, owner: Actor) -> None:
    facts = begin(db, owner)
    (row,) = rows(db, owner)
    price = db.one(SYSTEM, "select * from public.plan_prices where id = %s", row["plan_price_id"])
    assert (price["plan_code"], price["interval"], price["provider"]) == ("pro", "month", "stripe")
    assert (row["amount"], row["currency"]) == (price["amount"], price["currency"])
    assert facts | {"created_at": None} == {
        "id": str(row["id"]),
        "user_id": str(owner.user_id),
        "provider": "stripe",
        "kind": "subscription",
        "code": "pro",
        "interval": "month",
        "price_id": price["provider_price_id"],
        "tokens": None,
        "amount": price["amount"],
        "currency": price["currency"],
        "checkout_id": None,
        "url": None,
        "status": "open",
        "created_at": None,
        "email": db.value(SYSTEM, "select email from public.profiles where id = %s", owner.user_id),
        "customer_id": None,
        "is_new": True,
    }


def test_checkout_of_tokens__has_their_number_and_price(db: Database, owner: Actor) -> None:
    facts = begin(db, owner, **TOKENS, provider="razorpay")
    (row,) = rows(db, owner)
    sql = (
        "select r.provider_price_id, r.amount, k.tokens from public.token_pack_prices r "
        "inner join public.token_packs k on k.code = r.pack_code where r.id = %s"
    )
    offer = db.one(SYSTEM, sql, row["pack_price_id"])
    assert (facts["price_id"], facts["amount"], facts["tokens"]) == tuple(offer.values())
    assert (facts["code"], facts["interval"]) == ("small", None)
    assert row["tokens"] == 100


def test_known_customer__is_told(db: Database, owner: Actor, stranger: Actor) -> None:
    sql = "insert into public.billing_customers values (%s, %s, %s)"
    db.query(SYSTEM, sql, owner.user_id, "stripe", "cus_mine")
    db.query(SYSTEM, sql, owner.user_id, "razorpay", "cust_mine")
    assert begin(db, owner)["customer_id"] == "cus_mine"
    assert begin(db, stranger)["customer_id"] is None


def test_same_key__is_the_same_checkout(db: Database, owner: Actor, stranger: Actor) -> None:
    first = begin(db, owner)
    assert begin(db, owner) == first | {"is_new": False}
    assert begin(db, owner, currency="USD")["id"] == first["id"]
    assert begin(db, owner, "k2")["id"] != first["id"]
    assert begin(db, stranger)["id"] != first["id"]
    assert len(rows(db, owner)) == 2


def test_same_key__keeps_its_price_when_it_changes(db: Database, owner: Actor) -> None:
    first = begin(db, owner)
    db.query(
        SYSTEM,
        "update public.plan_prices set is_active = false where provider_price_id = %s "
        "and provider = 'stripe'",
        first["price_id"],
    )
    assert begin(db, owner)["amount"] == first["amount"]
    with refused("PT404"):
        begin(db, owner, "k2")


@pytest.mark.parametrize(
    "other",
    [
        {"provider": "razorpay"},
        {"code": "career"},
        {"interval": "year"},
        {"currency": "INR"},
        TOKENS,
    ],
)
def test_same_key_for_something_else__is_refused(
    db: Database, owner: Actor, other: dict[str, Any]
) -> None:
    first = begin(db, owner)
    with refused("PT409", match="another checkout") as caught:
        begin(db, owner, **other)
    assert detail(caught) == {"reason": "key-used", "id": first["id"]}


@pytest.mark.parametrize(
    "terms",
    [
        {"provider": "manual"},
        {"provider": None},
        {"kind": "plan"},
        {"kind": None},
        {"interval": None},
        {"interval": "week"},
        TOKENS | {"interval": "month"},
    ],
)
def test_terms_that_no_checkout_has__are_refused(
    db: Database, owner: Actor, terms: dict[str, Any]
) -> None:
    with refused("PT400"):
        begin(db, owner, **terms)


def test_key_of_a_senseless_length__is_refused(db: Database, owner: Actor) -> None:
    for key in ("", "x" * 201):
        with refused("PT400"):
            begin(db, owner, key)
    assert begin(db, owner, "x" * 200)["status"] == "open"


@pytest.mark.parametrize(
    ("terms", "change"),
    [
        ({"code": "free"}, None),
        ({"code": "nonsense"}, None),
        ({"currency": "CHF"}, None),
        (TOKENS | {"code": "pro"}, None),
        ({}, "plans set is_active = false where code = 'pro'"),
        ({}, "plan_prices set is_active = false where plan_code = 'pro'"),
        (TOKENS, "token_packs set is_active = false where code = 'small'"),
        (TOKENS, "token_pack_prices set is_active = false where pack_code = 'small'"),
    ],
)
def test_what_is_not_sold__is_not_found(
    db: Database, owner: Actor, terms: dict[str, Any], change: str | None
) -> None:
    if change:
        assert begin(db, owner, "before", **terms)["status"] == "open"
        db.query(SYSTEM, f"update public.{change}")
    with refused("PT404", match="is not sold"):
        begin(db, owner, **terms)


def test_plan_in_two_currencies__needs_one(db: Database, owner: Actor) -> None:
    db.query(
        SYSTEM,
        "insert into public.plan_prices "
        "(plan_code, interval, provider, provider_price_id, amount, currency) "
        "values ('pro', 'month', 'stripe', 'price_euro', 1100, 'EUR')",
    )
    with refused("PT400", match="several currencies") as caught:
        begin(db, owner)
    assert detail(caught) == {"currencies": ["EUR", "USD"]}
    assert begin(db, owner, currency="EUR")["price_id"] == "price_euro"


# Who may -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("identity", ["leaving", "blocked"])
def test_account_that_is_not_active__buys_nothing(
    db: Database, owner: Actor, identity: str
) -> None:
    begin(db, owner, "before")
    db.make_inactive(identity, owner)
    for key in ("before", "after"):
        with refused("PT403"):
            begin(db, owner, key)
    with refused("PT403"):
        db.query(SERVICE, "select worker.billing_portal(%s)", owner.user_id)


def test_account_that_is_gone__buys_nothing(db: Database) -> None:
    with refused("PT403"):
        begin(db, db.add_deleted_user("gone"))
    with refused("PT403"):
        begin(db, Actor("nobody", "authenticated", None))


def test_users__begin_nothing_by_themselves(db: Database, owner: Actor) -> None:
    with refused("42501", match=NO_GRANT):
        begin(db, owner, actor=owner)


@pytest.mark.parametrize("status", ["trialing", "active", "past_due", "paused", "unpaid"])
def test_plan_that_runs__is_not_sold_again(db: Database, owner: Actor, status: str) -> None:
    row = subscribe(db, owner, status=status, provider="razorpay")
    with refused("PT409", match="subscribed to pro") as caught:
        begin(db, owner)
    assert detail(caught) == {
        "reason": "already-subscribed",
        "plan": "pro",
        "subscription_id": str(row["id"]),
        "provider": "razorpay",
        "status": status,
    }
    assert rows(db, owner) == []
    with refused("PT409", match="subscribed to pro") as caught:
        begin(db, owner, "k2", code="career")
    assert "cancel it there" in (caught.value.diag.message_hint or "")
    assert begin(db, owner, "k3", **TOKENS)["code"] == "small"


def test_another_plan__may_follow_on_one_that_ends(db: Database, owner: Actor) -> None:
    subscribe(db, owner, cancel_at_period_end=True)
    assert begin(db, owner, "k2", code="career")["code"] == "career"
    with refused("PT409", match="subscribed to pro"):
        begin(db, owner)


def test_superseded_plan__counts_while_its_provider_runs_it(db: Database, owner: Actor) -> None:
    subscribe(db, owner, superseded_at="now")
    with refused("PT409"):
        begin(db, owner)


@pytest.mark.parametrize(
    "columns",
    [
        {"status": "incomplete"},
        {"status": "canceled"},
        {"status": "expired"},
        {"provider": "manual", "provider_subscription_id": None},
    ],
)
def test_plan_that_nobody_charges_for__is_sold(
    db: Database, owner: Actor, stranger: Actor, columns: dict[str, Any]
) -> None:
    subscribe(db, owner, **columns)
    subscribe(db, stranger, "sub_theirs")
    assert begin(db, owner)["status"] == "open"


def test_checkouts__are_limited_until_the_provider_was_asked(
    db: Database, owner: Actor, stranger: Actor
) -> None:
    sql = (
        'update public.global_config set value = value || \'{"checkout": '
        '{"limit": 3, "seconds": 600}}\' where key = \'rate_limits\''
    )
    assert db.affected(SYSTEM, sql) == 1
    first = begin(db, owner)
    begin(db, owner)
    open_(db, first, "cs_1")
    for _ in range(3):
        begin(db, owner)
    begin(db, owner, "k2")
    for key in ("k2", "k3"):
        with refused("PT429"):
            begin(db, owner, key)
    assert begin(db, owner)["checkout_id"] == "cs_1"
    assert begin(db, stranger)["status"] == "open"
