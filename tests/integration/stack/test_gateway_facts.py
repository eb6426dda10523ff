"""What a client sees of the gateway is what hosted Supabase would show: one test per known fact."""

from __future__ import annotations

import datetime as dt
import http.client
import json
from collections.abc import Iterator

import httpx
import psutil
import pytest
from postgrest import APIError
from storage3.exceptions import StorageApiError
from supabase import Client
from supabase_auth.errors import AuthError

from cli.stack import processes
from cli.stack.supervisor import Stack

from .conftest import connect, query, supabase

TABLES = """
create schema hidden;
create table hidden.secrets (id integer primary key);
create table public.open (id integer primary key, name text, owner uuid default auth.uid());
create table public.narrow (id integer primary key, name text, owner uuid);
alter table public.narrow enable row level security;
create policy narrow_select_owner on public.narrow for select to authenticated
    using (owner = (select auth.uid()));
revoke all on public.narrow from anon, authenticated, service_role;
grant select (id, name) on public.narrow to authenticated;
revoke all on public.open from anon, authenticated;
create table public.kinds (
    id integer primary key, at timestamptz, plain timestamp, day date, n numeric, list timestamptz[]
);
create table worker.jobs (id integer primary key);
grant usage on schema worker to service_role;
grant all on worker.jobs to service_role;
create table public.limits (id integer primary key, n integer check (n > 0) not null);
create function public.refuse(p_code text) returns void language plpgsql as $$
begin
    raise sqlstate 'PT402' using
        message = 'the allowance is gone', detail = 'used 5 of 5', hint = 'buy ' || p_code;
end $$;
create function public.raise_plainly() returns void language plpgsql as $$
begin
    raise exception 'plain words' using detail = 'more', hint = 'do this';
end $$;
create function public.echo_request() returns jsonb language plpgsql as $$
begin
    perform set_config('response.headers', '[{"x-made-by": "sql"}]', true);
    return jsonb_build_object(
        'role', current_user,
        'claims', nullif(current_setting('request.jwt.claims', true), '')::jsonb,
        'header', current_setting('request.headers', true)::jsonb ->> 'x-asked-by',
        'uid', auth.uid(), 'time_zone', current_setting('timezone')
    );
end $$;
"""

PASSWORD = "long enough"


@pytest.fixture(scope="module")
def facts(shared_stack: Stack) -> Iterator[Stack]:
    with connect(shared_stack.status()) as connection:
        connection.execute(TABLES.encode())
    shared_stack.restart_gateway()
    yield shared_stack


@pytest.fixture(scope="module")
def service(facts: Stack) -> Iterator[httpx.Client]:
    """Give a client with the secret key: the service role."""
    status = facts.status()
    with httpx.Client(base_url=status.api_url, headers={"apikey": status.secret_key}) as client:
        yield client


@pytest.fixture(scope="module")
def user(facts: Stack) -> Iterator[Client]:
    """Give the official Python client, signed up."""
    status = facts.status()
    with supabase(status, status.publishable_key) as client:
        client.auth.sign_up({"email": "facts@example.org", "password": PASSWORD})
        yield client


def privileges(stack: Stack) -> list[tuple[object, ...]]:
    return query(
        stack.status(),
        """
        select table_schema, table_name, column_name, grantee, privilege_type
        from information_schema.role_column_grants
        where table_schema not in ('pg_catalog', 'information_schema')
        order by 1, 2, 3, 4, 5
        """,
    )


def test_timestamps__are_iso_8601_with_a_colon_in_the_offset(
    facts: Stack, service: httpx.Client
) -> None:
    with connect(facts.status()) as connection:
        connection.execute(
            """
            insert into public.kinds (id, at, plain, day, list) values
                (1, '2026-11-20 07:07:06.123456+00', '2026-11-20 07:07:06', '2026-11-20',
                 array['2026-01-02 03:04:05+00'::timestamptz]),
                (2, 'infinity', null, null, null),
                (3, '0044-03-15 00:00:00+00 BC', null, null, null)
            """
        )
    rows = service.get("/rest/v1/kinds", params={"order": "id"}).json()
    assert rows[0]["at"] == "2026-11-20T07:07:06.123456+00:00"
    assert rows[0]["plain"] == "2026-11-20T07:07:06"
    assert rows[0]["day"] == "2026-11-20"
    assert rows[0]["list"] == ["2026-01-02T03:04:05+00:00"]
    assert rows[1]["at"] == "infinity"
    assert rows[2]["at"] == "0044-03-15T00:00:00+00:00 BC"


def test_timestamps__of_auth_are_understood_by_the_python_client(user: Client) -> None:
    session = user.auth.sign_in_with_password({"email": "facts@example.org", "password": PASSWORD})
    assert session.user is not None
    assert isinstance(session.user.created_at, dt.datetime)
    assert session.user.created_at.tzinfo is not None
    assert isinstance(session.user.last_sign_in_at, dt.datetime)


def test_numbers__are_numbers(facts: Stack, service: httpx.Client) -> None:
    with connect(facts.status()) as connection:
        connection.execute(
            "insert into public.kinds (id, n) values (10, 1.50), (11, 2), (12, 'NaN')"
        )
    rows = service.get("/rest/v1/kinds", params={"id": "gte.10", "order": "id"}).json()
    assert [row["n"] for row in rows] == [1.5, 2, "NaN"]


def test_grants__are_not_touched_by_the_gateway(
    facts: Stack, service: httpx.Client, user: Client
) -> None:
    before = privileges(facts)
    facts.restart_gateway()
    service.get("/rest/v1/narrow")
    user.table("narrow").select("id,name").execute()
    assert privileges(facts) == before
    assert not [row for row in before if row[1] == "narrow" and row[3] == "anon"]


def test_column_grants__hold(user: Client) -> None:
    assert user.table("narrow").select("id,name").execute().data == []
    with pytest.raises(APIError, match="permission denied"):
        user.table("narrow").select("owner").execute()


def test_missing_grant__is_42501_and_403_for_a_user_but_401_without_one(
    facts: Stack, user: Client
) -> None:
    status = facts.status()
    session = user.auth.get_session()
    assert session is not None
    headers = {"apikey": status.publishable_key}
    signed_in = {**headers, "authorization": f"Bearer {session.access_token}"}
    as_user = httpx.get(f"{status.api_url}/rest/v1/open", headers=signed_in)
    as_anon = httpx.get(f"{status.api_url}/rest/v1/open", headers=headers)
    assert (as_user.status_code, as_user.json()["code"]) == (403, "42501")
    assert (as_anon.status_code, as_anon.json()["code"]) == (401, "42501")


def test_requests_without_a_key__are_never_the_service_role(
    facts: Stack, service: httpx.Client
) -> None:
    status = facts.status()
    bearer = {"authorization": f"Bearer {status.secret_key}"}
    service.post("/storage/v1/bucket", json={"id": "keyless", "name": "keyless"}, headers=bearer)
    with httpx.Client(base_url=status.api_url) as nobody:
        assert nobody.get("/rest/v1/open").status_code == 401
        assert nobody.post("/rest/v1/rpc/echo_request").status_code == 401
        buckets = nobody.get("/storage/v1/bucket")
        assert buckets.status_code in {400, 401, 403} or buckets.json() == []
        upload = nobody.post("/storage/v1/object/keyless/a.txt", content=b"x")
        assert not upload.is_success
    assert "keyless" in service.get("/storage/v1/bucket", headers=bearer).text


def test_wrong_key__is_refused(facts: Stack) -> None:
    wrong = {"apikey": "sb_secret_wrong"}
    assert httpx.get(f"{facts.status().api_url}/rest/v1/open", headers=wrong).status_code == 401


def test_secret_key__is_the_service_role(service: httpx.Client) -> None:
    assert service.get("/rest/v1/open").json() == []
    assert service.post("/rest/v1/rpc/echo_request").json()["role"] == "service_role"


def test_schemas__beyond_public_and_worker_are_closed(service: httpx.Client) -> None:
    worker = service.get("/rest/v1/jobs", headers={"accept-profile": "worker"})
    assert worker.json() == []
    for schema, table in (("hidden", "secrets"), ("auth", "users"), ("storage", "objects")):
        closed = service.get(f"/rest/v1/{table}", headers={"accept-profile": schema})
        assert closed.status_code in {404, 406}, (schema, closed.text)


def test_business_errors__keep_status_code_message_detail_and_hint(service: httpx.Client) -> None:
    refused = service.post("/rest/v1/rpc/refuse", json={"p_code": "more"})
    assert refused.status_code == 402
    assert refused.json() == {
        "code": "PT402",
        "message": "the allowance is gone",
        "details": "used 5 of 5",
        "hint": "buy more",
    }


@pytest.mark.parametrize(
    ("row", "code", "status"),
    [
        ({"id": 1, "n": -1}, "23514", 400),
        ({"id": 1, "n": None}, "23502", 400),
        ({"id": 1, "n": "x"}, "22P02", 400),
    ],
)
def test_constraint_errors__answer_as_postgrest_does(
    service: httpx.Client, row: dict[str, object], code: str, status: int
) -> None:
    refused = service.post("/rest/v1/limits", json=row)
    assert (refused.status_code, refused.json()["code"]) == (status, code)


def test_duplicate_key__is_409(service: httpx.Client) -> None:
    service.post("/rest/v1/limits", json={"id": 7, "n": 1})
    refused = service.post("/rest/v1/limits", json={"id": 7, "n": 1})
    assert (refused.status_code, refused.json()["code"]) == (409, "23505")


def test_plain_exception__is_400_with_its_words(service: httpx.Client) -> None:
    refused = service.post("/rest/v1/rpc/raise_plainly")
    assert refused.status_code == 400
    assert refused.json() == {
        "code": "P0001",
        "message": "plain words",
        "details": "more",
        "hint": "do this",
    }


def test_request_settings__work_as_in_postgrest(user: Client, facts: Stack) -> None:
    status = facts.status()
    session = user.auth.get_session()
    assert session is not None
    response = httpx.post(
        f"{status.api_url}/rest/v1/rpc/echo_request",
        headers={
            "apikey": status.publishable_key,
            "authorization": f"Bearer {session.access_token}",
            "x-asked-by": "a test",
        },
    )
    said = response.json()
    assert said["role"] == "authenticated"
    assert said["header"] == "a test"
    assert said["uid"] == said["claims"]["sub"] == session.user.id
    assert said["claims"]["role"] == "authenticated"
    assert said["time_zone"] == "UTC"
    assert response.headers["x-made-by"] == "sql"


def test_schema_changes__are_seen_after_restart_gateway(
    facts: Stack, service: httpx.Client
) -> None:
    with connect(facts.status()) as connection:
        connection.execute("create table public.brand_new (id integer)")
    assert service.get("/rest/v1/brand_new").status_code == 404
    facts.restart_gateway()
    assert service.get("/rest/v1/brand_new").json() == []


def test_storage__keeps_bytes_and_obeys_row_level_security(facts: Stack, user: Client) -> None:
    status = facts.status()
    content = bytes(range(256)) * 400
    with (
        supabase(status, status.secret_key) as admin,
        supabase(status, status.publishable_key) as stranger,
    ):
        admin.storage.create_bucket("papers")
        papers = user.storage.from_("papers")
        with pytest.raises(StorageApiError, match="row-level security"):
            papers.upload("a.bin", content)
        with connect(status) as connection:
            connection.execute(
                "create policy papers_insert on storage.objects for insert to authenticated"
                " with check (bucket_id = 'papers')"
            )
            connection.execute(
                "create policy papers_select on storage.objects for select to authenticated"
                " using (bucket_id = 'papers' and owner = (select auth.uid()))"
            )
        papers.upload("a.bin", content)
        assert papers.download("a.bin") == content
        assert admin.storage.from_("papers").download("a.bin") == content
        stranger.auth.sign_up({"email": "stranger@example.org", "password": PASSWORD})
        with pytest.raises(StorageApiError, match=r"(?i)not.found"):
            stranger.storage.from_("papers").download("a.bin")


def test_storage_tables__are_guarded_by_row_level_security(facts: Stack) -> None:
    guarded = query(
        facts.status(),
        "select relname, relrowsecurity from pg_class"
        " where oid in ('storage.objects'::regclass, 'storage.buckets'::regclass) order by 1",
    )
    assert guarded == [("buckets", True), ("objects", True)]


def test_triggers_on_auth_users__run_with_the_signup(facts: Stack) -> None:
    with connect(facts.status()) as connection:
        connection.execute(
            """
            create table public.profiles (
                id uuid primary key references auth.users on delete cascade
            );
            create function public.make_profile() returns trigger
                language plpgsql security definer set search_path = '' as
                $$ begin insert into public.profiles values (new.id); return new; end $$;
            create trigger make_profile after insert on auth.users
                for each row execute function public.make_profile();
            """
        )
    status = facts.status()
    with supabase(status, status.publishable_key) as client:
        signed_up = client.auth.sign_up({"email": "trigger@example.org", "password": PASSWORD})
    assert signed_up.user is not None
    rows = query(status, f"select 1 from public.profiles where id = '{signed_up.user.id}'")
    assert rows == [(1,)]


def test_short_passwords__are_refused_as_the_config_says(facts: Stack) -> None:
    status = facts.status()
    with (
        supabase(status, status.publishable_key) as client,
        pytest.raises(AuthError, match=r"(?i)password"),
    ):
        client.auth.sign_up({"email": "short@example.org", "password": "seven77"})


def test_nothing__listens_beyond_loopback(facts: Stack) -> None:
    records = [processes.load(facts.layout.run_dir, name) for name in ("postgres", "gateway")]
    roots = [psutil.Process(record.pid) for record in records if record]
    family = [each for root in roots for each in (root, *root.children(recursive=True))]
    listening = {
        tuple(connection.laddr)
        for process in family
        for connection in process.net_connections(kind="inet")
        if connection.status == psutil.CONN_LISTEN
    }
    services = facts.status().services
    ports = {services["postgres"].port, services["gateway"].port}
    assert listening == {("127.0.0.1", port) for port in ports}


def test_command_lines__hold_no_secret(facts: Stack) -> None:
    status = facts.status()
    records = [processes.load(facts.layout.run_dir, name) for name in ("postgres", "gateway")]
    words = " ".join(
        word for record in records if record for word in psutil.Process(record.pid).cmdline()
    )
    password = status.db_url.split(":")[2].split("@")[0]
    for secret in (status.secret_key, status.jwt_secret, password):
        assert secret not in words


@pytest.mark.parametrize(
    "path",
    [
        *("/", "/nothing", "/_system/info", "/_system/config", "/_system/introspect", "/_system"),
        *("//_system/info", "/rest/v1/../../_system/info", "/%5fsystem/info", "/_SYSTEM/info"),
        *("/rest/v12", "/restless", "/auth", "/static/main.js"),
    ],
)
@pytest.mark.parametrize("with_key", [False, True])
def test_other_paths__show_neither_pages_nor_the_configuration(
    facts: Stack, path: str, with_key: bool
) -> None:
    status = facts.status()
    port = status.services["gateway"].port
    # Not httpx, which would tidy the path up.
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path, headers={"apikey": status.secret_key} if with_key else {})
        answer = connection.getresponse()
        text = answer.read().decode()
    finally:
        connection.close()
    assert answer.status == 404
    assert "message" in json.loads(text)
    assert "postgresql://" not in text
