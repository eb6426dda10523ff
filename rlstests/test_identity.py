"""Room identity: signing up makes a whole account, and nobody raises themselves."""

import json
import unicodedata
from uuid import uuid4

import pytest

from rlstests.actors import ANON, NO_GRANT, SYSTEM, Actor, Database, refused


def profile(db: Database, actor: Actor) -> dict[str, object]:
    return db.one(SYSTEM, "select * from public.profiles where id = %s", actor.user_id)


def test_signup__makes_profile_preferences_and_allowance(db: Database) -> None:
    ada = db.add_user("ada", {"full_name": " Ada Lovelace ", "avatar_url": "https://x.example/a"})
    own = profile(db, ada)
    assert own["full_name"] == "Ada Lovelace"
    assert own["avatar_url"] == "https://x.example/a"
    assert own["subscription_tier"] == "free"
    assert db.query(ada, "select theme from public.user_preferences") == [{"theme": "system"}]
    counters = db.query(ada, "select meter, period_type, used from public.usage_counters")
    assert counters == [{"meter": "ai_actions", "period_type": "lifetime", "used": 0}]


@pytest.mark.parametrize(
    "metadata",
    [
        None,
        [],
        "a string",
        42,
        {"full_name": {"nested": "object"}, "avatar_url": 7},
        {"full_name": "x" * 100_000},
        {"full_name": "line\nbreak\tand\u0007bell"},
        {"full_name": "   ", "name": "\u202e"},
        {"avatar_url": "javascript:alert(1)"},
        {"picture": "https://x.example/" + "y" * 5000},
    ],
)
def test_signup__is_never_blocked_by_metadata(db: Database, metadata: object) -> None:
    own = profile(db, db.add_user("odd", metadata))
    for column in ("full_name", "avatar_url"):
        text = str(own[column] or "")
        assert not any(unicodedata.category(character) == "Cc" for character in text)
    assert own["avatar_url"] is None or str(own["avatar_url"]).startswith("https://")
    assert len(str(own["full_name"] or "")) <= 200


def test_signup_without_metadata_or_email__works(db: Database) -> None:
    user_id = uuid4()
    db.query(
        SYSTEM,
        "insert into auth.users (id, phone, raw_user_meta_data) values (%s, '+4930123456', null)",
        user_id,
    )
    assert db.value(SYSTEM, "select email from public.profiles where id = %s", user_id) is None


def test_email_change__is_followed(db: Database, owner: Actor, admin: Actor) -> None:
    for actor in (owner, admin):
        db.query(
            SYSTEM,
            "update auth.users set email = %s where id = %s",
            f"new-{actor.name}@example.com",
            actor.user_id,
        )
    assert profile(db, owner)["email"] == "new-owner@example.com"
    assert db.value(
        SYSTEM, "select email from public.admin_users where user_id = %s", admin.user_id
    ) == ("new-admin@example.com")


def test_deleted_user__takes_everything_along(db: Database, owner: Actor) -> None:
    db.query(owner, "insert into public.resumes (title) values ('Mine')")
    db.query(owner, "insert into public.user_settings (setting_key) values ('a')")
    db.query(SYSTEM, "delete from auth.users where id = %s", owner.user_id)
    for table, key in (("profiles", "id"), ("resumes", "user_id"), ("user_settings", "user_id")):
        assert (
            db.query(SYSTEM, f"select 1 from public.{table} where {key} = %s", owner.user_id) == []
        )


@pytest.mark.parametrize(
    "column",
    ["subscription_tier", "subscription_status", "is_active", "deleted_at", "email", "id"],
)
def test_profile__lets_nobody_raise_themselves(db: Database, owner: Actor, column: str) -> None:
    before = profile(db, owner)
    with refused("42501", match=NO_GRANT):
        db.query(owner, f"update public.profiles set {column} = {column}")
    with refused("42501", match=NO_GRANT):
        db.query(
            owner,
            f"insert into public.profiles (id, {column if column != 'id' else 'email'}) "
            "values (auth.uid(), null)",
        )
    assert profile(db, owner) == before


def test_profile__refuses_a_link_that_is_a_script(db: Database, owner: Actor) -> None:
    with refused("23514"):
        db.query(owner, "update public.profiles set website = 'javascript:alert(1)'")
    assert db.affected(owner, "update public.profiles set website = 'https://a.example'") == 1


def test_active_resume__must_be_ones_own(db: Database, owner: Actor, stranger: Actor) -> None:
    mine = db.value(owner, "insert into public.resumes (title) values ('Mine') returning id")
    theirs = db.value(stranger, "insert into public.resumes (title) values ('T') returning id")
    assert db.affected(owner, "update public.profiles set active_resume_id = %s", mine) == 1
    # The same answer for a stranger's résumé and for none at all: nothing can be probed.
    for foreign in (theirs, uuid4()):
        with refused("23503", match="profiles_active_resume_fkey") as caught:
            db.query(owner, "update public.profiles set active_resume_id = %s", foreign)
        assert "is not present" in str(caught.value.diag.message_detail)


def test_admin__must_be_active(db: Database, owner: Actor, admin: Actor) -> None:
    sql = "select count(*) from public.profiles"
    assert db.value(admin, sql) > 1
    db.query(SYSTEM, "update public.profiles set is_active = false where id = %s", admin.user_id)
    assert db.value(admin, sql) == 1
    assert db.value(owner, "select private.is_admin()") is False


def test_nobody_signed_in__is_nobody(db: Database) -> None:
    unknown = Actor("ghost", "authenticated", None)
    assert db.query(unknown, "select * from public.profiles") == []
    with refused("42501", match=NO_GRANT):
        db.query(ANON, "select private.is_admin()")
    with refused("PT401"):
        db.query(unknown, "select public.trash_resume(%s)", uuid4())


def test_settings__can_be_upserted_by_their_owner_only(
    db: Database, owner: Actor, stranger: Actor
) -> None:
    upsert = (
        "insert into public.user_settings (user_id, setting_key, setting_value) "
        "values (%s, 'k', %s) "
        "on conflict (user_id, setting_key) do update set user_id = excluded.user_id, "
        "setting_key = excluded.setting_key, setting_value = excluded.setting_value"
    )
    for value in (1, {"nested": [True]}):
        assert db.affected(owner, upsert, owner.user_id, json.dumps(value)) == 1
    assert db.query(owner, "select setting_value from public.user_settings") == [
        {"setting_value": {"nested": [True]}}
    ]
    with refused("42501", match="row-level security"):
        db.query(stranger, upsert, owner.user_id, "1")
