"""Room platform: the tables a client waits on are in the publication, where there is one."""

from rlstests.actors import SYSTEM, Database

JOIN = "select private.join_realtime()"
MEMBERS = "select tablename from pg_publication_tables where pubname = 'supabase_realtime'"


def members(db: Database) -> set[str]:
    return {row["tablename"] for row in db.query(SYSTEM, MEMBERS)}


def test_without_a_publication__nothing_happens(db: Database) -> None:
    assert db.query(SYSTEM, "select 1 from pg_publication") == []
    assert db.value(SYSTEM, JOIN) == []


def test_publication__is_joined_once(db: Database) -> None:
    db.query(SYSTEM, "create publication supabase_realtime")
    joined = db.value(SYSTEM, JOIN)
    assert {"public.resumes", "public.usage_counters"} <= set(joined)
    assert members(db) == {name.partition(".")[2] for name in joined}
    assert db.value(SYSTEM, JOIN) == []


def test_publication__keeps_what_is_in_it_and_takes_what_is_missing(db: Database) -> None:
    db.query(
        SYSTEM, "create publication supabase_realtime for table public.resumes, public.profiles"
    )
    assert "public.resumes" not in db.value(SYSTEM, JOIN)
    assert {"resumes", "profiles", "usage_counters"} <= members(db)


def test_publication__has_no_table_that_only_the_system_reads(db: Database) -> None:
    db.query(SYSTEM, "create publication supabase_realtime")
    db.query(SYSTEM, JOIN)
    closed = db.query(
        SYSTEM,
        "select tablename from pg_publication_tables t where pubname = 'supabase_realtime' "
        "and (schemaname <> 'public' or not has_table_privilege('authenticated', "
        "format('%%I.%%I', schemaname, tablename), 'select'))",
    )
    assert closed == []


def test_table_made_later__joins_when_it_is_asked_for(db: Database) -> None:
    db.query(SYSTEM, "create publication supabase_realtime")
    db.query(SYSTEM, JOIN)
    db.query(SYSTEM, "alter publication supabase_realtime drop table public.resumes")
    assert db.value(SYSTEM, JOIN) == ["public.resumes"]
