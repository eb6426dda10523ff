"""JSON goes in and comes out as the same value, by whichever door: REST, RPC or Auth."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from cli.stack.supervisor import Stack

from .conftest import connect, query, supabase

TABLE = """
create table public.documents (
    id integer generated always as identity primary key, b jsonb, t json, many jsonb[], words text
);
create function public.echo_jsonb(v jsonb) returns jsonb language sql as 'select v';
create function public.echo_json(v json) returns json language sql as 'select v';
create function public.echo_type(v jsonb) returns text language sql as 'select jsonb_typeof(v)';
create function public.echo_text(v text) returns text language sql as 'select v';
create function public.echo_many(v jsonb[]) returns jsonb language sql as 'select to_jsonb(v)';
create function public.echo_mixed(a text, v jsonb, n integer) returns jsonb
    language sql as $$ select jsonb_build_object('a', a, 'v', v, 'n', n) $$;
create function public.echo_whole(jsonb) returns jsonb language sql as 'select $1';
"""

TYPES = {dict: "object", list: "array", str: "string", int: "number", float: "number"}
VALUES: list[Any] = [
    *({}, [], {"a": 1}, {"a": {"b": [None, {"c": "d"}]}}, [1, 2], [[1, [2]]], [None]),
    *([True, False], ["x", '"y"', "5"], [{"type": 16, "value": "v"}], {"type": "x", "value": 3}),
    *(5, 0, -1.5, 1.5e-7, True, False),
    *("hello", "", " ", "5", "true", "null", '"quoted"', '{"a": 1}', "[1]", "{", "\\", "a\\nb\n"),
    *("Zoë 日本 😀 'quote' \"double\"", {"Zoë": {"日本": ["😀", 'it\'s \\ "so"']}}),
]


@pytest.fixture(scope="module")
def rest(shared_stack: Stack) -> Iterator[httpx.Client]:
    with connect(shared_stack.status()) as connection:
        connection.execute(TABLE.encode())
    shared_stack.restart_gateway()
    status = shared_stack.status()
    headers = {"apikey": status.secret_key, "prefer": "return=representation"}
    with httpx.Client(base_url=f"{status.api_url}/rest/v1", headers=headers) as client:
        yield client


def answer(response: httpx.Response) -> Any:
    assert response.is_success, response.text
    return response.json()


def same(found: Any, expected: Any) -> None:
    """Compare with types: in Python, True equals 1."""
    assert json.dumps(found, sort_keys=True) == json.dumps(expected, sort_keys=True)


@pytest.mark.parametrize("value", VALUES, ids=json.dumps)
def test_rest_insert__stores_the_value_itself(
    shared_stack: Stack, rest: httpx.Client, value: Any
) -> None:
    row = answer(rest.post("/documents", json={"b": value, "t": value, "words": "w"}))[0]
    same([row["b"], row["t"], row["words"]], [value, value, "w"])
    kind = "boolean" if isinstance(value, bool) else TYPES[type(value)]
    stored = f"select jsonb_typeof(b), json_typeof(t) from public.documents where id = {row['id']}"
    assert query(shared_stack.status(), stored) == [(kind, kind)]


@pytest.mark.parametrize("value", VALUES, ids=json.dumps)
def test_rest_update_and_upsert__store_the_value_itself(rest: httpx.Client, value: Any) -> None:
    row = answer(rest.post("/documents", json={"b": None}))[0]
    where = {"id": f"eq.{row['id']}"}
    changed = answer(rest.patch("/documents", params=where, json={"b": value, "t": value}))[0]
    same([changed["b"], changed["t"]], [value, value])
    same([answer(rest.get("/documents", params=where))[0]["b"]], [value])
    upsert = {"prefer": "resolution=merge-duplicates,return=representation"}
    rows = answer(rest.post("/documents", json=[{"b": value}, {"b": value}], headers=upsert))
    same([each["b"] for each in rows], [value, value])


@pytest.mark.parametrize("value", VALUES, ids=json.dumps)
def test_rpc__receives_and_returns_the_value_itself(rest: httpx.Client, value: Any) -> None:
    same(answer(rest.post("/rpc/echo_jsonb", json={"v": value})), value)
    same(answer(rest.post("/rpc/echo_json", json={"v": value})), value)
    same(answer(rest.post("/rpc/echo_many", json={"v": [value, value]})), [value, value])
    mixed = {"a": "5", "v": value, "n": 3}
    same(answer(rest.post("/rpc/echo_mixed", json=mixed)), mixed)
    kind = "boolean" if isinstance(value, bool) else TYPES[type(value)]
    assert answer(rest.post("/rpc/echo_type", json={"v": value})) == kind


@pytest.mark.parametrize("value", [{"a": "5"}, ["x", {"y": None}]], ids=json.dumps)
def test_rpc__with_one_unnamed_argument_receives_the_whole_body(
    rest: httpx.Client, value: Any
) -> None:
    same(answer(rest.post("/rpc/echo_whole", json=value)), value)


@pytest.mark.parametrize("value", VALUES, ids=json.dumps)
def test_json_array_column__stores_each_value_itself(rest: httpx.Client, value: Any) -> None:
    row = answer(rest.post("/documents", json={"many": [value, value]}))[0]
    same(row["many"], [value, value])


def test_null__is_sql_null_as_in_postgrest(shared_stack: Stack, rest: httpx.Client) -> None:
    row = answer(rest.post("/documents", json={"b": None, "t": None}))[0]
    stored = f"select b is null, t is null from public.documents where id = {row['id']}"
    assert query(shared_stack.status(), stored) == [(True, True)]
    assert answer(rest.post("/rpc/echo_jsonb", json={"v": None})) is None


@pytest.mark.parametrize("text", ["5", "{}", "true", '"q"', "plain"])
def test_text__is_left_alone(rest: httpx.Client, text: str) -> None:
    assert answer(rest.post("/documents", json={"words": text}))[0]["words"] == text
    assert answer(rest.post("/rpc/echo_text", json={"v": text})) == text


def test_filters__on_json_find_their_rows(rest: httpx.Client) -> None:
    row = answer(rest.post("/documents", json={"b": {"city": "Zoë's", "n": [1, 2]}}))[0]
    for condition in ({"b": 'cs.{"n":[2]}'}, {"b->>city": "eq.Zoë's"}, {"b->n->0": "eq.1"}):
        found = answer(rest.get("/documents", params={**condition, "id": f"eq.{row['id']}"}))
        assert len(found) == 1, condition


def test_user_metadata__keeps_every_value(shared_stack: Stack) -> None:
    status = shared_stack.status()
    metadata = {str(number): value for number, value in enumerate(VALUES)}
    credentials = {"email": "json@example.org", "password": "long enough"}
    with supabase(status, status.publishable_key) as client:
        client.auth.sign_up({**credentials, "options": {"data": metadata}})
        signed_up = client.auth.get_user()
        assert signed_up is not None
        same({key: signed_up.user.user_metadata[key] for key in metadata}, metadata)
        client.auth.update_user({"data": {"0": "5", "new": '{"a": 1}'}})
        changed = client.auth.get_user()
        assert changed is not None
        same(changed.user.user_metadata["0"], "5")
        same(changed.user.user_metadata["new"], '{"a": 1}')
        same(changed.user.user_metadata["1"], metadata["1"])
    kinds = query(
        status,
        "select jsonb_typeof(raw_user_meta_data), jsonb_typeof(raw_app_meta_data)"
        " from auth.users where email = 'json@example.org'",
    )
    assert kinds == [("object", "object")]
