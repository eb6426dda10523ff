"""Room billing, payments: one row each, for something of the same user, and never backwards."""

from typing import Any

import pytest

from rlstests.actors import Actor, Database, refused
from rlstests.billing_rows import change, pay, subscribe


@pytest.mark.parametrize(
    "columns",
    [
        {"provider": "manual"},
        {"provider_payment_id": ""},
        {"provider_payment_id": "x" * 256},
        {"kind": "gift"},
        {"kind": "subscription"},
        {"kind": "subscription", "tokens": None, "token_pack_code": "small"},
        {"tokens": None},
        {"tokens": 0},
        {"amount": -1},
        {"currency": "usd"},
        {"status": "open"},
        {"refunded_amount": 1},
        {"status": "failed", "refunded_amount": 1},
        {"status": "succeeded", "refunded_amount": 201},
        {"status": "succeeded", "refunded_amount": -1},
        {"status": "refunded", "refunded_amount": 199},
        {"status": "succeeded", "paid_at": None},
        {"status": "refunded", "refunded_amount": 200, "paid_at": None},
        {"failure_reason": "x" * 1001},
    ],
)
def test_payment__must_be_possible(db: Database, owner: Actor, columns: dict[str, Any]) -> None:
    with refused("23514"):
        pay(db, owner, **columns)
    pay(db, owner, status="succeeded", refunded_amount=199, token_pack_code="small")


def test_payment__is_for_a_subscription_of_the_same_user(
    db: Database, owner: Actor, stranger: Actor
) -> None:
    mine, theirs = subscribe(db, owner), subscribe(db, stranger, "sub_2")
    columns: dict[str, Any] = {"kind": "subscription", "tokens": None}
    with refused("23503", match="payments_subscription_fkey"):
        pay(db, owner, subscription_id=theirs["id"], **columns)
    with refused("23514", match="payments_purpose_check"):
        pay(db, owner, subscription_id=mine["id"])
    row = pay(db, owner, **columns)
    # Razorpay tells of the payment first, and of the subscription it was for later.
    assert change(db, "payments", row, "subscription_id = %s", mine["id"]) == 1
    with refused("23503"):
        pay(db, owner, "pi_2", token_pack_code="unheard_of")


@pytest.mark.parametrize(
    ("status", "assignment", "message"),
    [
        ("pending", "provider = 'razorpay'", "another one"),
        ("pending", "provider_payment_id = 'pi_2'", "another one"),
        ("pending", "created_at = now() - interval '1 day'", "another one"),
        ("pending", "id = gen_random_uuid()", "another one"),
        ("succeeded", "status = 'pending'", "cannot become pending"),
        ("succeeded", "status = 'failed'", "cannot become failed"),
        ("succeeded", "refunded_amount = 0", "moves forward only"),
        ("succeeded", "tokens = 101", "what it was for"),
        ("succeeded", "amount = 300", "what it was for"),
        ("succeeded", "currency = 'EUR'", "what it was for"),
        ("succeeded", "token_pack_code = 'small'", "what it was for"),
        ("succeeded", "kind = 'subscription', tokens = null", "what it was for"),
        ("refunded", "status = 'succeeded'", "cannot become succeeded"),
        ("refunded", "tokens = 101", "what it was for"),
    ],
)
def test_payment__moves_forward_only(
    db: Database, owner: Actor, status: str, assignment: str, message: str
) -> None:
    refunds = {"pending": 0, "succeeded": 50, "refunded": 200}
    row = pay(db, owner, status=status, refunded_amount=refunds[status])
    with refused("P0001", match=message):
        change(db, "payments", row, assignment)


def test_failed_payment__may_still_succeed_and_be_refunded(db: Database, owner: Actor) -> None:
    row = pay(db, owner, status="failed", failure_reason="Card declined.")
    for assignment in (
        "amount = 300, tokens = 150",
        "status = 'succeeded', paid_at = now(), failure_reason = null",
        "refunded_amount = 100",
        "status = 'refunded', refunded_amount = 300",
    ):
        assert change(db, "payments", row, assignment) == 1
