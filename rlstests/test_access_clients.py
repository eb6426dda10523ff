"""What client libraries send: select=*, INSERT … RETURNING, and upserts, under column grants."""

import re
from typing import Any

import pytest

from rlstests.actors import NO_GRANT, SYSTEM, Database, refused
from rlstests.conftest import Scene
from rlstests.intent import IDENTITIES, INACTIVE, intended, outcome, reads_all, role_of
from rlstests.samples import SAMPLES, statement

RELATIONS: dict[str, Any] = intended()["relations"]
READS = [
    (relation, identity)
    for relation, intent in RELATIONS.items()
    for identity in IDENTITIES
    if outcome(intent, identity, "select") == "yes" and reads_all(intent, role_of(identity))
]
INSERTS = [
    (relation, identity)
    for relation, intent in RELATIONS.items()
    for identity in IDENTITIES
    if outcome(intent, identity, "insert") == "yes"
]
OWNERS = [relation for relation, identity in INSERTS if identity == "owner"]


def test_reads_and_inserts__are_there() -> None:
    assert len(READS) > 20
    assert {"public.resumes", "public.user_settings"} <= set(OWNERS)


@pytest.mark.parametrize(("relation_scene", "identity"), READS, indirect=["relation_scene"])
def test_select_star__works_for_who_may_read_every_column(scene: Scene, identity: str) -> None:
    if identity in INACTIVE:
        scene.db.make_inactive(identity, scene.people[identity])
    sql = f"select * from {scene.relation} where {SAMPLES[scene.relation].where}"
    assert scene.run(identity, sql) == 1


@pytest.mark.parametrize(("relation_scene", "identity"), INSERTS, indirect=["relation_scene"])
def test_insert_returning__gives_the_new_row_to_who_may_read_it(
    scene: Scene, identity: str
) -> None:
    intent = RELATIONS[scene.relation]
    readable = intent.get("select", {}).get(role_of(identity))
    sql = statement(scene.relation, "insert")
    if readable and outcome(intent, identity, "select") == "yes":
        columns = "*" if readable == "all" else ", ".join(readable)
        assert scene.run(identity, f"{sql} returning {columns}") == 1
    else:
        with refused("42501"):
            scene.run(identity, f"{sql} returning *")


def primary_key(db: Database, relation: str) -> list[str]:
    return [
        row["attname"]
        for row in db.query(
            SYSTEM,
            "select a.attname from pg_index i join pg_attribute a "
            "on a.attrelid = i.indrelid and a.attnum = any(i.indkey) "
            "where i.indisprimary and i.indrelid = %s::regclass",
            relation,
        )
    ]


@pytest.mark.parametrize("relation_scene", OWNERS, indirect=True)
def test_upsert__works_where_every_inserted_column_may_be_updated(scene: Scene) -> None:
    # As PostgREST does it: every column of the body is in SET, and the key is the conflict target.
    sql = statement(scene.relation, "insert")
    listed = re.match(r"\s*\(([^)]*)\)", SAMPLES[scene.relation].insert)
    columns = [c.strip() for c in listed[1].split(",")] if listed else []
    key = primary_key(scene.db, scene.relation)
    if not key:
        return  # A view has no key to conflict on.
    changes = ", ".join(f"{column} = excluded.{column}" for column in columns)
    upsert = f"{sql} on conflict ({', '.join(key)}) do update set {changes}"
    if set(columns) <= set(RELATIONS[scene.relation].get("update", [])):
        for _ in range(2 if set(key) <= set(columns) else 1):
            assert scene.run("owner", upsert) == 1
    else:
        with refused("42501", match=NO_GRANT):
            scene.run("owner", upsert)
