"""Room metering, prices that admins set: what is sold changes, what was sold stays."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from cli.stack.status import StackStatus
from rlstests.actors import ANON, NO_GRANT, SERVICE, SYSTEM, Actor, Database, Row, refused
from rlstests.billing_rows import subscribe
from rlstests.sessions import session

PLAN: dict[str, Any] = {
    "plan": "pro",
    "interval": "month",
    "provider": "stripe",
    "currency": "USD",
    "amount": 1500,
    "price_id": "price_new",
}
PACK: dict[str, Any] = {
    "pack": "small",
    "provider": "stripe",
    "currency": "USD",
    "amount": 300,
    "price_id": "price_pack",
}


def set_price(db: Database, actor: Actor, **values: object) -> Row:
    sql = "select * from public.admin_set_plan_price(%s, %s, %s, %s, %s, %s)"
    return db.one(actor, sql, *{**PLAN, **values}.values())


def set_pack_price(db: Database, actor: Actor, **values: object) -> Row:
    sql = "select * from public.admin_set_token_pack_price(%s, %s, %s, %s, %s)"
    return db.one(actor, sql, *{**PACK, **values}.values())


def sold(db: Database, table: str, code: str) -> set[tuple[Any, ...]]:
    """What is sold of a plan or a pack, as (provider, currency, amount, id)."""
    column = "plan_code" if table == "plan_prices" else "pack_code"
    rows = db.query(
        SYSTEM,
        "select provider, currency, amount, provider_price_id as id "
        f"from public.{table} where {column} = %s and is_active",
        code,
    )
    return {tuple(row.values()) for row in rows}


@pytest.mark.parametrize("change", [set_price, set_pack_price])
def test_prices__are_set_by_admins_and_operators_only(
    db: Database, owner: Actor, admin: Actor, change: Any
) -> None:
    with refused("PT403", match="for admins"):
        change(db, owner)
    for actor in (ANON, SERVICE):
        with refused("42501", match=NO_GRANT):
            change(db, actor)
    assert change(db, admin)["is_active"]
    assert change(db, SYSTEM)["is_active"]


def test_plan_price__takes_the_place_of_the_old_one(db: Database, admin: Actor) -> None:
    before = sold(db, "plan_prices", "pro")
    row = set_price(db, admin)
    assert (row["plan_code"], row["interval"], row["provider"]) == ("pro", "month", "stripe")
    old = ("stripe", "USD", 1200, "plan_local_pro_month")
    new = ("stripe", "USD", 1500, "price_new")
    assert sold(db, "plan_prices", "pro") == before - {old} | {new}


def test_plan_price__beside_others_leaves_them_alone(db: Database, admin: Actor) -> None:
    before = sold(db, "plan_prices", "pro")
    set_price(db, admin, currency="EUR", price_id="price_euro")
    assert sold(db, "plan_prices", "pro") == before | {("stripe", "EUR", 1500, "price_euro")}
    others = sold(db, "plan_prices", "career")
    set_price(db, admin, plan="career", interval="year", price_id="price_career")
    assert ("stripe", "USD", 2400, "plan_local_career_month") in sold(db, "plan_prices", "career")
    assert others - sold(db, "plan_prices", "career") == {
        ("stripe", "USD", 24000, "plan_local_career_year")
    }


def test_old_price__stays_for_those_who_have_it(db: Database, owner: Actor, admin: Actor) -> None:
    old = db.one(
        SYSTEM,
        "select * from public.plan_prices "
        "where plan_code = 'pro' and provider = 'stripe' and interval = 'month'",
    )
    subscription = subscribe(db, owner, price_id=old["id"])
    set_price(db, admin)
    row = db.one(SYSTEM, "select * from public.subscriptions where id = %s", subscription["id"])
    assert row["price_id"] == old["id"]
    kept = db.one(SYSTEM, "select * from public.plan_prices where id = %s", old["id"])
    assert (kept["amount"], kept["is_active"]) == (1200, False)


@pytest.mark.parametrize("change", [set_price, set_pack_price])
def test_price__set_again_changes_nothing(db: Database, admin: Actor, change: Any) -> None:
    first = change(db, admin)
    again = change(db, admin)
    assert again == first


def test_price_that_was_sold_before__may_come_back(db: Database, admin: Actor) -> None:
    first = set_price(db, admin)
    second = set_price(db, admin, amount=1600, price_id="price_newer")
    back = set_price(db, admin)
    assert back["id"] == first["id"]
    assert ("stripe", "USD", 1600, second["provider_price_id"]) not in sold(
        db, "plan_prices", "pro"
    )


@pytest.mark.parametrize(
    "other", [{"plan": "coach"}, {"interval": "year"}, {"currency": "EUR"}, {"amount": 1501}]
)
def test_plan_price_id__never_comes_to_mean_something_else(
    db: Database, admin: Actor, other: dict[str, object]
) -> None:
    set_price(db, admin)
    before = sold(db, "plan_prices", "pro")
    with refused("PT409", match="price_new"):
        set_price(db, admin, **other)
    assert sold(db, "plan_prices", "pro") == before


@pytest.mark.parametrize("other", [{"pack": "large"}, {"currency": "EUR"}, {"amount": 301}])
def test_pack_price_id__never_comes_to_mean_something_else(
    db: Database, admin: Actor, other: dict[str, object]
) -> None:
    set_pack_price(db, admin)
    with refused("PT409", match="price_pack"):
        set_pack_price(db, admin, **other)


def test_pack_price__takes_the_place_of_the_old_one(db: Database, admin: Actor) -> None:
    before = sold(db, "token_pack_prices", "small")
    set_pack_price(db, admin)
    old = ("stripe", "USD", 200, "pack_local_small")
    new = ("stripe", "USD", 300, "price_pack")
    assert sold(db, "token_pack_prices", "small") == before - {old} | {new}
    euro = set_pack_price(db, admin, currency="EUR", price_id="price_euro")
    assert euro["is_active"]
    assert new in sold(db, "token_pack_prices", "small")


NO_PRICE: dict[str, list[object]] = {
    "amount": [0, -1, None],
    "currency": ["usd", "DOLLAR", "", None],
    "provider": ["manual", "paypal", None],
    "price_id": ["", "x" * 256, None],
}


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in NO_PRICE.items() for value in values]
)
@pytest.mark.parametrize("change", [set_price, set_pack_price])
def test_what_is_no_price__is_refused(
    db: Database, admin: Actor, change: Any, name: str, value: object
) -> None:
    with refused("PT400"):
        change(db, admin, **{name: value})


@pytest.mark.parametrize("interval", ["week", "", None])
def test_interval__is_month_or_year(db: Database, admin: Actor, interval: str | None) -> None:
    with refused("PT400", match="month or by the year"):
        set_price(db, admin, interval=interval)


@pytest.mark.parametrize("plan", ["gold", "free", None])
def test_plan_that_nobody_pays__has_no_price(db: Database, admin: Actor, plan: str | None) -> None:
    with refused("PT404", match=str(plan or "null")) as caught:
        set_price(db, admin, plan=plan)
    assert "pro" in str(caught.value.diag.message_hint)


@pytest.mark.parametrize("pack", ["huge", None])
def test_pack_that_is_none__has_no_price(db: Database, admin: Actor, pack: str | None) -> None:
    with refused("PT404", match=str(pack or "null")) as caught:
        set_pack_price(db, admin, pack=pack)
    assert "small" in str(caught.value.diag.message_hint)


def test_price__is_in_the_audit_log_with_who_set_it(db: Database, admin: Actor) -> None:
    row = set_price(db, admin)
    entry = db.one(
        SYSTEM,
        "select user_id, action from public.audit_logs where entity_id = %s",
        str(row["id"]),
    )
    assert entry == {"user_id": admin.user_id, "action": "plan_prices.insert"}


# At once -----------------------------------------------------------------------------------------


@pytest.fixture
def price_id(stack: StackStatus) -> Iterator[str]:
    """An id of a price for prices that are committed, which go afterwards."""
    made = f"price_{uuid4()}"
    yield made
    with session(stack.db_url) as connection:
        for table in ("plan_prices", "token_pack_prices"):
            connection.execute(f"delete from public.{table} where provider_price_id = %s", (made,))


@pytest.mark.parametrize(
    ("table", "calls"),
    [
        (
            "plan_prices",
            [
                f"select public.admin_set_plan_price('{plan}', 'year', 'stripe', 'CHF', 1, %s)"
                for plan in ("pro", "coach")
            ],
        ),
        (
            "token_pack_prices",
            [
                f"select public.admin_set_token_pack_price('{pack}', 'stripe', 'CHF', 1, %s)"
                for pack in ("small", "large")
            ],
        ),
    ],
)
def test_one_id_for_two_things_at_once__stands_for_the_first(
    stack: StackStatus, price_id: str, table: str, calls: list[str]
) -> None:
    waits = "select count(*) from pg_stat_activity where pid = %s and wait_event_type = 'Lock'"
    with (
        psycopg.connect(stack.db_url) as first,
        psycopg.connect(stack.db_url) as second,
        psycopg.connect(stack.db_url, autocommit=True) as other,
        ThreadPoolExecutor(1) as pool,
    ):
        first.execute(calls[0], (price_id,))
        # It has looked by the time that it waits, and found the id unknown.
        asked = pool.submit(second.execute, calls[1], (price_id,))
        while other.execute(waits, (second.info.backend_pid,)).fetchone() == (0,):
            assert not asked.done()
        first.commit()
        with refused("PT409", match=f"Stripe price {price_id} is another one"):
            asked.result(timeout=20)
        sql = f"select count(*) from public.{table} where provider_price_id = %s and is_active"
        assert other.execute(sql, (price_id,)).fetchone() == (1,)
