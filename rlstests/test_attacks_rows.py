"""Statements that name no row reach the caller's own rows, and no others even in passing."""

from typing import Any

import pytest

from rlstests.actors import Actor, Database
from rlstests.intent import intended
from rlstests.samples import make_row, rows, statement

RELATIONS: dict[str, Any] = intended()["relations"]
UPDATED_BY_OWNERS = sorted(
    name for name, intent in RELATIONS.items() if intent.get("stranger", {}).get("update")
)
DELETED_BY_OWNERS = sorted(
    name for name, intent in RELATIONS.items() if intent.get("stranger", {}).get("delete")
)


@pytest.mark.parametrize(
    ("relation", "command"),
    [
        *((name, "update") for name in UPDATED_BY_OWNERS),
        *((name, "delete") for name in DELETED_BY_OWNERS),
    ],
)
def test_statement_without_where__passes_over_other_peoples_rows(
    db: Database, owner: Actor, stranger: Actor, relation: str, command: str
) -> None:
    # Were the old rows not filtered, the check of the new ones would raise: rows are passed over,
    # or the statement would tell that they are there.
    make_row(db, relation, owner)
    before = rows(db, relation, owner)
    assert before, "positive control: the row that must survive exists"
    sql = statement(relation, command).partition(" where ")[0]
    mine = rows(db, relation, stranger).splitlines()
    with db.acting(stranger) as connection:
        cursor = connection.execute(sql, {"owner": stranger.user_id})
    assert cursor.rowcount == len(mine)
    assert rows(db, relation, owner) == before
