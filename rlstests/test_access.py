"""The access matrix: what rlstests/access.yml intends is what the database does, and no more."""

from contextlib import suppress
from typing import Any

import psycopg
import pytest

from rlstests.access_page import PAGE, render
from rlstests.actors import NO_GRANT, POLICY, refused
from rlstests.conftest import Scene
from rlstests.intent import COMMANDS, IDENTITIES, INACTIVE, OUTCOMES, cells, intended, outcome
from rlstests.samples import SAMPLES, statement

INTENT = intended()
RELATIONS: dict[str, Any] = INTENT["relations"]
CELLS = list(cells(RELATIONS))


# The relation comes first in each, and pytest runs what shares a scene together.
@pytest.mark.parametrize(
    ("relation_scene", "identity", "command", "outcome"), CELLS, indirect=["relation_scene"]
)
def test_matrix_cell__does_what_access_yml_says(
    scene: Scene, identity: str, command: str, outcome: str
) -> None:
    if identity in INACTIVE:
        scene.db.make_inactive(identity, scene.people[identity])
    before = scene.rows()
    assert before, "positive control: the row that is asked for exists"
    sql = statement(scene.relation, command)

    if outcome == "yes":
        assert scene.run(identity, sql) == 1
        if command != "select":
            assert command == "insert" or scene.rows() != before
        return
    if outcome == "nothing":
        assert scene.run(identity, sql) == 0
    else:
        with pytest.raises(psycopg.Error) as caught:
            scene.run(identity, sql)
        denial = caught.value.sqlstate, str(caught.value)
        # Postgres asks whether a view can be written at all before it looks at grants.
        if not (outcome == "refused" and denial[0] == "55000" and "view" in denial[1]):
            assert denial[0] == "42501", denial
            assert (POLICY if outcome == "policy" else NO_GRANT) in denial[1]
    assert scene.rows() == before


@pytest.mark.parametrize("relation_scene", list(RELATIONS), indirect=True)
@pytest.mark.parametrize("identity", ["anon", "stranger", "admin", "service", "deleted"])
@pytest.mark.parametrize("command", ["update", "delete"])
def test_command_on_everything__leaves_other_peoples_rows_alone(
    scene: Scene, identity: str, command: str
) -> None:
    # A WHERE needs SELECT, whose policy would hide the row: without one, the policy of the command
    # itself has to keep strangers out.
    if scene.owner is scene.people[identity]:
        scene = Scene(scene.db, scene.people, scene.relation, scene.db.add_admin("another"))
    before = scene.rows()
    assert before, "positive control: the row that must survive exists"
    sql = statement(scene.relation, command, everywhere=True)
    with suppress(
        psycopg.errors.InsufficientPrivilege, psycopg.errors.ObjectNotInPrerequisiteState
    ):
        scene.run(identity, sql)
    assert scene.rows() == before


OWN_ROWS = [
    name for name, intent in RELATIONS.items() if outcome(intent, "owner", "insert") == "yes"
]


@pytest.mark.parametrize("relation_scene", OWN_ROWS, indirect=True)
def test_deleted_account__makes_no_rows_of_its_own(scene: Scene) -> None:
    ghost = scene.people["deleted"]
    with refused("42501", match=POLICY), scene.db.acting(ghost) as connection:
        connection.execute(statement(scene.relation, "insert"), {"owner": ghost.user_id})


def test_access_yml__says_only_what_is_understood() -> None:
    known = {"select", "insert", "update", *IDENTITIES}
    for relation, intent in RELATIONS.items():
        assert set(intent) <= known, relation
        for identity in set(intent) & set(IDENTITIES):
            assert set(intent[identity]) <= set(COMMANDS), (relation, identity)
    assert {cell[-1] for cell in CELLS} <= set(OUTCOMES)
    assert {cell[-1] for cell in CELLS if cell[1] in INACTIVE} == set(OUTCOMES)


def test_page__is_what_access_yml_says() -> None:
    assert PAGE.read_text(encoding="utf-8") == render(INTENT), "run: make access"


def test_samples__cover_every_relation_of_access_yml() -> None:
    assert set(SAMPLES) == set(RELATIONS)
