"""Room metering, tokens in use: they pay where the plan allows no more, and come back once."""

from uuid import UUID

import pytest

from rlstests.actors import SYSTEM, Actor, Database, refused
from rlstests.metering_helpers import (
    add_operation,
    balance,
    counters,
    detail,
    event_row,
    ledger,
    move,
    put_on_plan,
    release,
    reserve,
    set_limit,
    settle,
    state,
    use,
    used,
)


@pytest.fixture
def spent(db: Database, owner: Actor) -> Actor:
    """The owner, whose plan allows no more résumés to be read; that costs 5 tokens."""
    use(db, owner, times=5)
    return owner


def test_tokens__pay_where_the_plan_allows_no_more(
    db: Database, spent: Actor, stranger: Actor
) -> None:
    move(db, spent, 12)
    move(db, stranger, 12)
    event = event_row(db, use(db, spent))
    assert (event["source"], event["credits_used"], event["state"]) == ("tokens", 5, "reserved")
    assert (event["period_type"], event["period_key"], event["charges"]) == (
        "lifetime",
        "lifetime",
        [],
    )
    assert balance(db, spent) == (7, 0)
    paid = db.one(
        SYSTEM,
        "select * from public.token_transactions where usage_event_id = %s",
        event["id"],
    )
    assert (paid["user_id"], paid["amount"], paid["balance_after"]) == (spent.user_id, -5, 7)
    assert (paid["transaction_type"], paid["feature_type"]) == ("usage", "resume_parse")
    # The plan counts what the plan paid for.
    assert used(db, spent) == 5
    assert balance(db, stranger) == (12, 0)


def test_plan__pays_first(db: Database, owner: Actor) -> None:
    move(db, owner, 100)
    event = event_row(db, use(db, owner))
    assert (event["source"], event["credits_used"]) == ("plan", 1)
    assert balance(db, owner) == (100, 0)


def test_last_token__is_spent_and_not_one_more(db: Database, spent: Actor) -> None:
    move(db, spent, 9)
    use(db, spent)
    with refused("PT402") as caught:
        reserve(db, spent)
    assert detail(caught) == {
        "meter": "ai_actions",
        "limit": 5,
        "used": 5,
        "period": "lifetime",
        "token_cost": 5,
        "balance": 4,
    }
    assert caught.value.diag.message_hint == (
        "With tokens it costs 5, and you have 4: buy tokens, or choose a larger plan."
    )
    assert balance(db, spent) == (4, 0)
    move(db, spent, 1)
    use(db, spent)
    assert balance(db, spent) == (0, 0)


def test_balance_of_a_refusal__is_that_of_who_asks(
    db: Database, owner: Actor, stranger: Actor
) -> None:
    for user, tokens in ((owner, 23), (stranger, 24)):
        move(db, user, tokens)
    for user, tokens in ((owner, 23), (stranger, 24)):
        with refused("PT402") as caught:
            reserve(db, user, code="interview")
        assert detail(caught)["balance"] == tokens


def test_what_is_not_sold_for_tokens__stays_refused(db: Database, owner: Actor) -> None:
    move(db, owner, 1000)
    set_limit(db, "generations", "day", 0)
    with refused("PT402", match="allows 0 generations in this day and 0 are used") as caught:
        reserve(db, owner, code="generation")
    assert (detail(caught)["token_cost"], detail(caught)["balance"]) == (0, 1000)
    assert (caught.value.diag.message_hint or "").startswith("Tokens do not help here")
    assert balance(db, owner) == (1000, 0)


def test_operation_that_the_plan_leaves_out__is_paid_with_tokens(
    db: Database, owner: Actor
) -> None:
    add_operation(db, "extra", ["extra"], token_cost=7)
    with refused("PT402", match="does not include extra") as caught:
        reserve(db, owner, code="extra")
    nothing = {"meter": None, "limit": 0, "used": 0, "period": None}
    assert detail(caught) == nothing | {"token_cost": 7, "balance": 0}
    assert "tokens it costs 7" in (caught.value.diag.message_hint or "")
    move(db, owner, 7)
    assert event_row(db, use(db, owner, "extra"))["source"] == "tokens"
    assert counters(db, owner) == {}


@pytest.mark.parametrize("code", ["unheard_of", "resume_parse"])
def test_operation_that_is_not_sold__is_refused_whoever_pays(
    db: Database, owner: Actor, admin: Actor, code: str
) -> None:
    db.query(SYSTEM, "update public.operations set is_active = false where code = 'resume_parse'")
    for user in (owner, admin):
        move(db, user, 1000)
        with refused("PT402", match=f"does not include {code}") as caught:
            reserve(db, user, code=code)
        assert detail(caught)["balance"] == 1000
        assert "do not help" in (caught.value.diag.message_hint or "")
        assert balance(db, user) == (1000, 0)


def test_counters__stay_as_they_were_when_a_later_limit_refuses(
    db: Database, owner: Actor, stranger: Actor
) -> None:
    # In the order of meters: alpha by day and by month, beta is the one that refuses, then gamma.
    add_operation(db, "scan", ["gamma", "beta", "alpha"], token_cost=3)
    for meter, period, limit in (
        ("alpha", "day", 9),
        ("alpha", "month", None),
        ("beta", "day", 1),
        ("gamma", "day", 9),
    ):
        set_limit(db, meter, period, limit)
    use(db, stranger, "scan")
    use(db, owner, "scan")
    before = counters(db, owner)
    assert set(before.values()) == {1} and len(before) == 4
    with refused("PT402", match="allows 1 beta"):
        reserve(db, owner, code="scan")
    assert counters(db, owner) == before
    move(db, owner, 3)
    event = use(db, owner, "scan")
    assert event_row(db, event)["source"] == "tokens"
    assert counters(db, owner) == before == counters(db, stranger)
    release(db, event)
    assert counters(db, owner) == before


def test_first_use_under_a_limit_of_nothing__makes_no_counter(db: Database, owner: Actor) -> None:
    move(db, owner, 25)
    event = event_row(db, use(db, owner, "interview"))
    assert (event["source"], event["credits_used"]) == ("tokens", 25)
    assert used(db, owner, "interviews") == 0
    assert balance(db, owner) == (0, 0)


def test_released_use__gives_its_tokens_back_once(db: Database, spent: Actor) -> None:
    move(db, spent, 5)
    event = use(db, spent)
    assert balance(db, spent) == (0, 0)
    assert [release(db, event), release(db, event), settle(db, event)] == [True, False, False]
    assert balance(db, spent) == (5, 0)
    assert ledger(db, spent) == [("grant", 5, 0), ("refund", 5, 0), ("usage", -5, 0)]
    assert used(db, spent) == 5
    assert state(db, event) == "released"
    refund = db.one(
        SYSTEM,
        "select feature_type, usage_event_id from public.token_transactions "
        "where transaction_type = 'refund'",
    )
    assert refund == {"feature_type": "resume_parse", "usage_event_id": event}


def test_settled_use__keeps_its_tokens(db: Database, spent: Actor) -> None:
    move(db, spent, 5)
    event = use(db, spent)
    assert [settle(db, event), release(db, event)] == [True, False]
    assert balance(db, spent) == (0, 0)


def test_refund__is_what_was_paid_whatever_it_costs_now(db: Database, spent: Actor) -> None:
    move(db, spent, 5)
    event = use(db, spent)
    db.query(SYSTEM, "update public.operations set token_cost = 50 where code = 'resume_parse'")
    release(db, event)
    assert balance(db, spent) == (5, 0)


def test_use_paid_by_the_plan__gives_no_tokens_back(db: Database, owner: Actor) -> None:
    release(db, use(db, owner))
    assert ledger(db, owner) == []


def owe(db: Database, user: Actor, tokens: int) -> None:
    """A payment was given back after its tokens were spent."""
    move(db, user, 0, "refund", debt_change=tokens)


@pytest.mark.parametrize(
    ("debt", "left", "ledger_rows"),
    [(3, (2, 0), [("adjustment", -3, -3)]), (5, (0, 0), [("adjustment", -5, -5)])]
    + [(8, (0, 3), [("adjustment", -5, -5)])],
)
def test_debt__is_made_good_from_tokens_that_come_back(
    db: Database,
    spent: Actor,
    debt: int,
    left: tuple[int, int],
    ledger_rows: list[tuple[str, int, int]],
) -> None:
    move(db, spent, 5)
    event: UUID = use(db, spent)
    owe(db, spent, debt)
    release(db, event)
    assert balance(db, spent) == left
    assert [row for row in ledger(db, spent) if row[0] == "adjustment"] == ledger_rows


def test_debt__is_paid_by_its_own_user_as_far_as_the_balance_goes(
    db: Database, owner: Actor, stranger: Actor
) -> None:
    for user in (owner, stranger):
        owe(db, user, 4)
    pay = "select private.pay_token_debt(%s)"
    assert db.value(SYSTEM, pay, owner.user_id) == 0
    move(db, owner, 10)
    assert [db.value(SYSTEM, pay, owner.user_id) for _ in range(2)] == [4, 0]
    assert (balance(db, owner), balance(db, stranger)) == ((6, 0), (0, 4))
    assert db.value(SYSTEM, pay, None) == 0


def test_same_key__draws_tokens_once(db: Database, spent: Actor) -> None:
    move(db, spent, 10)
    first = reserve(db, spent, "k")
    again = reserve(db, spent, "k")
    assert again == {"usage_event_id": first["usage_event_id"], "is_replay": True}
    assert balance(db, spent) == (5, 0)


def test_larger_plan__pays_before_tokens_again(db: Database, spent: Actor) -> None:
    move(db, spent, 10)
    use(db, spent)
    put_on_plan(db, spent, "pro")
    assert event_row(db, use(db, spent))["source"] == "plan"
    assert balance(db, spent) == (5, 0)
