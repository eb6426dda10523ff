"""Room billing, tokens: a payment gives what it paid for once, and takes it back once."""

from typing import Any

import pytest

from rlstests.actors import SYSTEM, Actor, Database, Row, refused
from rlstests.billing_changes import (
    Change,
    applied,
    apply,
    at,
    balance,
    begin_checkout,
    payment,
    subscription,
)


def moves(db: Database, user: Actor) -> list[tuple[Any, ...]]:
    rows = db.query(
        SYSTEM,
        "select * from public.token_transactions where user_id = %s order by reference, amount",
        user.user_id,
    )
    return [(r["transaction_type"], r["amount"], r["debt_change"], r["reference"]) for r in rows]


def spend(db: Database, user: Actor, amount: int) -> None:
    db.query(
        SYSTEM,
        "insert into public.token_transactions (user_id, amount, transaction_type) "
        "values (%s, %s, 'adjustment')",
        user.user_id,
        -amount,
    )


def paid(db: Database, payment_id: str = "pi_1") -> Row:
    sql = "select * from public.payments where provider_payment_id = %s"
    return db.one(SYSTEM, sql, payment_id)


def refund(user: Actor, amount: int, **more: Any) -> Change:
    return payment(
        user, "succeeded", at(days=1), refunded_amount=amount, kind=None, price_id=None, **more
    )


def test_payment__credits_what_its_price_says_once(db: Database, owner: Actor) -> None:
    for status in ("pending", "failed", "succeeded", "succeeded", "failed", "pending"):
        applied(db, payment(owner, status, at()))
    assert balance(db, owner) == (100, 0, 100)
    assert moves(db, owner) == [("purchase", 100, 0, "stripe:pi_1")]
    row = paid(db)
    assert (row["kind"], row["token_pack_code"], row["tokens"]) == ("tokens", "small", 100)
    assert (row["status"], row["failed_at"]) == ("succeeded", None)


def test_payment_that_is_not_there_yet__credits_nothing(db: Database, owner: Actor) -> None:
    for status in ("pending", "failed"):
        applied(db, payment(owner, status, at(), failure_reason="No funds."))
        assert balance(db, owner) == (0, 0, 0)
    row = paid(db)
    assert (row["status"], row["failure_reason"], row["paid_at"]) == ("failed", "No funds.", None)


@pytest.mark.parametrize(
    "less",
    [
        {"amount": 199},
        {"amount": 0},
        {"currency": "INR"},
        {"amount": 1499, "price_id": "pack_local_large"},
        {"amount": 199, "status": "pending"},
    ],
)
@pytest.mark.parametrize("has_checkout", [True, False])
def test_payment_that_is_too_small__buys_nothing(
    db: Database, owner: Actor, less: Row, has_checkout: bool
) -> None:
    pack = "large" if "price_id" in less else "small"
    begin_checkout(db, owner, "cs_1", pack=pack)
    change = payment(owner, "succeeded", at(), checkout_id="cs_1" if has_checkout else None)
    with refused("PT422", match="tokens cost"):
        apply(db, change | less)
    assert balance(db, owner) == (0, 0, 0)
    assert db.query(SYSTEM, "select 1 from public.payments") == []
    assert applied(db, change | {"price_id": f"pack_local_{pack}", "amount": 1500}) == ["applied"]


def test_what_a_payment_says_of_itself__buys_nothing(
    db: Database, owner: Actor, stranger: Actor
) -> None:
    begin_checkout(db, owner, "order_1", provider="razorpay")
    # Whoever pays may write any note: another user, a larger pack, a kind.
    lies = {
        "provider": "razorpay",
        "currency": "INR",
        "amount": 9900,
        "user_id": str(stranger.user_id),
        "price_id": "pack_local_large",
        "kind": "subscription",
    }
    applied(db, payment(owner, "succeeded", at(), checkout_id="order_1", **lies))
    assert balance(db, owner) == (100, 0, 100)
    assert balance(db, stranger) == (0, 0, 0)
    customers = db.query(SYSTEM, "select 1 from public.billing_customers")
    assert customers == []


def test_word_of_less_after_a_purchase__takes_no_more_than_was_paid(
    db: Database, owner: Actor
) -> None:
    applied(db, payment(owner, "pending", at()))
    with refused("PT422", match="tokens cost 200 USD"):
        apply(db, payment(owner, "succeeded", at(), amount=1, kind=None, price_id=None))
    applied(db, payment(owner, "succeeded", at(), kind=None, price_id=None))
    assert balance(db, owner) == (100, 0, 100)


@pytest.mark.parametrize(
    ("steps", "taken"),
    [
        ([200], [100]),
        ([66, 133, 200], [33, 33, 34]),
        ([1], []),
        ([1, 3], [1]),
        ([50, 50, 20, 200], [25, 75]),
    ],
)
def test_refunds__take_back_their_share_and_add_up(
    db: Database, owner: Actor, steps: list[int], taken: list[int]
) -> None:
    applied(db, payment(owner, "succeeded", at()))
    for amount in steps:
        applied(db, refund(owner, amount))
    back = [-amount for kind, amount, _, _ in moves(db, owner) if kind == "refund"]
    assert sorted(back) == sorted(taken)
    assert balance(db, owner) == (100 - sum(taken), 0, 100)
    row = paid(db)
    assert row["refunded_amount"] == max(steps)
    assert row["status"] == ("refunded" if max(steps) == 200 else "succeeded")


def test_refund_of_what_was_spent__becomes_debt_that_the_next_purchase_pays(
    db: Database, owner: Actor
) -> None:
    applied(db, payment(owner, "succeeded", at()))
    spend(db, owner, 70)
    applied(db, refund(owner, 200))
    applied(db, refund(owner, 200))
    assert balance(db, owner) == (0, 70, 100)
    applied(db, payment(owner, "succeeded", at(days=2), payment_id="pi_2"))
    assert balance(db, owner) == (30, 0, 200)
    assert moves(db, owner)[1:] == [
        ("refund", -30, 70, "stripe:pi_1:200"),
        ("adjustment", -70, -70, "stripe:pi_2"),
        ("purchase", 100, 0, "stripe:pi_2"),
        ("adjustment", -70, 0, None),
    ]


def test_large_debt__takes_several_purchases(db: Database, owner: Actor) -> None:
    large = {"price_id": "pack_local_large", "amount": 1500}
    applied(db, payment(owner, "succeeded", at(), **large))
    spend(db, owner, 1000)
    applied(db, refund(owner, 1500) | {"amount": 1500})
    for number, debt in ((2, 900), (3, 800)):
        applied(db, payment(owner, "succeeded", at(), payment_id=f"pi_{number}"))
        assert balance(db, owner)[:2] == (0, debt)


def test_refund_before_its_payment__comes_to_the_same(db: Database, owner: Actor) -> None:
    assert apply(db, refund(owner, 50))["status"] == "parked"
    begin_checkout(db, owner, "cs_1")
    applied(db, refund(owner, 50, checkout_id="cs_1"))
    applied(db, payment(owner, "succeeded", at(), checkout_id="cs_1"))
    assert balance(db, owner) == (75, 0, 100)


def test_more_given_back_than_paid__is_malformed(db: Database, owner: Actor) -> None:
    applied(db, payment(owner, "succeeded", at()))
    with refused("PT422", match="no change"):
        apply(db, refund(owner, 201))
    assert balance(db, owner) == (100, 0, 100)


def test_payment_by_another_id__is_the_same_one(db: Database, owner: Actor) -> None:
    applied(db, payment(owner, "succeeded", at(), other_ids=["ch_1", "pi_1", "ch_1"]))
    applied(db, refund(owner, 100) | {"payment_id": "ch_1"})
    applied(db, refund(owner, 200) | {"payment_id": "re_1", "other_ids": ["unheard_of", "ch_1"]})
    assert balance(db, owner) == (0, 0, 100)
    assert paid(db)["status"] == "refunded"
    aliases = db.query(SYSTEM, "select alias from private.payment_aliases order by alias")
    assert [a["alias"] for a in aliases] == ["ch_1", "re_1", "unheard_of"]


def test_pack_that_changes__leaves_what_was_bought(db: Database, owner: Actor) -> None:
    applied(db, payment(owner, "pending", at()))
    db.query(SYSTEM, "update public.token_packs set tokens = 1 where code = 'small'")
    applied(db, payment(owner, "succeeded", at()))
    assert balance(db, owner) == (100, 0, 100)
    begin_checkout(db, owner, "cs_2")
    db.query(SYSTEM, "update public.token_packs set tokens = 500 where code = 'small'")
    db.query(SYSTEM, "update public.token_pack_prices set amount = 900 where provider = 'stripe'")
    applied(db, payment(owner, "succeeded", at(), payment_id="pi_2", checkout_id="cs_2"))
    assert balance(db, owner) == (101, 0, 101)


def test_payment_of_a_subscription__credits_no_tokens(db: Database, owner: Actor) -> None:
    bill = payment(
        owner, "succeeded", at(), kind="subscription", price_id=None, subscription_id="sub_1"
    )
    applied(db, bill)
    assert paid(db)["subscription_id"] is None
    applied(db, subscription(owner, "active", at()))
    row = db.one(SYSTEM, "select * from public.subscriptions where user_id = %s", owner.user_id)
    assert paid(db)["subscription_id"] == row["id"]
    assert balance(db, owner) == (0, 0, 0)
    # Another one of it, of which nobody says what it is for.
    applied(db, {**bill, "payment_id": "pi_2", "kind": None})
    assert paid(db, "pi_2")["kind"] == "subscription"


def test_payment__stays_with_the_user_who_made_it(
    db: Database, owner: Actor, stranger: Actor
) -> None:
    applied(db, payment(owner, "pending", at()))
    applied(db, payment(stranger, "succeeded", at()))
    assert (balance(db, owner)[0], balance(db, stranger)[0]) == (100, 0)


def credit(db: Database, user: Actor, amount: int, reference: str | None) -> Any:
    sql = "select private.credit_tokens(%s, %s, 'grant', %s, 'For a test.')"
    return db.value(SYSTEM, sql, user.user_id, amount, reference)


def debit(db: Database, user: Actor, amount: int, reference: str) -> Any:
    sql = "select private.debit_tokens(%s, %s, %s, 'For a test.')"
    return db.value(SYSTEM, sql, user.user_id, amount, reference)


def test_credit_and_debit__happen_once_for_each_reference(db: Database, owner: Actor) -> None:
    first = credit(db, owner, 10, "a")
    assert first is not None
    assert credit(db, owner, 10, "a") is None
    assert credit(db, owner, 5, None) is not None
    assert credit(db, owner, 5, None) is not None
    assert debit(db, owner, 30, "a") is not None
    assert debit(db, owner, 30, "a") is None
    assert balance(db, owner) == (0, 10, 0)
    assert credit(db, owner, 4, "b") is not None
    assert balance(db, owner) == (0, 6, 0)
    row = db.one(SYSTEM, "select * from public.token_transactions where id = %s", first)
    assert (row["transaction_type"], row["amount"], row["reference"]) == ("grant", 10, "a")
    assert db.query(SYSTEM, "select * from private.unbalanced_ledgers()") == []
