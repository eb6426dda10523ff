"""Attacks across tenants, tried on every table there is: other people's ids, parents and rows."""

from typing import Any

import psycopg
import pytest

from rlstests.actors import NO_GRANT, POLICY, SYSTEM, Actor, Database, refused
from rlstests.intent import intended
from rlstests.samples import SAMPLES, make_row, rows
from rlstests.tenancy import copy_for, row_id, tenant_keys

RELATIONS: dict[str, Any] = intended()["relations"]
PUBLIC = sorted(name for name in RELATIONS if name.startswith("public."))
OWNER_COLUMNS = {"public.profiles": "id", "public.resume_templates": "owner_id"}
WRITABLE = [name for name in PUBLIC if RELATIONS[name].get("update")]
# Of a relation that holds public rows as well, those that are somebody's.
HIDDEN_ROWS = {"public.resume_templates": "owner_id is not null"}
# Signed in, but without a user id, with an empty one, or with one that nobody has.
CLAIMS_OF_NOBODY = [
    "",
    "{}",
    '{"role": "authenticated"}',
    '{"sub": null, "role": "authenticated"}',
    '{"sub": "", "role": "authenticated"}',
    '{"sub": "00000000-0000-0000-0000-000000000000", "role": "authenticated"}',
]


# What a CHECK wants to see changed along with the key.
ALONG = {("public.payments", "subscription_id"): ", kind = 'subscription', tokens = null"}


def hang(db: Database, child: str, column: str, owner: Actor, parent_id: object) -> None:
    """Point the owner's row at this parent, as the system, which no policy or trigger stops."""
    with db.acting(SYSTEM) as connection:
        connection.execute(f"alter table {child} disable trigger user")
        cursor = connection.execute(
            f"update {child} set {column} = %(parent)s{ALONG.get((child, column), '')} "
            f"where {SAMPLES[child].where}",
            {"owner": owner.user_id, "parent": parent_id},
        )
        assert cursor.rowcount == 1
        connection.execute(f"alter table {child} enable trigger user")


def test_rows__cannot_be_hung_on_a_strangers_row(
    db: Database, owner: Actor, stranger: Actor
) -> None:
    keys = tenant_keys(db)
    assert keys, "positive control: there are keys between tenant tables"
    hung = []
    for key in keys:
        with db.connection.transaction(force_rollback=True):
            make_row(db, key.child, owner)
            own = row_id(db, key.parent, owner)
            with db.connection.transaction(force_rollback=True):
                hang(db, key.child, key.column, owner, own)  # positive control
            foreign = copy_for(db, key.parent, owner, stranger)
            try:
                hang(db, key.child, key.column, owner, foreign)
                hung.append(key.name)
            except psycopg.errors.ForeignKeyViolation:
                continue
    assert hung == []


@pytest.mark.parametrize("relation", WRITABLE)
def test_update__cannot_give_a_row_away(
    db: Database, owner: Actor, stranger: Actor, relation: str
) -> None:
    column = OWNER_COLUMNS.get(relation, "user_id")
    make_row(db, relation, owner)
    before = rows(db, relation, owner)
    assert before, "positive control: the row is there"
    with refused("42501"):
        db.query(owner, f"update {relation} set {column} = %s", stranger.user_id)
    assert rows(db, relation, owner) == before


@pytest.mark.parametrize("claims", CLAIMS_OF_NOBODY)
def test_caller_without_an_id__sees_and_changes_nothing(
    db: Database, owner: Actor, claims: str
) -> None:
    # A guard that compares with null must not let anybody through.
    hidden = [
        name for name in PUBLIC if RELATIONS[name].get("stranger", {}).get("select") == "nothing"
    ]
    assert len(hidden) > 5
    for relation in hidden:
        with db.connection.transaction(force_rollback=True):
            make_row(db, relation, owner)
            db.connection.execute(
                "select set_config('role', 'authenticated', true), "
                "set_config('request.jwt.claims', %s, true), "
                "set_config('request.jwt.claim.sub', '', true)",
                (claims,),
            )
            where = HIDDEN_ROWS.get(relation, "true")
            sql = f"select 1 from {relation} where {where}"
            assert db.connection.execute(sql).fetchall() == [], relation
            if RELATIONS[relation]["stranger"].get("delete") == "nothing":
                assert db.connection.execute(f"delete from {relation}").rowcount == 0, relation


@pytest.mark.parametrize("relation", PUBLIC)
def test_system_columns__cannot_be_written_by_anybody(
    db: Database, owner: Actor, relation: str
) -> None:
    # By PATCH, by POST and by upsert: no column but those of access.yml, whatever its value.
    intent = RELATIONS[relation]
    sql = """
        select a.attname from pg_attribute a join pg_class c on c.oid = a.attrelid
        where c.relkind <> 'v' and a.attrelid = %s::regclass and a.attnum > 0 and not a.attisdropped
            and a.attgenerated = ''
    """
    columns = {row["attname"] for row in db.query(SYSTEM, sql, relation)}
    for column in sorted(columns - set(intent.get("update", []))):
        with refused("42501", match=NO_GRANT):
            db.query(owner, f"update {relation} set {column} = null")
    for column in sorted(columns - set(intent.get("insert", []))):
        with refused("42501", match=NO_GRANT):
            db.query(owner, f"insert into {relation} ({column}) values (null)")
        with refused("42501", match=NO_GRANT):
            db.query(
                owner,
                f"insert into {relation} ({column}) values (null) on conflict do nothing",
            )


def test_key_of_a_stranger__answers_like_one_that_is_free(
    db: Database, owner: Actor, stranger: Actor
) -> None:
    # Inserting with the id of a stranger's row must not tell that it exists; where a client may
    # choose ids at all, the policy speaks first.
    telling = []
    for relation in PUBLIC:
        if "id" not in RELATIONS[relation].get("insert", []):
            continue
        taken = row_id(db, relation, owner)
        try:
            db.query(stranger, f"insert into {relation} (id) values (%s)", taken)
        except psycopg.errors.UniqueViolation:
            telling.append(relation)
        except psycopg.Error:
            continue
    assert telling == []


def test_temporary_tables__do_not_shadow_ours(db: Database, owner: Actor) -> None:
    # pg_temp is searched first for every name without a schema: ours all have one.
    make_row(db, "public.resumes", owner)
    resume_id = row_id(db, "public.resumes", owner)
    with db.acting(owner) as connection:
        for table in ("profiles", "resumes", "admin_users", "plans", "plan_limits", "operations"):
            connection.execute(f"create temp table {table} as table public.{table} with no data")
        connection.execute("insert into pg_temp.admin_users (user_id) values (auth.uid())")
        connection.execute("insert into pg_temp.plan_limits values ('free', 'ai_actions', 'day')")
        connection.execute("set local search_path = pg_temp, public, private")
        assert connection.execute("select private.is_admin() as it").fetchone() == {"it": False}
        connection.execute("select public.trash_resume(%s)", (resume_id,))
    assert db.query(owner, "select 1 from public.resumes where id = %s", resume_id) == []


def test_policy_word__is_what_a_write_for_somebody_else_gets(
    db: Database, owner: Actor, stranger: Actor
) -> None:
    tried = 0
    for relation in PUBLIC:
        if "user_id" in RELATIONS[relation].get("insert", []):
            make_row(db, relation, owner)
            with refused("42501", match=POLICY), db.acting(stranger) as connection:
                connection.execute(
                    f"insert into {relation} {SAMPLES[relation].insert}", {"owner": owner.user_id}
                )
            tried += 1
    assert tried > 1, "positive control: clients write some tables"
