"""Room privacy: a copy of everything about me, leaving, and staying after all."""

from typing import Any
from uuid import uuid4

import pytest

from rlstests.actors import ANON, NO_GRANT, SERVICE, SYSTEM, Actor, Database, Row, refused
from rlstests.samples import SAMPLES, make_row

EXPORT = "select public.export_my_data()"
LEAVE = "select public.request_account_deletion()"
STAY = "select public.cancel_account_deletion()"
# Tables with a section of their own: they hold what others did as well.
OWN_SECTION = {"public.audit_logs", "public.system_events"}


def export(db: Database, actor: Actor) -> Any:
    return db.value(actor, EXPORT)


def change(db: Database, actor: Actor, assignment: str) -> None:
    db.query(SYSTEM, f"update public.profiles set {assignment} where id = %s", actor.user_id)


# A copy of everything


def personal_tables(db: Database) -> set[str]:
    """Every table of public that says, in a column or a foreign key, whose its rows are."""
    found = db.query(
        SYSTEM,
        """
        select format('public.%%I', c.relname) as name
        from pg_class c
        where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')
            and not c.relispartition and c.oid <> 'public.profiles'::regclass
            and (
                exists (
                    select 1 from pg_attribute a
                    where a.attrelid = c.oid and a.attname in ('user_id', 'owner_id')
                )
                or exists (
                    select 1 from pg_constraint k
                    where k.conrelid = c.oid and k.confrelid = 'public.profiles'::regclass
                )
            )
        """,
    )
    return {row["name"] for row in found}


def test_copy__has_every_table_that_holds_rows_of_a_user(db: Database, owner: Actor) -> None:
    tables = personal_tables(db)
    assert {"public.resumes", "public.user_settings", *OWN_SECTION} <= tables
    copied = {f"public.{name}" for name in export(db, owner)["tables"]}
    assert copied == tables - OWN_SECTION


@pytest.mark.parametrize(
    "relation",
    sorted(n for n, s in SAMPLES.items() if n.startswith("public.") and "owner" in s.where),
)
def test_copy__has_my_rows_and_nobody_elses(
    db: Database, owner: Actor, stranger: Actor, relation: str
) -> None:
    if relation not in personal_tables(db) - OWN_SECTION:
        assert relation in OWN_SECTION or db.value(
            SYSTEM,
            "select relkind = 'v' or oid = 'public.profiles'::regclass from pg_class "
            "where oid = %s::regclass",
            relation,
        )
        return
    if relation != "public.admin_users":
        make_row(db, relation, owner)
    else:
        owner = db.add_admin("another-admin")
    name = relation.partition(".")[2]
    mine, theirs = (export(db, actor)["tables"][name] for actor in (owner, stranger))
    assert mine
    assert all(str(owner.user_id) in str(row) for row in mine)
    assert str(owner.user_id) not in str(theirs)


def test_copy__has_account_profile_files_and_what_is_in_the_trash(
    db: Database, owner: Actor
) -> None:
    change(db, owner, "bio = 'Mine.'")
    resume = db.value(owner, "insert into public.resumes (title) values ('Old') returning id")
    db.query(owner, "select public.trash_resume(%s)", resume)
    path = f"{owner.user_id}/{uuid4()}.pdf"
    for bucket, name in (("resumes", path), ("resumes", f"{uuid4()}/x.pdf"), ("avatars", "x.png")):
        db.query(
            SYSTEM,
            "insert into storage.objects (bucket_id, name, metadata) values (%s, %s, %s)",
            bucket,
            name,
            '{"size": 5, "mimetype": "application/pdf"}',
        )
    copy = export(db, owner)
    assert copy["account"]["id"] == str(owner.user_id)
    assert copy["account"]["email"].startswith("owner-")
    assert copy["profile"]["bio"] == "Mine."
    (row,) = copy["tables"]["resumes"]
    assert (row["title"], row["deleted_at"] is None, "search" in row) == ("Old", False, False)
    (file,) = copy["files"]["resumes"]
    assert (file["name"], file["size"], file["mime_type"]) == (path, 5, "application/pdf")
    assert set(copy["files"]) == {"resumes"}
    assert copy["exported_at"]


def test_copy_of_an_admin__does_not_say_whose_account_was_opened(
    db: Database, owner: Actor, admin: Actor
) -> None:
    db.query(admin, "select public.report_account(%s)", owner.user_id)
    db.query(admin, "select public.admin_reconcile(%s)", owner.user_id)
    copy = export(db, admin)
    types = {event["event_type"] for event in copy["system_events"]}
    assert {"account.opened", "reconcile.requested"} <= types
    assert str(owner.user_id) not in str(copy)
    assert export(db, owner)["system_events"] == []


def test_copy__has_the_history_without_what_belongs_to_others(
    db: Database, owner: Actor, stranger: Actor, admin: Actor
) -> None:
    insert = (
        "insert into public.audit_logs (user_id, owner_id, actor_role, action, entity_type, "
        "entity_id, changes, ip_address, user_agent) "
        "values (%s, %s, 'x', %s, 'x', %s, '{\"after\": 1}', '192.0.2.1', 'Browser')"
    )
    db.query(SYSTEM, insert, owner.user_id, owner.user_id, "mine", "1")
    db.query(SYSTEM, insert, admin.user_id, owner.user_id, "about_me", "2")
    db.query(SYSTEM, insert, owner.user_id, stranger.user_id, "by_me", "3")
    db.query(SYSTEM, insert, stranger.user_id, stranger.user_id, "theirs", "4")
    copy = {row["action"]: row for row in export(db, owner)["audit_logs"]}
    assert "theirs" not in copy
    changed, address = {"after": 1}, "192.0.2.1"
    facts = {
        action: [copy[action][key] for key in ("entity_id", "changes", "ip_address", "user_agent")]
        for action in ("mine", "about_me", "by_me")
    }
    assert facts == {
        "mine": ["1", changed, address, "Browser"],
        "about_me": ["2", changed, None, None],
        "by_me": [None, None, address, "Browser"],
    }


def test_copy__has_the_events_about_me(db: Database, owner: Actor, stranger: Actor) -> None:
    for actor, event in ((owner, "probe.mine"), (stranger, "probe.theirs")):
        db.query(SYSTEM, "select private.record_event(%s, '{}', %s)", event, actor.user_id)
    (event_row,) = export(db, owner)["system_events"]
    assert event_row["event_type"] == "probe.mine"


def test_copy__is_limited_and_needs_an_account(db: Database, owner: Actor, stranger: Actor) -> None:
    with refused("42501", match=NO_GRANT):
        db.query(ANON, EXPORT)
    with refused("42501", match=NO_GRANT):
        db.query(SERVICE, EXPORT)
    change(db, stranger, "is_active = false")
    with refused("PT403", match="blocked"):
        export(db, stranger)
    change(db, owner, "deleted_at = now()")
    for _ in range(5):
        export(db, owner)
    with refused("PT429"):
        export(db, owner)


# Leaving, and staying


def events(db: Database, actor: Actor) -> list[str]:
    sql = "select event_type from public.system_events where user_id = %s order by event_type"
    return [row["event_type"] for row in db.query(SYSTEM, sql, actor.user_id)]


def profile(db: Database, actor: Actor) -> Row:
    return db.one(SYSTEM, "select * from public.profiles where id = %s", actor.user_id)


def test_leaving__marks_the_account_and_says_when_it_happens(
    db: Database, owner: Actor, stranger: Actor
) -> None:
    when = db.value(owner, LEAVE)
    assert (when - profile(db, owner)["deleted_at"]).days == 30
    assert db.value(owner, "select private.is_active_user()") is False
    assert events(db, owner) == ["account.deletion_requested"]
    assert profile(db, stranger)["deleted_at"] is None


def test_leaving_again__changes_nothing(db: Database, owner: Actor) -> None:
    db.query(owner, LEAVE)
    change(db, owner, "deleted_at = deleted_at - interval '3 days'")
    before = profile(db, owner)["deleted_at"]
    assert (db.value(owner, LEAVE) - before).days == 30
    assert profile(db, owner)["deleted_at"] == before
    assert events(db, owner) == ["account.deletion_requested"]


@pytest.mark.parametrize(("days", "expected"), [("3", 3), ("0", 0), ("-4", 0), ('"x"', 30)])
def test_period__is_what_operators_set(
    db: Database, owner: Actor, days: str, expected: int
) -> None:
    sql = "update public.global_config set value = %s where key = 'account_deletion_days'"
    db.query(SYSTEM, sql, days)
    assert (db.value(owner, LEAVE) - profile(db, owner)["deleted_at"]).days == expected


def test_staying__makes_everything_as_before(db: Database, owner: Actor, stranger: Actor) -> None:
    db.query(owner, LEAVE)
    db.query(stranger, LEAVE)
    assert db.value(owner, STAY) is True
    assert profile(db, owner)["deleted_at"] is None
    assert db.value(owner, "select private.is_active_user()") is True
    assert events(db, owner) == ["account.deletion_cancelled", "account.deletion_requested"]
    assert db.value(owner, STAY) is False
    assert len(events(db, owner)) == 2
    assert profile(db, stranger)["deleted_at"] is not None


def test_staying__is_too_late_once_the_files_go(db: Database, owner: Actor) -> None:
    db.query(owner, LEAVE)
    sql = "insert into private.account_purges (user_id) values (%s)"
    db.query(SYSTEM, sql, owner.user_id)
    with refused("PT409", match=str(owner.user_id)):
        db.query(owner, STAY)
    assert profile(db, owner)["deleted_at"] is not None


@pytest.mark.parametrize("call", [LEAVE, STAY])
def test_leaving_and_staying__need_an_account_that_is_not_blocked(
    db: Database, owner: Actor, call: str
) -> None:
    change(db, owner, "is_active = false, deleted_at = now()")
    before = profile(db, owner)
    with refused("PT403", match="blocked"):
        db.query(owner, call)
    for actor in (ANON, SERVICE):
        with refused("42501", match=NO_GRANT):
            db.query(actor, call)
    nobody = Actor("nobody", "authenticated")
    with refused("PT401"):
        db.query(nobody, call)
    assert profile(db, owner) == before
