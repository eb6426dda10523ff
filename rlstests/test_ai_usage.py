"""Room ai: what providers cost is kept per call, priced by the day, and summed by UTC days."""

from datetime import date
from decimal import Decimal

import pytest

from rlstests.actors import SERVICE, SYSTEM, Actor, Database, refused


def add_usage(db: Database, user: Actor, **columns: object) -> None:
    columns = {"feature": "match", "ai_provider": "offline"} | columns
    names, marks = ", ".join(columns), ", ".join(["%s"] * len(columns))
    db.query(
        SYSTEM,
        f"insert into public.ai_usage (user_id, {names}) values (%s, {marks})",
        user.user_id,
        *columns.values(),
    )


# Calls -----------------------------------------------------------------------------------------


def test_call__adds_its_tokens_up_and_knows_its_utc_day(db: Database, owner: Actor) -> None:
    db.query(SYSTEM, "set local time zone 'Pacific/Auckland'")
    add_usage(
        db,
        owner,
        input_tokens=100,
        output_tokens=20,
        cached_tokens=100,
        created_at="2026-11-20 23:30:00+00",
    )
    row = db.one(owner, "select * from public.ai_usage")
    assert (row["tokens_used"], row["date"]) == (120, date(2026, 11, 20))


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("feature", "Some Thing"),
        ("ai_provider", "somebody"),
        ("model", "x" * 201),
        ("input_tokens", -1),
        ("output_tokens", -1),
        ("cached_tokens", -1),
        ("cached_tokens", 1),
        ("estimated_cost", -1),
        ("response_time_ms", -1),
        ("request_summary", "x" * 501),
        ("response_summary", "x" * 501),
    ],
)
def test_call__must_make_sense(db: Database, owner: Actor, column: str, value: object) -> None:
    constraint = column.replace("cached_tokens", "input_tokens")
    with refused("23514", match=f"ai_usage_{constraint}_check"):
        add_usage(db, owner, **{column: value})


def test_calls_before_their_partition__move_into_it(db: Database, owner: Actor) -> None:
    add_usage(db, owner, input_tokens=7, created_at="2031-05-31 23:59:59+00")
    add_usage(db, owner, input_tokens=8, created_at="2031-06-01 00:00:00+00")
    sql = "select tableoid::regclass::text as name from public.ai_usage order by created_at"
    assert [r["name"] for r in db.query(SYSTEM, sql)] == ["private.ai_usage_default"] * 2
    make = "select private.ensure_month_partition('public.ai_usage', 'created_at', '2031-05-15')"
    assert db.value(SYSTEM, make) is True
    names = [r["name"] for r in db.query(SYSTEM, sql)]
    assert names == ["private.ai_usage_2031_05", "private.ai_usage_default"]
    rows = db.query(owner, "select tokens_used, date from public.ai_usage order by created_at")
    assert [tuple(row.values()) for row in rows] == [
        (7, date(2031, 5, 31)),
        (8, date(2031, 6, 1)),
    ]


def test_calls_of_this_month__have_a_partition(db: Database, owner: Actor) -> None:
    add_usage(db, owner)
    name = db.value(SYSTEM, "select tableoid::regclass::text from public.ai_usage")
    assert name == "private.ai_usage_" + db.value(
        SYSTEM, "select to_char(now() at time zone 'UTC', 'YYYY_MM')"
    )


def test_calls__go_with_the_account(db: Database, owner: Actor, stranger: Actor) -> None:
    add_usage(db, owner)
    add_usage(db, stranger)
    db.query(SYSTEM, "delete from auth.users where id = %s", owner.user_id)
    assert db.value(SYSTEM, "select user_id from public.ai_usage") == stranger.user_id


# Prices ----------------------------------------------------------------------------------------


def estimate(
    db: Database, model: str, at: str, tokens: tuple[int, int, int], provider: str = "openai"
) -> Decimal | None:
    cost = db.value(
        SYSTEM,
        "select private.estimate_cost(%s, %s, %s, %s, %s, %s)",
        provider,
        model,
        at,
        *tokens,
    )
    assert cost is None or isinstance(cost, Decimal)
    return cost


@pytest.fixture
def engine(db: Database) -> str:
    """A model of two prices, the second from June on and without one for cached tokens."""
    db.query(
        SYSTEM,
        "insert into public.model_prices "
        "(provider, model, effective_from, input_price, output_price, cached_price) values "
        "('openai', 'engine', '2026-01-01', 2, 10, 0.2), "
        "('openai', 'engine', '2026-06-01', 1, 5, null), "
        "('claude', 'engine', '2026-01-01', 100, 100, 100)",
    )
    return "engine"


def test_cost__counts_cached_tokens_at_their_own_price(db: Database, engine: str) -> None:
    at = "2026-05-31 23:59:59+00"
    assert estimate(db, engine, at, (1_000_000, 0, 0)) == Decimal("2")
    assert estimate(db, engine, at, (0, 1_000_000, 0)) == Decimal("10")
    assert estimate(db, engine, at, (1_000_000, 0, 1_000_000)) == Decimal("0.2")
    assert estimate(db, engine, at, (1000, 200, 400)) == Decimal("0.003280")


def test_cost__goes_by_the_price_of_the_utc_day(db: Database, engine: str) -> None:
    db.query(SYSTEM, "set local time zone 'Pacific/Auckland'")
    tokens = (1_000_000, 0, 500_000)
    assert estimate(db, engine, "2025-12-31 23:59:59+00", tokens) is None
    assert estimate(db, engine, "2026-01-01 00:00:00+00", tokens) == Decimal("1.1")
    assert estimate(db, engine, "2026-05-31 23:59:59+00", tokens) == Decimal("1.1")
    assert estimate(db, engine, "2026-06-01 00:00:00+00", tokens) == Decimal("1")


def test_cost_of_a_model_without_price__is_unknown(db: Database, engine: str) -> None:
    at = "2026-06-01 00:00:00+00"
    assert estimate(db, "another", at, (1, 1, 0)) is None
    assert estimate(db, engine, at, (1, 1, 0), "gemini") is None


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("provider", "somebody"),
        ("model", ""),
        ("model", "x" * 201),
        ("input_price", -1),
        ("output_price", -1),
        ("cached_price", -1),
    ],
)
def test_price__must_make_sense(db: Database, engine: str, column: str, value: object) -> None:
    with refused("23514", match=f"model_prices_{column}_check"):
        db.query(
            SYSTEM,
            f"update public.model_prices set {column} = %s "
            "where model = %s and effective_from = '2026-06-01'",
            value,
            engine,
        )


def test_price__is_one_a_day(db: Database, engine: str) -> None:
    with refused("23505"):
        db.query(
            SYSTEM,
            "insert into public.model_prices "
            "(provider, model, effective_from, input_price, output_price) "
            "values ('openai', %s, '2026-06-01', 1, 1)",
            engine,
        )


def test_catalogue__has_a_price_for_each_provider_and_is_free_offline(db: Database) -> None:
    rows = db.query(
        SERVICE,
        "select provider, max(input_price) as most from public.model_prices group by provider",
    )
    most = {row["provider"]: row["most"] for row in rows}
    assert set(most) == {"gemini", "claude", "openai", "openrouter", "offline"}
    assert [provider for provider, price in most.items() if price == 0] == ["offline"]


# Cache -----------------------------------------------------------------------------------------


def test_cache__forgets_what_is_over_and_nothing_else(db: Database, owner: Actor) -> None:
    db.query(
        SYSTEM,
        "insert into private.ai_cache (key, user_id, value, expires_at) "
        "select sha256(n::text::bytea), %s, to_jsonb(n), now() + n * interval '1 hour' "
        "from generate_series(-2, 1) as n",
        owner.user_id,
    )
    db.query(SYSTEM, "update private.maintenance_jobs set next_run_at = now()")
    assert "ai_cache" in db.value(SERVICE, "select worker.run_maintenance()")["jobs"]
    result = "select last_result from private.maintenance_jobs where name = 'ai_cache'"
    assert db.value(SYSTEM, result) == {"deleted": 3}
    assert db.value(SYSTEM, "select value from private.ai_cache") == 1
    assert db.value(SYSTEM, "select private.maintain_ai_cache()") == {"deleted": 0}


@pytest.mark.parametrize(
    ("key", "value", "match"),
    [
        ("decode('abcd', 'hex')", "1", "ai_cache_key_check"),
        ("sha256('a')", "x" * 1048576, "ai_cache_value_check"),
    ],
)
def test_cache__keeps_digests_and_answers_of_bounded_size(
    db: Database, owner: Actor, key: str, value: str, match: str
) -> None:
    with refused("23514", match=match):
        db.query(
            SYSTEM,
            "insert into private.ai_cache (key, user_id, value, expires_at) "
            f"values ({key}, %s, to_jsonb(%s::text), now())",
            owner.user_id,
            value,
        )


def test_cache__goes_with_the_account(db: Database, owner: Actor) -> None:
    db.query(
        SYSTEM,
        "insert into private.ai_cache (key, user_id, value, expires_at) "
        "values (sha256('a'), %s, '1', now())",
        owner.user_id,
    )
    db.query(SYSTEM, "delete from auth.users where id = %s", owner.user_id)
    assert db.query(SYSTEM, "select 1 from private.ai_cache") == []


def test_cache__survives_no_crash_and_costs_no_log(db: Database) -> None:
    sql = "select relpersistence from pg_class where oid = 'private.ai_cache'::regclass"
    assert db.value(SYSTEM, sql) == "u"
