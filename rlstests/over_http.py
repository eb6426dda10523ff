"""The access matrix over HTTP: requests made out of the samples, and rows that are really there.

The gateway sees committed rows only. A Stage commits the row of one relation, and takes it away
again with the people it belongs to.
"""

import base64
import hashlib
import hmac
import json
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import psycopg
from psycopg.rows import DictRow

from cli.stack.status import StackStatus
from rlstests.actors import INACTIVE_BY, SYSTEM, Actor, Database
from rlstests.intent import INACTIVE
from rlstests.samples import ADMIN_ROWS, SAMPLES, make_statements, rows

Connection = psycopg.Connection[DictRow]
METHODS = {"select": "GET", "insert": "POST", "update": "PATCH", "delete": "DELETE"}


def access_token(actor: Actor, jwt_secret: str, *, lifetime: int = 3600) -> str:
    """Sign an access token as Auth does; a negative lifetime makes one that has expired."""
    now = int(time.time())
    claims = {
        "sub": str(actor.user_id),
        "role": actor.role,
        "aud": "authenticated",
        "iat": now - 7200,
        "exp": now + lifetime,
    }
    parts = [_encoded(json.dumps(part)) for part in ({"alg": "HS256", "typ": "JWT"}, claims)]
    signed = ".".join(parts).encode()
    signature = hmac.new(jwt_secret.encode(), signed, hashlib.sha256).digest()
    return f"{signed.decode()}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def _encoded(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


@dataclass(frozen=True)
class Answer:
    """What the gateway said."""

    status: int
    body: Any

    @property
    def code(self) -> str:
        return str(self.body.get("code", "")) if isinstance(self.body, dict) else ""

    @property
    def message(self) -> str:
        return str(self.body.get("message", "")) if isinstance(self.body, dict) else ""

    @property
    def count(self) -> int:
        return len(self.body) if isinstance(self.body, list) else -1


@dataclass(frozen=True)
class Api:
    """The Data API of a stack, as anybody may call it."""

    client: httpx.Client
    stack: StackStatus

    def headers(self, actor: Actor, *, lifetime: int = 3600) -> dict[str, str]:
        """The headers that say who calls."""
        if actor.role == "service_role":
            return {"apikey": self.stack.secret_key}
        apikey = {"apikey": self.stack.publishable_key}
        if actor.user_id is None:
            return apikey
        token = access_token(actor, self.stack.jwt_secret, lifetime=lifetime)
        return apikey | {"authorization": f"Bearer {token}"}

    def ask(
        self,
        method: str,
        path: str,
        headers: dict[str, str],
        params: dict[str, str] | None = None,
        body: object = None,
    ) -> Answer:
        """Send one request to the Data API."""
        response = self.client.request(
            method,
            f"{self.stack.api_url}/rest/v1/{path}",
            headers=headers,
            params=params,
            json=body if method in ("POST", "PATCH") else None,
        )
        return Answer(response.status_code, response.json() if response.content else None)


@dataclass(frozen=True)
class Requests:
    """The owner's row in the words of HTTP: how to find it, write one like it, and change it."""

    relation: str
    key: dict[str, str]
    insert: dict[str, Any]
    update: dict[str, Any]
    current: dict[str, Any]

    def send(
        self,
        api: Api,
        headers: dict[str, str],
        command: str,
        readable: str,
        *,
        extra: dict[str, Any] | None = None,
    ) -> Answer:
        """Run a command. `readable` are the columns to answer with, none for no answer."""
        body = {"insert": self.insert, "update": self.update}.get(command, {}) | (extra or {})
        wanted = {"select": readable} if readable else {}
        if command != "select":
            prefer = "return=representation" if readable else "return=minimal"
            headers = headers | {"prefer": prefer}
        params = wanted if command == "insert" else self.key | wanted
        name = self.relation.split(".")[1]
        return api.ask(METHODS[command], name, headers, params, body)


@dataclass(frozen=True)
class Stage:
    """One relation with the owner's row in it, committed."""

    connection: Connection
    relation: str
    people: dict[str, Actor]
    row_owner: Actor
    requests: Requests

    def rows(self) -> tuple[str, int]:
        """The owner's row, and how many rows there are."""
        db = Database(self.connection)
        count = db.value(SYSTEM, f"select count(*) from {self.relation}")
        return rows(db, self.relation, self.row_owner), count

    @contextmanager
    def inactive(self, identity: str) -> Iterator[None]:
        """Let the owner be leaving or blocked for a while."""
        owner = self.people["owner"]
        if identity not in INACTIVE:
            yield
            return
        Database(self.connection).make_inactive(identity, owner)
        column = INACTIVE_BY[identity].partition(" = ")[0]
        yield
        value = {"deleted_at": "null", "is_active": "true"}[column]
        self.connection.execute(
            f"update public.profiles set {column} = {value} where id = %s", [owner.user_id]
        )


@contextmanager
def staged(connection: Connection, relation: str, people: dict[str, Actor]) -> Iterator[Stage]:
    """Commit a new owner and the row; take both away at the end."""
    db = Database(connection)
    owner = db.add_user("owner")
    everybody = people | {"owner": owner} | dict.fromkeys(INACTIVE, owner)
    row_owner = people["admin"] if relation == ADMIN_ROWS else owner
    statements = [] if relation == ADMIN_ROWS else make_statements(relation)
    with connection.transaction():
        made_by = connection.execute("select pg_current_xact_id()::text as id").fetchone()
        for sql in statements:
            connection.execute(sql, {"owner": owner.user_id})
    assert made_by is not None
    try:
        requests = requests_of(connection, relation, row_owner)
        yield Stage(connection, relation, everybody, row_owner, requests)
    finally:
        db.query(SYSTEM, "delete from auth.users where id = %s", owner.user_id)
        tables = re.findall(r"\binsert into ([a-z_]+\.[a-z_]+)", " ".join(statements))
        # What belongs to nobody, and so did not go with the owner.
        for table in dict.fromkeys(reversed(tables)):
            if table not in views(connection):
                sql = f"delete from {table} where xmin::text = (%s::bigint %% (2^32)::bigint)::text"
                db.query(SYSTEM, sql, made_by["id"])


def views(connection: Connection) -> set[str]:
    """The names of all views, which have no rows of their own."""
    found = connection.execute("select format('%I.%I', schemaname, viewname) as name from pg_views")
    return {row["name"] for row in found}


def requests_of(connection: Connection, relation: str, owner: Actor) -> Requests:
    """Put the SQL of a sample into the words of HTTP, by letting Postgres evaluate it."""
    sample, values = SAMPLES[relation], {"owner": owner.user_id}
    types = column_types(connection, relation)
    found = connection.execute(
        f"select to_jsonb(r) as row from {relation} r where {sample.where}", values
    ).fetchone()
    assert found, f"positive control: {relation} has the owner's row"
    current = found["row"]
    changed = re.findall(r"(?:^|, *)([a-z_]+) *=", sample.update)
    assigned = [column for column in changed if column in types]
    return Requests(
        relation,
        key_of(connection, relation, current, types),
        evaluated_insert(connection, sample.insert, types, values),
        evaluated_update(connection, relation, assigned, values) or current_key(current, types),
        current,
    )


def current_key(current: dict[str, Any], types: dict[str, str]) -> dict[str, Any]:
    """A change of nothing, for relations that nobody updates."""
    column = next(iter(types))
    return {column: current[column]}


def column_types(connection: Connection, relation: str) -> dict[str, str]:
    """The columns of a relation, in order, with their types."""
    found = connection.execute(
        "select attname, format_type(atttypid, atttypmod) as type from pg_attribute "
        "where attrelid = %s::regclass and attnum > 0 and not attisdropped order by attnum",
        [relation],
    )
    return {row["attname"]: row["type"] for row in found}


def key_of(
    connection: Connection, relation: str, row: dict[str, Any], types: dict[str, str]
) -> dict[str, str]:
    """The filter that finds a row: its id, its key, or for a view its short texts and ids."""
    found = connection.execute(
        "select a.attname from pg_index i join pg_attribute a "
        "on a.attrelid = i.indrelid and a.attnum = any(i.indkey) "
        "where i.indisprimary and i.indrelid = %s::regclass",
        [relation],
    )
    columns: Sequence[str] = ["id"] if "id" in types else [r["attname"] for r in found]
    if not columns:
        columns = [
            name
            for name, kind in types.items()
            if kind in ("uuid", "text") and row[name] and len(row[name]) < 100
        ]
    return {column: f"eq.{row[column]}" for column in columns}


def evaluated_insert(
    connection: Connection, insert: str, types: dict[str, str], values: dict[str, Any]
) -> dict[str, Any]:
    """The body of a POST: the column list of a sample, with what its values come to."""
    parsed = re.fullmatch(r"\s*\(([^)]*)\)\s*(.*)", insert, re.DOTALL)
    if not parsed:
        return {}
    columns = [column.strip() for column in parsed[1].split(",")]
    cast = ", ".join(f"v.{column}::{types[column]} as {column}" for column in columns)
    found = connection.execute(
        f"select to_jsonb(q) as row from (select {cast} from ({parsed[2]}) "
        f"as v ({', '.join(columns)})) q",
        values,
    ).fetchone()
    return dict(found["row"]) if found else {}


def evaluated_update(
    connection: Connection, relation: str, columns: list[str], values: dict[str, Any]
) -> dict[str, Any]:
    """The body of a PATCH: what the assignments of a sample make of the row."""
    sample = SAMPLES[relation]
    sql = (
        f"update {relation} r set {sample.update} where {sample.where} returning to_jsonb(r) as row"
    )
    try:
        with connection.transaction(force_rollback=True):
            found = connection.execute(sql, values).fetchone()
    except psycopg.Error:
        # A guard keeps even the system from it: then nobody has the grant either.
        return {}
    return {column: found["row"][column] for column in columns} if found else {}
