"""Room platform: who changed what, and from where; kept as it was, or forgotten."""

import json
from typing import Any
from uuid import UUID

import pytest

from rlstests.actors import ANON, NO_GRANT, SERVICE, SYSTEM, Actor, Database, Row, refused


def entries(db: Database, entity: object) -> list[Row]:
    sql = "select * from public.audit_logs where entity_id = %s order by created_at, id"
    return db.query(SYSTEM, sql, str(entity))


def act(db: Database, actor: Actor, sql: str, headers: object = None) -> None:
    """Run a statement as somebody, in a request with these headers."""
    text = headers if isinstance(headers, str) else json.dumps(headers or {})
    with db.acting(actor) as connection:
        connection.execute("select set_config('request.headers', %s, true)", (text,))
        connection.execute(sql)


@pytest.fixture
def probe(db: Database) -> None:
    """An audited table of the test's own, with a secret and a column that does not matter."""
    for sql in (
        "create table public.probe (id int primary key, user_id uuid, word text, secret text, "
        "seen int, updated_at timestamptz)",
        "grant all on public.probe to authenticated",
        "select private.audit_table('public.probe', 'id', '{seen}', '{secret}')",
        "insert into public.probe (id, word, secret, seen) values (7, 'a', 'hush', 1)",
    ):
        db.query(SYSTEM, sql)


def changes(db: Database, action: str) -> Any:
    sql = "select changes from public.audit_logs where entity_type = 'probe' and action = %s"
    return db.value(SYSTEM, sql, f"probe.{action}")


@pytest.mark.usefixtures("probe")
def test_change__is_written_with_the_changed_keys_only_and_secrets_masked(db: Database) -> None:
    db.query(SYSTEM, "update public.probe set word = 'b', secret = 'new', seen = 2")
    assert changes(db, "update") == {
        "before": {"word": "a", "secret": "[masked]"},
        "after": {"word": "b", "secret": "[masked]"},
    }
    db.query(SYSTEM, "delete from public.probe")
    assert changes(db, "delete")["before"]["word"] == "b"
    assert changes(db, "delete")["after"] == {}
    assert changes(db, "insert")["after"]["secret"] == "[masked]"
    assert {row["entity_id"] for row in entries(db, 7)} == {"7"}
    assert "hush" not in str(entries(db, 7))


@pytest.mark.usefixtures("probe")
@pytest.mark.parametrize("change", ["seen = 5", "updated_at = now()", "word = word", "word = 'a'"])
def test_change_of_nothing_that_matters__writes_nothing(db: Database, change: str) -> None:
    db.query(SYSTEM, f"update public.probe set {change}")
    assert [row["action"] for row in entries(db, 7)] == ["probe.insert"]


def test_entry__says_who_did_it_to_whom_and_from_where(
    db: Database, owner: Actor, admin: Actor
) -> None:
    headers = {"x-forwarded-for": "192.0.2.7, 10.0.0.1", "user-agent": "Browser/1" + "x" * 600}
    act(db, owner, "update public.profiles set bio = 'Hello.'", headers)
    (row,) = [e for e in entries(db, owner.user_id) if e["action"] == "profiles.update"]
    assert (row["user_id"], row["owner_id"], row["actor_role"]) == (
        owner.user_id,
        owner.user_id,
        "authenticated",
    )
    assert row["changes"] == {"before": {"bio": None}, "after": {"bio": "Hello."}}
    assert str(row["ip_address"]) == "192.0.2.7"
    assert len(row["user_agent"]) == 500
    (made,) = [e for e in entries(db, admin.user_id) if e["action"] == "admin_users.insert"]
    assert (made["user_id"], made["owner_id"], made["actor_role"]) == (
        None,
        admin.user_id,
        "postgres",
    )


@pytest.mark.parametrize(
    ("headers", "address"),
    [
        ({"cf-connecting-ip": "2001:db8::1", "x-forwarded-for": "192.0.2.7"}, "2001:db8::1"),
        ({"cf-connecting-ip": " ", "x-forwarded-for": "192.0.2.7"}, "192.0.2.7"),
        ({"x-forwarded-for": " 192.0.2.7 "}, "192.0.2.7"),
        ({"x-forwarded-for": "192.0.2.7:443"}, None),
        ({"x-forwarded-for": "'; drop table profiles"}, None),
        ({"x-forwarded-for": "unknown"}, None),
        ({"x-forwarded-for": {"a": 1}}, None),
        ({"x-forwarded-for": None}, None),
        ("{not json", None),
        ('{"x-forwarded-for": "\\u0000"}', None),
        ("[1]", None),
        ("7", None),
        ("", None),
    ],
)
def test_hostile_headers__break_no_write_and_invent_no_address(
    db: Database, owner: Actor, headers: object, address: str | None
) -> None:
    act(db, owner, "update public.profiles set bio = 'Hello.'", headers)
    (row,) = [e for e in entries(db, owner.user_id) if e["action"] == "profiles.update"]
    assert (row["ip_address"] and str(row["ip_address"])) == address
    assert row["user_agent"] is None


def test_email__is_not_kept_in_the_history(db: Database, owner: Actor) -> None:
    db.query(SYSTEM, "update auth.users set email = 'n@example.com' where id = %s", owner.user_id)
    assert "example.com" not in str(entries(db, owner.user_id))


def test_rows_that_go_with_their_account__leave_no_values(db: Database, admin: Actor) -> None:
    db.query(SYSTEM, "update public.profiles set bio = 'x' where id = %s", admin.user_id)
    db.query(SYSTEM, "delete from auth.users where id = %s", admin.user_id)
    gone = {e["action"]: e for e in entries(db, admin.user_id) if e["action"].endswith("delete")}
    assert set(gone) == {"profiles.delete", "admin_users.delete"}
    for row in gone.values():
        assert row["changes"] == {"before": {}, "after": {}}
        assert row["owner_id"] == admin.user_id
    act = [e for e in entries(db, admin.user_id) if e["action"] == "profiles.update"]
    assert act[0]["user_id"] is None


def test_row_that_is_deleted_alone__keeps_its_values(db: Database, admin: Actor) -> None:
    db.query(SYSTEM, "delete from public.admin_users where user_id = %s", admin.user_id)
    (row,) = [e for e in entries(db, admin.user_id) if e["action"] == "admin_users.delete"]
    assert row["changes"]["before"]["role"] == "admin"


@pytest.fixture
def entry(db: Database, owner: Actor) -> UUID:
    act(db, owner, "update public.profiles set bio = 'Hi', phone = '1'", {"user-agent": "B"})
    (row,) = [e for e in entries(db, owner.user_id) if e["action"] == "profiles.update"]
    assert isinstance(row["id"], UUID)
    return row["id"]


@pytest.mark.parametrize(
    "change",
    [
        "action = 'profiles.none'",
        "entity_type = 'x'",
        "entity_id = 'x'",
        "actor_role = 'anon'",
        "owner_id = null",
        "created_at = created_at + interval '1 s'",
        "id = gen_random_uuid()",
        "user_agent = 'Another'",
        "ip_address = '192.0.2.1'",
        "changes = '{}'",
        "changes = changes #- '{after,bio}'",
        "changes = jsonb_set(changes, '{after,bio}', 'null')",
    ],
)
def test_history__cannot_be_changed(db: Database, entry: UUID, change: str) -> None:
    before = db.one(SYSTEM, "select * from public.audit_logs where id = %s", entry)
    with refused("P0001", match="is history"):
        db.query(SYSTEM, f"update public.audit_logs set {change} where id = %s", entry)
    assert db.one(SYSTEM, "select * from public.audit_logs where id = %s", entry) == before


def test_history__can_be_forgotten(db: Database, entry: UUID) -> None:
    sql = (
        "update public.audit_logs set user_id = null, changes = null, ip_address = null, "
        "user_agent = null where id = %s"
    )
    assert db.affected(SYSTEM, sql, entry) == 1


@pytest.mark.parametrize(
    ("change", "entity"),
    [
        (
            "update public.plan_limits set max_uses = 77 "
            "where (plan_code, meter, period) = ('pro', 'analyses', 'day')",
            "pro:analyses:day",
        ),
        (
            "update public.retention_policies set keep = '77 days' "
            "where (relation, condition) = ('public.system_events', 'errors')",
            "public.system_events:errors",
        ),
    ],
)
def test_row_with_a_key_of_several_columns__is_named_by_all_of_them(
    db: Database, change: str, entity: str
) -> None:
    assert db.affected(SYSTEM, change) == 1
    assert [row["action"].partition(".")[2] for row in entries(db, entity)][-1] == "update"


def test_history__is_made_by_changes_alone(db: Database, owner: Actor, admin: Actor) -> None:
    sql = "insert into public.audit_logs (actor_role, action, entity_type, entity_id) "
    for actor in (owner, admin, SERVICE, ANON):
        with refused("42501", match=NO_GRANT):
            db.query(actor, sql + "values ('x', 'x', 'x', 'x')")
        with refused("42501", match=NO_GRANT):
            db.query(actor, "select private.record_event('x.y')")


# Which tables are audited, by which key, without which columns, and what is masked in them.
AUDITED = {
    "admin_users": ("user_id", "", ""),
    "global_config": ("key", "", ""),
    "operations": ("code", "", ""),
    "payments": ("id", "last_event_at", "provider_payment_id,provider_subscription_id"),
    "plan_limits": ("plan_code,meter,period", "", ""),
    "plan_prices": ("id", "", ""),
    "plans": ("code", "", ""),
    "profiles": ("id", "email", ""),
    "resumes": (
        "id",
        "title,content,layout,search,version,extracted_text,parsed_data,parse_status,parse_error,"
        "parse_warnings,file_sha256,file_size_bytes,ats_score,optimization_score,thumbnail_path,"
        "exported_pdf_path,last_edited_at,last_accessed_at",
        "share_slug",
    ),
    "retention_policies": ("relation,condition", "last_run_at,last_count", ""),
    "subscriptions": ("id", "last_event_at", "provider_subscription_id,provider_customer_id"),
    "token_pack_prices": ("id", "", ""),
    "token_packs": ("code", "", ""),
    "token_transactions": ("id", "", ""),
}


def test_audited_tables__are_the_sensitive_ones(db: Database) -> None:
    found = db.query(
        SYSTEM,
        "select c.relname as name, encode(t.tgargs, 'escape') as arguments "
        "from pg_trigger t join pg_class c on c.oid = t.tgrelid "
        "where t.tgfoid = 'private.tg_audit()'::regprocedure",
    )
    arguments = {row["name"]: row["arguments"].split("\\000")[:3] for row in found}
    assert {
        name: (key, ignored.strip("{}"), masked.strip("{}"))
        for name, (key, ignored, masked) in arguments.items()
    } == AUDITED
