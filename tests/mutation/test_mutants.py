"""The enumerator of mutants: complete, stable, and each mutant changes what it says and no more."""

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import psycopg
import pytest

from cli.stack.status import StackStatus
from rlstests.mutation import bodies, equivalent
from rlstests.mutation.mutants import KINDS, Mutant, enumerate_mutants, matching, shuffled

# Kinds for which a schema need not have an object.
OPTIONAL = {"column-select", "view-as-owner", "unique-drop", "unique-index-drop"}

# Everything about the objects that a mutant may change, one row each.
CATALOGUE = """
select 'policy', p.oid::bigint, p::text from pg_policy p
union all select 'relation', c.oid, concat(c.relacl::text, c.relrowsecurity, c.reloptions::text)
from pg_class c where c.relkind in ('r', 'p', 'v')
union all select 'column', a.attrelid::bigint * 10000 + a.attnum, a.attacl::text
from pg_attribute a where a.attacl is not null and a.attnum > 0
union all select 'function', p.oid,
    concat(p.proacl::text, p.prosecdef, p.proconfig::text, md5(p.prosrc))
from pg_proc p
union all select 'trigger', t.oid, t.tgname
from pg_trigger t where not t.tgisinternal and t.tgparentid = 0
union all select 'constraint', k.oid, pg_get_constraintdef(k.oid)
from pg_constraint k where k.contype in ('c', 'f', 'u') and k.conparentid = 0 and k.coninhcount = 0
union all select 'index', i.indexrelid, i.indisunique::text
from pg_index i inner join pg_class c on c.oid = i.indexrelid
where not exists (select 1 from pg_constraint k where k.conindid = i.indexrelid)
    and not c.relispartition and c.relkind in ('i', 'I')
"""
CHANGED_BY = {
    "policy": "policy",
    "rls": "relation",
    "table": "relation",
    "view": "relation",
    "column": "column",
    "execute": "function",
    "definer": "function",
    "search": "function",
    "body": "function",
    "trigger": "trigger",
    "check": "constraint",
    "foreign": "constraint",
    "unique": "constraint",
}


@pytest.fixture(scope="module")
def connection(stack: StackStatus) -> Iterator[psycopg.Connection]:
    with psycopg.connect(stack.db_url) as connection:
        yield connection


@pytest.fixture(scope="module")
def mutants(connection: psycopg.Connection) -> list[Mutant]:
    return enumerate_mutants(connection)


def catalogue(connection: psycopg.Connection) -> set[tuple[str, int, str]]:
    return set(connection.execute(CATALOGUE).fetchall())


def test_every_kind__has_mutants(mutants: list[Mutant]) -> None:
    found = {mutant.kind for mutant in mutants}
    body_kinds = {"body-owner", "body-trash", "body-signed-in", "body-guard"}
    assert set(KINDS) - found <= OPTIONAL | (set(bodies.KINDS) - body_kinds)
    assert len(mutants) > 500


def test_ids__are_unique_stable_and_free_of_dates(
    connection: psycopg.Connection, mutants: list[Mutant]
) -> None:
    ids = [mutant.id for mutant in mutants]
    assert len(set(ids)) == len(ids)
    assert ids == [mutant.id for mutant in enumerate_mutants(connection)] == sorted(ids)
    assert matching(mutants, "*_20[0-9][0-9]_[0-9][0-9]*") == []


def test_mutants__concern_no_role_and_no_other_schema(mutants: list[Mutant]) -> None:
    for mutant in mutants:
        assert " role " not in mutant.sql.lower() or mutant.kind.startswith("body-"), mutant.id
        assert mutant.names and mutant.names[0], mutant.id


def test_each_kind__changes_one_object_of_its_own(
    connection: psycopg.Connection, mutants: list[Mutant]
) -> None:
    connection.execute("set search_path = ''")
    for kind, group in groupby(mutants, key=lambda mutant: mutant.kind):
        expected = CHANGED_BY[kind.partition("-")[0]]
        for mutant in list(shuffled(group, seed=1))[:3]:
            with connection.transaction(force_rollback=True):
                before = catalogue(connection)
                connection.execute(mutant.sql.encode())
                changed = {(what, oid) for what, oid, _ in before ^ catalogue(connection)}
            # A key made anew is another object, with another oid; so is a unique index.
            objects = 2 if kind == "foreign-key-plain" else 1
            assert len(changed) == objects, (mutant.id, changed)
            found = {what.replace("index", "constraint") for what, _ in changed}
            assert found == {expected}, (mutant.id, changed)


def test_every_mutant__can_be_made(connection: psycopg.Connection, mutants: list[Mutant]) -> None:
    connection.execute("set search_path = ''")
    for mutant in mutants:
        with connection.transaction(force_rollback=True):
            connection.execute(mutant.sql.encode())


def test_weakened_bodies__lack_one_condition_each() -> None:
    definition = """create function private.f() returns void
as $function$
begin
    perform private.limit_rate('parse');
    update public.resumes r set user_id = v_user_id
    where r.id = p_id and r.user_id = v_user_id and r.deleted_at is null;
    if v_balance is distinct from 0 then
        -- Said to the user.
        raise sqlstate 'PT409';
    end if;
    if not found then
        perform private.raise_not_found('résumé', p_id);
    end if;
end;
$function$
"""
    found = {
        kind + place: sql.splitlines() for kind, place, sql in bodies.weakened("f", definition)
    }
    before = definition.splitlines()
    changed = {
        name: [line.strip() for line in after if line not in before]
        for name, after in found.items()
    }
    assert changed == {
        "body-owner#1": ["where r.id = p_id and true and r.deleted_at is null;"],
        "body-trash#1": ["where r.id = p_id and r.user_id = v_user_id and true;"],
        "body-rate#1": ["null;"],
        "body-guard#1": ["if false then"],
        "body-guard#2": ["if false then"],
    }
    assert list(bodies.weakened("lock_account", definition)) == []


def test_callers__are_found_through_others() -> None:
    texts = {"a": "select b()", "b": "select c()", "c": "select 1", "d": "select d()"}
    assert bodies.callers(texts) == {"a": set(), "b": {"a"}, "c": {"a", "b"}, "d": set()}


def test_shuffled__spreads_over_the_kinds_and_repeats_for_a_seed(mutants: list[Mutant]) -> None:
    order = shuffled(mutants, seed=7)
    kinds = {mutant.kind for mutant in mutants}
    assert {mutant.kind for mutant in order[: len(kinds)]} == kinds
    assert order == shuffled(mutants, seed=7) != shuffled(mutants, seed=8)
    assert sorted(m.id for m in order) == [m.id for m in mutants]


def test_equivalent_mutants__exist_and_have_a_reason(mutants: list[Mutant]) -> None:
    assert all(equivalent.load(mutants).values())


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ('id = "trigger-drop:public.nowhere:*"\nreason = "gone"', "matches no mutant"),
        ('id = "trigger-drop:public.profiles:*"\nreason = ""', "needs a reason"),
    ],
)
def test_equivalent_entry__that_says_nothing_is_refused(
    mutants: list[Mutant], tmp_path: Path, entry: str, said: str
) -> None:
    file = tmp_path / "equivalent.toml"
    file.write_text(f"[[equivalent]]\n{entry}\n", encoding="utf-8")
    with pytest.raises(equivalent.UselessEntry, match=said):
        equivalent.load(mutants, file)
