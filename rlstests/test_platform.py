"""Room platform: what operators set, and how often a caller may call."""

import json
from uuid import uuid4

import psycopg
import pytest

from cli.stack.status import StackStatus
from rlstests.actors import ANON, SERVICE, SYSTEM, Actor, Database, refused

READ_BY_WORKERS = {"ai_cache_ttl_seconds", "ai_models", "ai_provider_order"}


def configure(db: Database, key: str, value: object) -> None:
    db.query(
        SYSTEM,
        "insert into public.global_config (key, value) values (%s, %s) "
        "on conflict (key) do update set value = excluded.value",
        key,
        json.dumps(value),
    )


# Configuration


@pytest.mark.parametrize(
    ("value", "expected"),
    [(12, 12), (-3, -3), (7.9, 7), (0, 0), (2147483646, 2147483646)],
)
def test_config_integer__is_the_whole_number_that_was_set(
    db: Database, value: object, expected: int
) -> None:
    configure(db, "answer", value)
    assert db.value(SYSTEM, "select private.config_integer('answer', 42)") == expected


@pytest.mark.parametrize("value", ["12", True, None, [1], {"a": 1}, 2147483648, -1e300, "x"])
def test_config_integer__falls_back_when_it_is_no_number(db: Database, value: object) -> None:
    configure(db, "answer", value)
    assert db.value(SYSTEM, "select private.config_integer('answer', 42)") == 42
    assert db.value(SYSTEM, "select private.config_integer('missing', 43)") == 43


def named_in_functions(db: Database, call: str) -> dict[str, str]:
    """First argument of each such call in a function, with the second if it is a number."""
    found = db.query(
        SYSTEM,
        "select distinct m.part[1] as key, m.part[2] as value from pg_proc p "
        "cross join lateral (select pg_get_functiondef(p.oid) as text) d "
        "cross join lateral regexp_matches(d.text, %s, 'g') as m (part) "
        "where p.pronamespace = any('{private,worker}'::regnamespace[]) and p.prokind = 'f'",
        call + r"\(\s*'(\w+)'(?:::text)?(?:,\s*(\d+))?",
    )
    return {row["key"]: row["value"] for row in found}


def test_configuration__says_what_the_functions_would_do_without_it(db: Database) -> None:
    found = db.query(SERVICE, "select key, value::text, description from public.global_config")
    values = {row["key"]: row["value"] for row in found}
    read = named_in_functions(db, "config_integer")
    assert len(read) >= 8
    assert {key: values.get(key) for key in read} == read
    # A key that nobody reads would have an operator believe that it does something.
    assert set(values) - set(read) == {"rate_limits", *READ_BY_WORKERS}
    assert [row["key"] for row in found if not row["description"]] == []


def test_models__have_a_price(db: Database) -> None:
    sql = "select value from public.global_config where key = 'ai_models'"
    models = db.value(SYSTEM, sql)
    assert {"gemini", "claude", "openai", "openrouter", "offline"} == set(models)
    sql = "select 1 from public.model_prices where (provider, model) = (%s, %s)"
    for provider, model in models.items():
        assert db.query(SYSTEM, sql + " and effective_from <= now()", provider, model), model


def test_rate_limits__are_set_for_what_is_limited_and_for_nothing_else(db: Database) -> None:
    sql = "select value from public.global_config where key = 'rate_limits'"
    rules = db.value(SYSTEM, sql)
    limited = {*named_in_functions(db, "limit_rate"), *named_in_functions(db, "limit_rate_of")}
    assert set(rules) == limited
    for rule in rules.values():
        assert set(rule) == {"limit", "seconds"}
        assert min(rule.values()) >= 1


def test_configuration__has_clean_keys_and_bounded_values(db: Database) -> None:
    for key in ("Answer", "1st", "a b", "x", "a" * 61):
        with refused("23514"):
            configure(db, key, 1)
    with refused("23514"):
        configure(db, "large", "x" * 65536)
    with refused("23514"):
        db.query(SYSTEM, "update public.global_config set description = %s", "x" * 2001)


def test_configuration__is_stamped_when_it_changes(db: Database) -> None:
    sql = "insert into public.global_config (key, value, updated_at) values ('old', '1', 'epoch')"
    db.query(SYSTEM, sql)
    configure(db, "old", 2)
    sql = "select updated_at = now() from public.global_config where key = 'old'"
    assert db.value(SYSTEM, sql) is True


# Rate limits


def hit(db: Database, actor: Actor = SYSTEM, *, limit: int = 2, key: str = "probe") -> None:
    sql = "select private.check_rate_limit(%s, %s, interval '90 seconds')"
    db.query(actor, sql, key, limit)


def test_rate_limit__says_when_to_come_back(db: Database) -> None:
    hit(db)
    hit(db)
    with refused("PT429", match="Only 2 calls .* in 00:01:30") as caught:
        hit(db)
    assert json.loads(caught.value.diag.message_detail or "") == {
        "limit": 2,
        "retry_after_seconds": 90,
    }
    ends = db.value(
        SYSTEM,
        "select to_char(window_ends_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS') "
        "from private.rate_limits where key = 'probe'",
    )
    assert caught.value.diag.message_hint == f"Try again after {ends} UTC."
    hit(db, key="another")


def test_rate_limit__starts_anew_when_its_window_is_over(db: Database) -> None:
    for _ in range(2):
        hit(db)
    db.query(SYSTEM, "update private.rate_limits set window_ends_at = now()")
    hit(db)
    row = db.one(SYSTEM, "select * from private.rate_limits where key = 'probe'")
    assert row["hits"] == 1
    sql = "select window_ends_at - now() = interval '90 s' from private.rate_limits"
    assert db.value(SYSTEM, sql + " where key = 'probe'") is True
    hit(db)
    with refused("PT429"):
        hit(db)


def test_rate_limit_of_zero__lets_nobody_through(db: Database) -> None:
    with refused("PT429"):
        hit(db, limit=0)


def limit(db: Database, action: str, actor: Actor, headers: object = None) -> None:
    """Count a call of an actor, as a definer function does: with the owner's rights."""
    with db.acting(actor) as connection:
        connection.execute("reset role")
        connection.execute(
            "select set_config('request.headers', %s, true)", (json.dumps(headers or {}),)
        )
        connection.execute("select private.limit_rate(%s)", (action,))


def test_limit_rate__follows_the_rule_of_the_action_and_counts_each_caller(
    db: Database, owner: Actor, stranger: Actor
) -> None:
    configure(db, "rate_limits", {"probe": {"limit": 1, "seconds": 7}})
    limit(db, "probe", owner)
    with refused("PT429", match="Only 1 calls .* in 00:00:07"):
        limit(db, "probe", owner)
    limit(db, "probe", stranger)
    limit(db, "other", owner)


def test_limit_rate__tells_addresses_apart_when_nobody_is_signed_in(db: Database) -> None:
    configure(db, "rate_limits", {"probe": {"limit": 1, "seconds": 7}})
    limit(db, "probe", ANON, {"x-forwarded-for": "192.0.2.1"})
    with refused("PT429"):
        limit(db, "probe", ANON, {"x-forwarded-for": "192.0.2.1, 10.0.0.1"})
    limit(db, "probe", ANON, {"x-forwarded-for": "192.0.2.2"})
    limit(db, "probe", ANON)
    with refused("PT429"):
        limit(db, "probe", ANON)


def test_limit_rate__counts_a_network_of_ipv6_as_one_caller(db: Database) -> None:
    configure(db, "rate_limits", {"probe": {"limit": 1, "seconds": 7}})
    limit(db, "probe", ANON, {"cf-connecting-ip": "2001:db8:1:2::1"})
    with refused("PT429"):
        limit(db, "probe", ANON, {"cf-connecting-ip": "2001:db8:1:2:ffff:ffff:ffff:ffff"})
    limit(db, "probe", ANON, {"cf-connecting-ip": "2001:db8:1:3::1"})
    limit(db, "probe", ANON, {"cf-connecting-ip": "::ffff:192.0.2.1"})
    limit(db, "probe", ANON, {"cf-connecting-ip": "::ffff:192.0.2.2"})
    with refused("PT429"):
        limit(db, "probe", ANON, {"cf-connecting-ip": "::ffff:192.0.2.2"})


@pytest.mark.parametrize(
    "rule",
    [None, {}, [], "x", {"limit": -1}, {"limit": "many"}, {"limit": 1.5, "seconds": 0}, 7],
)
def test_limit_rate__is_sixty_a_minute_without_a_rule_that_makes_sense(
    db: Database, owner: Actor, rule: object
) -> None:
    configure(db, "rate_limits", {"probe": rule} if rule is not None else None)
    limit(db, "probe", owner)
    db.query(SYSTEM, "update private.rate_limits set hits = 60")
    with refused("PT429", match="Only 60 calls .* in 00:01:00"):
        limit(db, "probe", owner)


def test_calls_at_the_same_moment__take_turns(stack: StackStatus) -> None:
    key, sql = f"race:{uuid4()}", "select private.check_rate_limit(%s, 1, interval '1 minute')"
    patience = "-c lock_timeout=200ms"
    with (
        psycopg.connect(stack.db_url) as first,
        psycopg.connect(stack.db_url, options=patience) as second,
    ):
        try:
            first.execute(sql, (key,))
            with pytest.raises(psycopg.errors.LockNotAvailable):
                second.execute(sql, (key,))
            second.rollback()
            first.commit()
            with pytest.raises(psycopg.Error) as caught:
                second.execute(sql, (key,))
            assert caught.value.sqlstate == "PT429"
        finally:
            second.rollback()
            first.execute("delete from private.rate_limits where key = %s", (key,))


def test_window__counts_at_least_one_call(db: Database) -> None:
    hit(db)
    with refused("23514"):
        db.query(SYSTEM, "update private.rate_limits set hits = 0")


def test_windows_that_are_over__are_forgotten_by_maintenance(db: Database) -> None:
    hit(db, key="over")
    db.query(SYSTEM, "update private.rate_limits set window_ends_at = now() - interval '1 s'")
    hit(db, key="running")
    assert db.value(SYSTEM, "select private.maintain_rate_limits()")["deleted"] >= 1
    keys = db.query(SYSTEM, "select key from private.rate_limits")
    assert keys == [{"key": "running"}]


def test_window_of_somebody_who_is_calling__is_passed_over(stack: StackStatus) -> None:
    keys = [f"race:{uuid4()}" for _ in range(2)]
    left = "select key from private.rate_limits where key = any(%s)"
    with (
        psycopg.connect(stack.db_url, autocommit=True) as caller,
        psycopg.connect(stack.db_url, options="-c lock_timeout=200ms") as maintenance,
    ):
        for key in keys:
            sql = "insert into private.rate_limits values (%s, now() - interval '1 hour', 1)"
            caller.execute(sql, (key,))
        try:
            with caller.transaction():
                sql = "select private.check_rate_limit(%s, 1, interval '1 minute')"
                caller.execute(sql, (keys[0],))
                maintenance.execute("select private.maintain_rate_limits()")
                assert maintenance.execute(left, (keys,)).fetchall() == [(keys[0],)]
        finally:
            maintenance.rollback()
            caller.execute("delete from private.rate_limits where key = any(%s)", (keys,))
