"""Room metering, prices and views: what is sold can be read, and older clients find their shape."""

import pytest

from rlstests.actors import ANON, SERVICE, SYSTEM, Actor, Database, Row, refused
from rlstests.metering_helpers import put_on_plan

PRICE = (
    "insert into public.plan_prices (plan_code, interval, provider, provider_price_id, amount, "
    "currency, is_active) values ('pro', %s, %s, %s, %s, %s, %s)"
)
PACK_PRICE = (
    "insert into public.token_pack_prices (pack_code, provider, provider_price_id, amount, "
    "currency, is_active) values ('small', %s, %s, %s, %s, %s)"
)


def count(db: Database, user: Actor, meter: str, period: str, key: str, used: int) -> None:
    db.query(
        SYSTEM,
        "insert into public.usage_counters (user_id, meter, period_type, period_key, used) "
        "values (%s, %s, %s, %s, %s) on conflict (user_id, meter, period_type, period_key) "
        "do update set used = excluded.used",
        user.user_id,
        meter,
        period,
        key,
        used,
    )


def credits(db: Database, actor: Actor, user: Actor) -> Row:
    return db.one(actor, "select * from public.user_credits where user_id = %s", user.user_id)


@pytest.mark.parametrize(
    ("table", "key"),
    [("plan_prices", "plan_code"), ("token_packs", "code"), ("token_pack_prices", "pack_code")],
)
def test_catalogue__shows_clients_what_is_sold(
    db: Database, owner: Actor, table: str, key: str
) -> None:
    item = "pro" if table == "plan_prices" else "small"
    sql = f"select 1 from public.{table} where {key} = %s"
    for actor in (ANON, owner):
        assert db.query(actor, sql, item)
    db.query(SYSTEM, f"update public.{table} set is_active = false where {key} = %s", item)
    for actor in (ANON, owner):
        assert db.query(actor, sql, item) == []
    assert db.query(SERVICE, sql, item)


def test_seed__sells_every_plan_but_the_free_one_at_both_providers(db: Database) -> None:
    rows = db.query(
        ANON, "select plan_code, interval, provider, provider_price_id from public.plan_prices"
    )
    assert {(r["plan_code"], r["interval"], r["provider"]) for r in rows} == {
        (plan, interval, provider)
        for plan in ("starter", "pro", "career", "premium", "coach", "unlimited")
        for interval in ("month", "year")
        for provider in ("razorpay", "stripe")
    }
    for row in rows:
        assert row["provider_price_id"] == f"plan_local_{row['plan_code']}_{row['interval']}"
    packs = db.query(
        ANON,
        "select p.code, count(*) as prices from public.token_packs p "
        "join public.token_pack_prices x on x.pack_code = p.code group by p.code",
    )
    assert {(p["code"], p["prices"]) for p in packs} == {("small", 2), ("medium", 2), ("large", 2)}


def test_price__has_one_id_at_a_provider_and_one_offer_at_a_time(db: Database) -> None:
    with refused("23505", match="plan_prices_provider_price_id_key"):
        db.query(SYSTEM, PRICE, "month", "stripe", "plan_local_pro_month", 1, "EUR", True)
    with refused("23505", match="plan_prices_offer_key"):
        db.query(SYSTEM, PRICE, "month", "stripe", "new", 1, "USD", True)
    for currency, is_active in (("EUR", True), ("USD", False)):
        db.query(SYSTEM, PRICE, "month", "stripe", f"new{currency}", 1, currency, is_active)
    with refused("23505", match="token_pack_prices_provider_price_id_key"):
        db.query(SYSTEM, PACK_PRICE, "stripe", "pack_local_small", 1, "EUR", True)
    with refused("23505", match="token_pack_prices_offer_key"):
        db.query(SYSTEM, PACK_PRICE, "stripe", "new", 1, "USD", True)
    db.query(SYSTEM, PACK_PRICE, "stripe", "new", 1, "USD", False)


@pytest.mark.parametrize(
    "bad",
    [
        ("week", "stripe", "new", 1, "EUR", True),
        ("month", "paypal", "new", 1, "EUR", True),
        ("month", "stripe", "", 1, "EUR", True),
        ("month", "stripe", "x" * 256, 1, "EUR", True),
        ("month", "stripe", "new", -1, "EUR", True),
        ("month", "stripe", "new", 1, "eur", True),
        ("month", "stripe", "new", 1, "EURO", True),
    ],
)
def test_price__must_be_one(db: Database, bad: tuple[object, ...]) -> None:
    with refused("23514"):
        db.query(SYSTEM, PRICE, *bad)
    if bad[0] == "month":
        with refused("23514"):
            db.query(SYSTEM, PACK_PRICE, *bad[1:])


@pytest.mark.parametrize(
    "values",
    ["'Bad', 'x', 1, ''", "'x', 'x', 1, ''", "'bad', '', 1, ''", "'bad', 'x', 0, ''"],
)
def test_pack__must_be_one(db: Database, values: str) -> None:
    add = "insert into public.token_packs (code, name, tokens, description) values ({})"
    db.query(SYSTEM, add.format("'good', 'x', 1, ''"))
    with refused("23514"):
        db.query(SYSTEM, add.format(values))
    with refused("23514"):
        db.query(SYSTEM, add.format("'long', 'x', 1, repeat('x', 2001)"))


def test_plan_or_pack_with_prices__stays(db: Database) -> None:
    for sql in (
        "delete from public.plans where code = 'pro'",
        "delete from public.token_packs where code = 'small'",
    ):
        with refused("23503"):
            db.query(SYSTEM, sql)


@pytest.mark.parametrize(
    ("table", "change", "key"),
    [
        ("plans", "name = 'New' where code = 'pro'", "pro"),
        ("plan_limits", "max_uses = 9 where plan_code = 'pro' and meter = 'interviews'", "pro"),
        ("operations", "token_cost = 1 where code = 'match'", "match"),
        ("plan_prices", "amount = 1 where plan_code = 'pro'", ""),
        ("token_packs", "tokens = 1 where code = 'small'", "small"),
        ("token_pack_prices", "amount = 1 where pack_code = 'small'", ""),
    ],
)
def test_catalogue__is_audited(db: Database, table: str, change: str, key: str) -> None:
    db.query(SYSTEM, f"delete from public.audit_logs where entity_type = '{table}'")
    db.query(SYSTEM, f"update public.{table} set {change}")
    rows = db.query(
        SYSTEM, "select entity_id, changes from public.audit_logs where entity_type = %s", table
    )
    assert rows
    for row in rows:
        assert key in row["entity_id"] and row["entity_id"]
        assert len(row["changes"]["after"]) == len(row["changes"]["before"]) == 1


def test_usage_tracking__adds_up_the_month(db: Database, owner: Actor, stranger: Actor) -> None:
    count(db, owner, "interviews", "month", "2026-10", 2)
    count(db, owner, "cover_letters", "month", "2026-10", 1)
    count(db, owner, "interviews", "month", "2026-11", 3)
    # None of these is a month of interviews or cover letters.
    count(db, owner, "interviews", "day", "2026-10-01", 7)
    count(db, owner, "ai_actions", "month", "2026-09", 7)
    sql = "select * from public.usage_tracking order by month"
    rows = db.query(owner, sql)
    assert [(r["month"], r["interviews_used"], r["cover_letters_used"]) for r in rows] == [
        ("2026-10", 2, 1),
        ("2026-11", 3, 0),
    ]
    assert len({r["id"] for r in rows}) == 2
    assert [r["id"] for r in db.query(owner, sql)] == [r["id"] for r in rows]
    assert rows[0]["created_at"].isoformat() == "2026-10-01T00:00:00+00:00"
    assert rows[0]["updated_at"] is not None
    assert db.query(stranger, sql) == []


def test_user_credits__are_there_before_the_first_use(
    db: Database, owner: Actor, stranger: Actor
) -> None:
    db.query(SYSTEM, "delete from public.usage_counters where user_id = %s", owner.user_id)
    row = credits(db, owner, owner)
    assert (row["credits_total"], row["credits_used"], row["is_premium"]) == (5, 0, False)
    assert row["updated_at"] is not None
    assert db.query(stranger, "select user_id from public.user_credits") == [
        {"user_id": stranger.user_id}
    ]


def test_user_credits__follow_plan_and_use(db: Database, owner: Actor) -> None:
    month = str(db.value(SYSTEM, "select private.period_key('month', now())"))
    count(db, owner, "ai_actions", "lifetime", "lifetime", 4)
    count(db, owner, "ai_actions", "month", month, 3)
    count(db, owner, "ai_actions", "month", "2020-01", 9)
    expected = {"free": (5, 4, False), "starter": (100, 3, True), "premium": (None, 3, True)}
    # A plan that is no longer sold keeps its allowance.
    db.query(SYSTEM, "update public.plans set is_active = false where code = 'starter'")
    for plan, numbers in expected.items():
        put_on_plan(db, owner, plan)
        for actor in (owner, SERVICE):
            row = credits(db, actor, owner)
            assert (row["credits_total"], row["credits_used"], row["is_premium"]) == numbers


def test_user_credits__are_those_of_the_longest_period(db: Database, owner: Actor) -> None:
    limit = "insert into public.plan_limits values ('free', 'ai_actions', %s, %s)"
    db.query(SYSTEM, limit, "day", 1)
    assert credits(db, owner, owner)["credits_total"] == 5
    db.query(SYSTEM, limit, "month", 3)
    db.query(
        SYSTEM,
        "delete from public.plan_limits where plan_code = 'free' and meter = 'ai_actions' "
        "and period = 'lifetime'",
    )
    assert credits(db, owner, owner)["credits_total"] == 3
    db.query(SYSTEM, "delete from public.plan_limits where plan_code = 'free'")
    row = credits(db, owner, owner)
    assert (row["credits_total"], row["credits_used"]) == (0, 0)


def test_paid_plan__is_that_of_the_caller(db: Database, owner: Actor, stranger: Actor) -> None:
    put_on_plan(db, owner, "pro")
    assert db.value(owner, "select private.has_paid_plan()") is True
    assert db.value(stranger, "select private.has_paid_plan()") is False


def test_limit__is_that_of_a_plan_there_is(db: Database) -> None:
    with refused("23503"):
        db.query(
            SYSTEM,
            "insert into public.plan_limits (plan_code, meter, period) values ('x1', 'm1', 'day')",
        )


def test_ranks_of_plans__are_never_the_same(db: Database) -> None:
    with refused("23505"):
        db.query(
            SYSTEM,
            "update public.plans set tier_rank = (select tier_rank from public.plans "
            "where code = 'free') where code = 'pro'",
        )
