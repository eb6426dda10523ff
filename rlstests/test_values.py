"""Every CHECK is where rlstests/values.yml says: at the limit it accepts, one beyond it refuses."""

import re
from collections.abc import Iterator

import psycopg
import pytest

from rlstests.actors import SYSTEM, Database
from rlstests.conftest import Scene, World
from rlstests.samples import SAMPLES
from rlstests.values import Case, Rule, cases, stated

STATED = stated()
ENTRIES = [(relation, target) for relation, rules in STATED.items() for target in rules]
CONSTRAINTS = """
    select format('%I.%I', c.relnamespace::regnamespace, c.relname) as relation, k.conname as name,
        pg_get_constraintdef(k.oid) as definition,
        array(
            select a.attname::text from pg_attribute a
            where a.attrelid = k.conrelid and a.attnum = any(k.conkey)
        ) as columns
    from pg_constraint k join pg_class c on c.oid = k.conrelid
    where k.contype = 'c' and not c.relispartition
        and k.connamespace::regnamespace::text in ('public', 'private', 'queue')
"""
TYPES = """
    select attname::text, format_type(atttypid, atttypmod) as type from pg_attribute
    where attrelid = %s::regclass and attnum > 0 and not attisdropped
"""
# A value that passed its CHECK may still be taken, or point at nothing.
AFTER_THE_CHECKS = ("23503", "23505")
# A generated column cannot be computed from it, or the type is too small for it.
BEFORE_THE_CHECKS = "22"


Constraints = dict[str, dict[str, list[str]]]


@pytest.fixture(scope="module")
def constraints(world: World) -> Constraints:
    """The CHECK constraints of each relation, and the columns of each."""
    found: Constraints = {}
    with world.db.acting(SYSTEM) as connection:
        for row in connection.execute(CONSTRAINTS):
            found.setdefault(row["relation"], {})[row["name"]] = row["columns"]
    return found


@pytest.fixture
def open_scene(scene: Scene) -> Scene:
    """The row of a relation, whose triggers keep nobody from changing it."""
    scene.db.query(SYSTEM, f"alter table {scene.relation} disable trigger user")
    return scene


def violated(scene: Scene, case: Case) -> str:
    """Assign to the owner's row; the CHECK, or the SQLSTATE before it, that refused."""
    where = SAMPLES[scene.relation].where.replace("%(owner)s", f"'{scene.owner.user_id}'")
    sql = f"update {scene.relation} set {case.assignment} where {where.replace('%%', '%')}"
    connection = scene.db.connection
    try:
        with connection.transaction(force_rollback=True):
            assert connection.execute(sql.encode()).rowcount > 0
    except psycopg.Error as error:
        if error.sqlstate == "23514":
            return str(error.diag.constraint_name)
        if str(error.sqlstate).startswith(BEFORE_THE_CHECKS):
            return str(error.sqlstate)
        if error.sqlstate not in AFTER_THE_CHECKS:
            raise AssertionError(f"{sql[:300]}: {error}") from error
    return ""


def all_cases(scene: Scene, target: str, rule: Rule) -> Iterator[Case]:
    types = {row["attname"]: row["type"] for row in scene.db.query(SYSTEM, TYPES, scene.relation)}
    assert scene.owner.user_id
    return cases(target, rule, types.get(target), scene.owner.user_id)


@pytest.mark.parametrize(("relation_scene", "target"), ENTRIES, indirect=["relation_scene"])
def test_value_rule__accepts_the_limit_and_refuses_one_beyond(
    open_scene: Scene, constraints: Constraints, target: str
) -> None:
    known = constraints.get(open_scene.relation, {})
    own = {name for name, columns in known.items() if target in (name, *columns)}
    assert own, f"no CHECK of {open_scene.relation} is called {target} or is about it"
    for case in all_cases(open_scene, target, STATED[open_scene.relation][target]):
        refused_by = violated(open_scene, case)
        if case.accepted:
            assert not refused_by, case.assignment[:300]
        else:
            before = refused_by.startswith(BEFORE_THE_CHECKS)
            assert before or refused_by in own, case.assignment[:300]


@pytest.mark.parametrize("relation_scene", list(STATED), indirect=True)
def test_every_check__refuses_something(open_scene: Scene, constraints: Constraints) -> None:
    # So dropping any of them fails a test, also one whose column has another beside it.
    seen = {
        violated(open_scene, case)
        for target, rule in STATED[open_scene.relation].items()
        for case in all_cases(open_scene, target, rule)
        if not case.accepted
    }
    assert set(constraints.get(open_scene.relation, {})) - seen == set()


def test_relations_with_a_check__are_the_ones_in_values_yml(db: Database) -> None:
    with db.acting(SYSTEM) as connection:
        found = connection.execute(CONSTRAINTS).fetchall()
    assert {row["relation"] for row in found} == set(STATED)


def test_lists_of_texts__are_the_ones_in_values_yml(db: Database) -> None:
    # One beyond a list is any other text; this says that there is no other.
    with db.acting(SYSTEM) as connection:
        found = connection.execute(CONSTRAINTS).fetchall()
    lists = 0
    for row in found:
        listed = re.fullmatch(r"CHECK \(\((\w+) = ANY \(ARRAY\[(.*)\]\)\)\)", row["definition"])
        if listed:
            rule = STATED[row["relation"]][listed[1]]
            texts = re.findall(r"'((?:[^']|'')*)'::text", listed[2])
            assert sorted(rule["one_of"]) == sorted(texts), (row["relation"], listed[1])
            lists += 1
    assert lists > 5


def test_value_rules__say_only_what_is_understood() -> None:
    for relation, target in ENTRIES:
        rule = STATED[relation][target]
        if "sql_refuses" in rule:
            assert set(rule) <= {"one_of", "sql_accepts", "sql_refuses"}, (relation, target)
            assert rule["sql_accepts"] and rule["sql_refuses"], (relation, target)
