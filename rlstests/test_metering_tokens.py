"""Room metering, tokens: the sum of the ledger is the balance, and the ledger is history."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID, uuid4

import psycopg
import pytest

from cli.stack.status import StackStatus
from rlstests.actors import SYSTEM, Actor, Database, refused
from rlstests.metering_helpers import move

USE = str(uuid4())


def balance(db: Database, user: Actor) -> tuple[int, int, int]:
    """Balance, tokens ever bought, debt."""
    row = db.one(user, "select * from public.token_balances where user_id = %s", user.user_id)
    return row["current_balance"], row["total_purchased"], row["debt"]


def test_signup__makes_an_empty_balance(db: Database, owner: Actor) -> None:
    assert balance(db, owner) == (0, 0, 0)


def test_ledger__moves_the_balance_and_notes_it(
    db: Database, owner: Actor, stranger: Actor
) -> None:
    assert move(db, owner, 100, "purchase", balance_after=7)["balance_after"] == 100
    assert move(db, owner, 20, "grant")["balance_after"] == 120
    assert move(db, owner, -25, "usage", usage_event_id=USE)["balance_after"] == 95
    assert move(db, owner, 25, "refund", usage_event_id=USE)["balance_after"] == 120
    assert move(db, owner, -5, "adjustment")["balance_after"] == 115
    assert balance(db, owner) == (115, 100, 0)
    assert balance(db, stranger) == (0, 0, 0)


@pytest.mark.parametrize("status", ["pending", "failed"])
def test_attempt__leaves_the_balance_as_it_was(db: Database, owner: Actor, status: str) -> None:
    move(db, owner, 10, "grant")
    assert move(db, owner, 100, "purchase", status=status)["balance_after"] == 10
    move(db, owner, 0, "refund", debt_change=5, status=status)
    assert balance(db, owner) == (10, 0, 0)


def test_balance__never_falls_below_zero(db: Database, owner: Actor) -> None:
    move(db, owner, 10, "grant")
    with refused("23514", match="token_balances_current_balance_check"):
        move(db, owner, -11, "usage", usage_event_id=USE)
    assert balance(db, owner) == (10, 0, 0)
    assert move(db, owner, -10, "usage", usage_event_id=USE)["balance_after"] == 0


def test_refund_of_spent_tokens__is_a_debt_until_it_is_made_good(
    db: Database, owner: Actor
) -> None:
    move(db, owner, 100, "purchase", reference="stripe:1")
    move(db, owner, -70, "usage", usage_event_id=USE)
    move(db, owner, -30, "refund", debt_change=70, reference="stripe:1")
    assert balance(db, owner) == (0, 100, 70)
    move(db, owner, 0, "refund", debt_change=10, reference="stripe:2")
    move(db, owner, 100, "purchase", reference="stripe:3")
    move(db, owner, -80, "adjustment", debt_change=-80)
    assert balance(db, owner) == (20, 200, 0)
    with refused("23514", match="token_balances_debt_check"):
        move(db, owner, -1, "adjustment", debt_change=-1)


@pytest.mark.parametrize("change", ["current_balance = 5", "total_purchased = 5", "debt = 5"])
def test_balance__moves_with_the_ledger_only(db: Database, owner: Actor, change: str) -> None:
    sql = f"update public.token_balances set {change} where user_id = %s"
    with refused("P0001", match="moves only with a row of token_transactions"):
        db.query(SYSTEM, sql, owner.user_id)


def test_balance__starts_empty(db: Database, owner: Actor) -> None:
    db.query(SYSTEM, "delete from public.token_balances where user_id = %s", owner.user_id)
    add = "insert into public.token_balances (user_id, {}) values (%s, 5)"
    for column in ("current_balance", "total_purchased", "debt"):
        with refused("P0001", match="moves only with"):
            db.query(SYSTEM, add.format(column), owner.user_id)
    with refused("P0001", match="has no token balance"):
        move(db, owner, 5, "grant")


@pytest.mark.parametrize(
    "change",
    [
        "amount = 6",
        "balance_after = 6",
        "description = 'x'",
        "status = 'failed'",
        "reference = 'x'",
    ],
)
def test_ledger__is_history(db: Database, owner: Actor, change: str) -> None:
    row = move(db, owner, 5, "grant")
    with refused("P0001", match="is history"):
        db.query(SYSTEM, f"update public.token_transactions set {change} where id = %s", row["id"])
    with refused("P0001", match="is history"):
        db.query(SYSTEM, "delete from public.token_transactions where id = %s", row["id"])
    db.query(SYSTEM, "delete from auth.users where id = %s", owner.user_id)
    sql = "select 1 from public.token_transactions where id = %s"
    assert db.query(SYSTEM, sql, row["id"]) == []


@pytest.mark.parametrize(
    ("kind", "amount", "columns"),
    [
        ("purchase", -1, {"status": "failed"}),
        ("grant", -1, {}),
        ("usage", 1, {"usage_event_id": USE}),
        ("usage", -1, {}),
        ("refund", 1, {}),
        ("refund", -1, {"usage_event_id": USE}),
        ("adjustment", 0, {}),
        ("adjustment", -1, {"usage_event_id": USE}),
        ("purchase", 1, {"usage_event_id": USE}),
        ("purchase", 1, {"debt_change": 1}),
        ("grant", 1, {"debt_change": 1}),
        ("usage", -1, {"usage_event_id": USE, "debt_change": 1}),
        ("gift", 1, {}),
        ("grant", 1, {"status": "done"}),
        ("grant", 1, {"reference": ""}),
        ("grant", 1, {"reference": "x" * 301}),
        ("grant", 1, {"description": "x" * 501}),
    ],
)
def test_ledger__refuses_a_row_that_cannot_be(
    db: Database, owner: Actor, kind: str, amount: int, columns: dict[str, object]
) -> None:
    move(db, owner, 10, "grant", reference="x" * 300, description="x" * 500)
    with refused("23514", match='"token_transactions"'):
        move(db, owner, amount, kind, **columns)
    assert balance(db, owner) == (10, 0, 0)


def test_feature_type__is_an_operation(db: Database, owner: Actor) -> None:
    move(db, owner, 10, "grant")
    with refused("23503"):
        move(db, owner, -1, "usage", usage_event_id=USE, feature_type="unheard_of")
    move(db, owner, -1, "usage", usage_event_id=USE, feature_type="interview")


def test_payment__is_credited_once_and_its_refund_debited_once(
    db: Database, owner: Actor, stranger: Actor
) -> None:
    move(db, owner, 10, "purchase", reference="stripe:pi_1", status="pending")
    move(db, owner, 10, "purchase", reference="stripe:pi_1")
    move(db, owner, -5, "refund", reference="stripe:pi_1")
    for user in (owner, stranger):
        with refused("23505", match="token_transactions_reference_key"):
            move(db, user, 10, "purchase", reference="stripe:pi_1")
    with refused("23505", match="token_transactions_reference_key"):
        move(db, owner, -5, "refund", reference="stripe:pi_1")
    assert balance(db, owner) == (5, 10, 0)


def test_use__is_paid_once_and_given_back_once(db: Database, owner: Actor) -> None:
    move(db, owner, 100, "grant")
    for kind, amount in (("usage", -10), ("refund", 10)):
        move(db, owner, amount, kind, usage_event_id=USE)
        with refused("23505", match="token_transactions_usage_event_id_key"):
            move(db, owner, amount, kind, usage_event_id=USE)
    assert balance(db, owner) == (100, 0, 0)


def test_tokens_out_of_nothing__are_audited_and_the_rest_is_not(db: Database, owner: Actor) -> None:
    move(db, owner, 100, "purchase")
    move(db, owner, -1, "usage", usage_event_id=USE)
    made = [move(db, owner, 5, "grant"), move(db, owner, -5, "adjustment")]
    entries = db.query(
        SYSTEM,
        "select entity_id, changes -> 'after' ->> 'amount' as amount from public.audit_logs "
        "where owner_id = %s and action = 'token_transactions.insert'",
        owner.user_id,
    )
    assert {(e["entity_id"], e["amount"]) for e in entries} == {
        (str(made[0]["id"]), "5"),
        (str(made[1]["id"]), "-5"),
    }


@pytest.fixture
def holder(stack: StackStatus) -> Iterator[tuple[str, UUID]]:
    """A user with five tokens whom other connections see too; deleted after the test."""
    user_id = uuid4()
    with psycopg.connect(stack.db_url, autocommit=True) as connection:
        connection.execute("insert into auth.users (id) values (%s)", (user_id,))
        connection.execute(
            "insert into public.token_transactions (user_id, amount, transaction_type) "
            "values (%s, 5, 'grant')",
            (user_id,),
        )
        yield stack.db_url, user_id
        connection.execute("delete from auth.users where id = %s", (user_id,))


def test_many_connections_at_once__spend_what_there_is(holder: tuple[str, UUID]) -> None:
    db_url, user_id = holder

    def spend(_: int) -> str:
        try:
            with psycopg.connect(db_url, options="-c lock_timeout=20s") as connection:
                connection.execute(
                    "insert into public.token_transactions "
                    "(user_id, amount, transaction_type, usage_event_id) "
                    "values (%s, -1, 'usage', gen_random_uuid())",
                    (user_id,),
                )
        except psycopg.Error as error:
            return str(error.sqlstate)
        return "spent"

    with ThreadPoolExecutor(16) as pool:
        assert sorted(pool.map(spend, range(16))) == ["23514"] * 11 + ["spent"] * 5
    with psycopg.connect(db_url) as connection:
        row = connection.execute(
            "select b.current_balance, sum(t.amount), min(t.balance_after), count(*) "
            "from public.token_balances b join public.token_transactions t using (user_id) "
            "where b.user_id = %s group by 1",
            (user_id,),
        ).fetchone()
    assert row == (0, 0, 0, 6)
