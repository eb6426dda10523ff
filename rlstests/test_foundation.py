"""Room foundation: nothing is reachable by default, and the helpers keep their promises."""

from datetime import date

import pytest

from rlstests.actors import ANON, NO_GRANT, SERVICE, SYSTEM, Actor, Database, refused

MONTH = "2031-02-01"


@pytest.mark.parametrize("schema", ["public", "private", "worker", "queue"])
def test_object_made_later__is_reachable_by_nobody(db: Database, owner: Actor, schema: str) -> None:
    db.query(SYSTEM, f"create table {schema}.throwaway (id int)")
    db.query(SYSTEM, f"create sequence {schema}.throwaway_seq")
    db.query(SYSTEM, f"create function {schema}.throwaway() returns int language sql as 'select 1'")
    for actor in (ANON, owner, SERVICE):
        for sql in (
            f"select * from {schema}.throwaway",
            f"insert into {schema}.throwaway values (1)",
            f"select nextval('{schema}.throwaway_seq')",
            f"select {schema}.throwaway()",
        ):
            with refused("42501", match=NO_GRANT):
                db.query(actor, sql)
    assert db.value(SYSTEM, f"select {schema}.throwaway()") == 1


@pytest.mark.parametrize("schema", ["public", "private", "worker", "queue"])
def test_clients__make_nothing_in_our_schemas(db: Database, owner: Actor, schema: str) -> None:
    for actor in (ANON, owner, SERVICE):
        with refused("42501", match=NO_GRANT):
            db.query(actor, f"create table {schema}.mine (id int)")


@pytest.mark.parametrize(
    ("link", "is_safe"),
    [
        ("https://example.com/a?b=c", True),
        ("HTTP://example.com", True),
        ("github.com/ada", True),
        ("example.com/path:with-colon", True),
        ("javascript:alert(1)", False),
        ("  JavaScript:alert(1)", False),
        ("data:text/html,x", False),
        ("java\nscript:alert(1)", False),
        ("mailto:ada@example.com", False),
    ],
)
def test_is_web_link__refuses_every_scheme_but_http(db: Database, link: str, is_safe: bool) -> None:
    assert db.value(SYSTEM, "select private.is_web_link(%s)", link) is is_safe


def make_partition(db: Database, month: str) -> bool:
    sql = "select private.ensure_month_partition('public.usage_events', 'created_at', %s)"
    return bool(db.value(SYSTEM, sql, month))


def add_event(db: Database, owner: Actor, created_at: str) -> None:
    db.query(
        SYSTEM,
        "insert into public.usage_events (user_id, operation, period_type, period_key, charges, "
        "created_at) values (%s, 'resume_parse', 'lifetime', 'lifetime', '[]', %s)",
        owner.user_id,
        created_at,
    )


def homes(db: Database, owner: Actor) -> set[str]:
    found = db.query(
        SYSTEM,
        "select tableoid::regclass::text as home from public.usage_events where user_id = %s",
        owner.user_id,
    )
    return {row["home"] for row in found}


def test_row_without_its_partition__is_kept_and_moves_when_it_is_made(
    db: Database, owner: Actor
) -> None:
    add_event(db, owner, "2031-02-28 23:59:59.999+00")
    assert homes(db, owner) == {"private.usage_events_default"}
    assert make_partition(db, MONTH) is True
    assert homes(db, owner) == {"private.usage_events_2031_02"}
    assert make_partition(db, "2031-02-17") is False


def test_partition__holds_one_utc_month_whatever_the_session_says(
    db: Database, owner: Actor
) -> None:
    db.query(SYSTEM, "set local timezone = 'Pacific/Auckland'")
    make_partition(db, MONTH)
    add_event(db, owner, "2031-02-01 00:00:00+00")
    assert homes(db, owner) == {"private.usage_events_2031_02"}
    add_event(db, owner, "2031-03-01 00:00:00+00")
    assert homes(db, owner) == {"private.usage_events_2031_02", "private.usage_events_default"}


def test_partition__is_closed_like_its_parent(db: Database, owner: Actor) -> None:
    make_partition(db, MONTH)
    for actor in (ANON, owner, SERVICE):
        with refused("42501", match=NO_GRANT):
            db.query(actor, "select * from private.usage_events_2031_02")


def test_this_month__has_its_partitions(db: Database) -> None:
    for parent in ("usage_events", "finished"):
        name = f"private.{parent}_{date.today():%Y_%m}"
        assert db.value(SYSTEM, "select to_regclass(%s) is not null", name), name


# Some kilobytes of a request, and a gigabyte when it is written out.
LONG = "[" + ", ".join(["1e131071"] * 9000) + "]"


@pytest.mark.parametrize(
    ("value", "is_short"),
    [
        (None, True),
        ("1", True),
        ('{"a": [1.5, -3e98, {"b": 1e-90}], "c": "' + "9" * 200 + '"}', True),
        ("1e100", False),
        ("0e-100", False),
        ('{"a": [[{"b": -1e100}]]}', False),
        (LONG, False),
    ],
)
def test_number__is_short_when_written_out(
    db: Database, owner: Actor, value: str | None, is_short: bool
) -> None:
    assert db.value(owner, "select private.has_short_numbers(%s)", value) is is_short


@pytest.mark.parametrize(
    ("sqlstate", "sql"),
    [
        ("23514", "insert into public.resumes (content) values ('{\"x\": LONG}')"),
        ("23514", "insert into public.resumes (layout) values ('{\"x\": LONG}')"),
        (
            "23514",
            "insert into public.user_settings (setting_key, setting_value) values ('a', 'LONG')",
        ),
        (
            "23514",
            "insert into public.resume_templates (name, design) "
            "select 'x', t.design || '{\"x\": LONG}' from public.resume_templates t limit 1",
        ),
        (
            "23514",
            "insert into public.feedback (content, context) "
            "values ('It is too slow.', '{\"x\": LONG}')",
        ),
        ("PT422", "select public.save_draft(null, null, '{\"x\": LONG}')"),
        ("PT422", "select public.save_draft(null, null, '{}', '{\"x\": LONG}')"),
        ("PT422", "select public.import_json_resume('{\"x\": LONG}')"),
    ],
)
def test_long_numbers__are_refused_before_they_are_written_out(
    db: Database, owner: Actor, sqlstate: str, sql: str
) -> None:
    db.query(SYSTEM, "set local statement_timeout = '3s'")
    with refused(sqlstate):
        db.query(owner, sql.replace("LONG", LONG))
