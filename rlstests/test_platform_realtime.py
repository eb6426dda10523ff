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
    assert {"public.resumes", "public.subscriptions"} <= set(joined)
    assert members(db) == {name.partition(".")[2] for name in joined}
    assert db.value(SYSTEM, JOIN) == []


def test_publication__keeps_what_is_in_it_and_takes_what_is_missing(db: Database) -> None:
    db.query(
        SYSTEM, "create publication supabase_realtime for table public.resumes, public.profiles"
    )
    assert "public.resumes" not in db.value(SYSTEM, JOIN)
    assert {"resumes", "profiles", "subscriptions"} <= members(db)


def test_publication__has_no_table_that_only_the_system_reads(db: Database) -> None:
    db.query(SYSTEM, "create publication supabase_realtime")
    db.query(SYSTEM, JOIN)
    closed = db.query(
        SYSTEM,
        "select tablename from pg_publication_tables t where pubname = 'supabase_realtime' "
        "and (schemaname <> 'public' or not has_any_column_privilege('authenticated', "
        "format('%%I.%%I', schemaname, tablename), 'select'))",
    )
    assert closed == []


def test_publication__has_no_table_whose_key_names_its_user(db: Database) -> None:
    # Of a deleted row Realtime sends the key to everybody, policies or not.
    db.query(SYSTEM, "create publication supabase_realtime")
    db.query(SYSTEM, JOIN)
    keys = db.query(
        SYSTEM,
        "select t.tablename, a.attname from pg_publication_tables t "
        "join pg_index i on i.indrelid = format('public.%%I', t.tablename)::regclass "
        "join pg_attribute a on a.attrelid = i.indrelid and a.attnum = any(i.indkey) "
        "where t.pubname = 'supabase_realtime' and i.indisprimary",
    )
    assert {row["attname"] for row in keys} == {"id"}


def test_table_made_later__joins_when_it_is_asked_for(db: Database) -> None:
    db.query(SYSTEM, "create publication supabase_realtime")
    db.query(SYSTEM, JOIN)
    db.query(SYSTEM, "alter publication supabase_realtime drop table public.resumes")
    assert db.value(SYSTEM, JOIN) == ["public.resumes"]
