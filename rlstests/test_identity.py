"""Room identity: signing up makes a whole account, and nobody raises themselves."""

import json
import unicodedata
from uuid import uuid4

import pytest

from rlstests.actors import ANON, NO_GRANT, POLICY, SYSTEM, Actor, Database, refused
from rlstests.samples import SAMPLES, make_row


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


def test_signup__takes_names_from_the_usual_keys(db: Database) -> None:
    ada = db.add_user(
        "ada", {"full_name": "\n", "name": "Ada L.", "given_name": "Ada", "family_name": "Lovelace"}
    )
    own = profile(db, ada)
    names = (own["full_name"], own["first_name"], own["last_name"])
    assert names == ("Ada L.", "Ada", "Lovelace")


def test_signup_and_email_change__work_with_the_rights_of_auth(db: Database) -> None:
    # Auth's own role has no rights on our tables: the triggers must bring theirs.
    auth = Actor("auth", "gateway")
    user_id = uuid4()
    db.query(
        auth, "insert into auth.users (id, email) values (%s, %s)", user_id, f"{user_id}@a.example"
    )
    db.query(
        auth, "update auth.users set email = %s where id = %s", f"{user_id}@b.example", user_id
    )
    email = db.value(SYSTEM, "select email from public.profiles where id = %s", user_id)
    assert email == f"{user_id}@b.example"
    db.query(auth, "delete from auth.users where id = %s", user_id)


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


def test_deleted_user__takes_every_row_along(db: Database, owner: Actor) -> None:
    tables = db.query(
        SYSTEM,
        """
        select k.conrelid::regclass::text as name, a.attname as column
        from pg_constraint k
        join pg_attribute a on a.attrelid = k.conrelid and a.attnum = k.conkey[1]
        where k.contype = 'f' and k.confrelid = 'public.profiles'::regclass
        """,
    )
    assert len(tables) > 6
    for relation in SAMPLES:
        if relation == "public.admin_users":
            continue
        with db.connection.transaction(force_rollback=True):
            make_row(db, relation, owner)
            db.query(SYSTEM, "delete from auth.users where id = %s", owner.user_id)
            for table in tables:
                sql = f"select 1 from {table['name']} where {table['column']} = %s"
                assert db.query(SYSTEM, sql, owner.user_id) == [], (relation, table)


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


def test_active_resume__must_be_ones_own_and_not_in_the_trash(
    db: Database, owner: Actor, stranger: Actor
) -> None:
    add = "insert into public.resumes (title) values ('Mine') returning id"
    mine, trashed, theirs = db.value(owner, add), db.value(owner, add), db.value(stranger, add)
    db.query(owner, "select public.trash_resume(%s)", trashed)
    choose = "update public.profiles set active_resume_id = %s"
    assert db.affected(owner, choose, mine) == 1
    # The same answer for a stranger's résumé, the own trash and none at all: nothing to probe.
    for wrong in (theirs, trashed, uuid4()):
        with refused("42501", match="row-level security"):
            db.query(owner, choose, wrong)


def test_active_resume__of_another_user_is_refused_by_the_foreign_key_too(
    db: Database, owner: Actor, stranger: Actor
) -> None:
    theirs = db.value(stranger, "insert into public.resumes (title) values ('T') returning id")
    with refused("23503", match="profiles_active_resume_fkey"):
        db.query(
            SYSTEM,
            "update public.profiles set active_resume_id = %s where id = %s",
            theirs,
            owner.user_id,
        )


def test_deleted_resume__leaves_its_profile(db: Database, owner: Actor) -> None:
    resume = db.value(owner, "insert into public.resumes (title) values ('Mine') returning id")
    db.query(owner, "update public.profiles set active_resume_id = %s", resume)
    db.query(SYSTEM, "delete from public.resumes where id = %s", resume)
    assert profile(db, owner)["active_resume_id"] is None


@pytest.mark.parametrize(("is_active", "leaves"), [(False, False), (True, True)])
def test_blocked_or_leaving_account__reads_and_writes_nothing(
    db: Database, owner: Actor, is_active: bool, leaves: bool
) -> None:
    db.query(owner, "insert into public.user_settings (setting_key) values ('a')")
    db.query(owner, "insert into public.resumes (title) values ('Mine')")
    db.query(
        SYSTEM,
        "update public.profiles set is_active = %s, deleted_at = case when %s then now() end "
        "where id = %s",
        is_active,
        leaves,
        owner.user_id,
    )
    for sql in (
        "update public.profiles set bio = 'x'",
        "update public.user_preferences set theme = 'dark'",
        "update public.user_settings set setting_value = '1'",
        "insert into public.user_settings (setting_key) values ('b')",
        "update public.resumes set title = 'x'",
        "insert into public.resumes (title) values ('x')",
        f"insert into storage.objects (bucket_id, name) "
        f"values ('resumes', '{owner.user_id}/{uuid4()}.pdf')",
    ):
        with refused("42501", match="row-level security"):
            db.query(owner, sql)
    with refused("PT403"):
        db.query(owner, "select public.trash_resume(%s)", uuid4())
    assert len(db.query(owner, "select 1 from public.resumes")) == 1
    assert db.affected(owner, "delete from public.user_settings") == 1


@pytest.mark.parametrize("change", ["is_active = false", "deleted_at = now()"])
def test_admin__must_be_active(db: Database, owner: Actor, admin: Actor, change: str) -> None:
    sql = "select count(*) from public.admin_users"
    assert db.value(admin, sql) >= 1
    db.query(SYSTEM, f"update public.profiles set {change} where id = %s", admin.user_id)
    assert db.value(admin, sql) == 0
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


ADD_SETTINGS = (
    "insert into public.user_settings (setting_key, setting_value) "
    "select 'k' || n, '1' from generate_series(1, %s) as n "
    "on conflict (user_id, setting_key) do update set setting_value = '2'"
)


def test_settings__are_limited_for_each_user(db: Database, owner: Actor, stranger: Actor) -> None:
    db.query(SYSTEM, "delete from public.global_config where key = 'max_settings'")
    assert db.affected(owner, ADD_SETTINGS, 200) == 200
    # Writing those that are there again is no new one.
    assert db.affected(owner, ADD_SETTINGS, 200) == 200
    with refused("PT422", match="More than 200"):
        db.query(owner, ADD_SETTINGS, 201)
    db.query(SYSTEM, "insert into public.global_config (key, value) values ('max_settings', '2')")
    assert db.affected(stranger, ADD_SETTINGS, 2) == 2
    with refused("PT422", match="More than 2"):
        db.query(stranger, ADD_SETTINGS, 3)
    # What a stranger has is none of the caller's business: the policy answers first.
    sql = "insert into public.user_settings (user_id, setting_key) values (%s, 'x')"
    with refused("42501", match=POLICY):
        db.query(stranger, sql, owner.user_id)


def test_active_resume__that_is_gone_keeps_no_edit_from_the_profile(
    db: Database, owner: Actor
) -> None:
    resume = db.value(owner, "insert into public.resumes (title) values ('Mine') returning id")
    db.query(owner, "update public.profiles set active_resume_id = %s", resume)
    db.query(SYSTEM, "update public.resumes set deleted_at = now() where id = %s", resume)
    sql = "update public.profiles set full_name = 'Ada', active_resume_id = %s"
    assert db.affected(owner, sql, resume) == 1
