"""What `env check` asks an environment, in the order in which one failure explains the next."""

from __future__ import annotations

from typing import Any

import httpx
import psycopg

from cli.checks import Check, failed, info, passed
from cli.connection import REFUSED_BY_DOCKER, Connection, connect, open_stack
from cli.environments import Environment
from cli.output import CliError, ExitCode
from cli.supabase_cli import SupabaseCli
from cli.target import LOOPBACK, Target

BUCKETS = ("resumes",)
TIMEOUT_SECONDS = 10


def check_environment(environment: Environment) -> list[Check]:
    """Run every check that makes sense; those behind a failed one are left out."""
    checks: list[Check] = []
    if environment.kind == "embedded":
        checks.append(_check_stack(environment))
    try:
        connection = connect(environment)
    except CliError as error:
        return checks or [failed("stack", error.message, error.hint)]
    return [
        *checks,
        *_check_api(environment, connection),
        *_check_database(environment, connection.target),
    ]


def _check_stack(environment: Environment) -> Check:
    status = open_stack(environment).status()
    if status.state == "running":
        return passed("stack", "running")
    down = [name for name, one in status.services.items() if one.state in {"dead", "unresponsive"}]
    detail = f"{status.state}: {', '.join(down)}" if down else status.state
    return failed("stack", detail, "resumebase up")


def _check_api(environment: Environment, connection: Connection) -> list[Check]:
    host = httpx.URL(connection.api_url).host
    with httpx.Client(
        base_url=connection.api_url,
        timeout=TIMEOUT_SECONDS,
        # A proxy for the outside world must not be handed the key of a local stack.
        trust_env=host not in LOOPBACK,
    ) as client:
        try:
            return [
                _check_publishable_key(environment, client, connection.publishable_key),
                *_check_secret_key(environment, client, connection.secret_key),
            ]
        except (httpx.HTTPError, ValueError) as error:
            # ValueError: something answered, but not with JSON.
            what = f"{connection.api_url} does not answer: {str(error) or type(error).__name__}"
            return [failed("api", what, _how_to_reach(environment))]


def _how_to_reach(environment: Environment) -> str:
    if environment.kind == "embedded":
        return "resumebase up; then resumebase logs gateway"
    if environment.kind == "docker":
        return "Start the containers: supabase start"
    return "Check api_url or project_ref in resumebase.toml, and that the project is not paused."


def _check_publishable_key(environment: Environment, client: httpx.Client, key: str) -> Check:
    name = "publishable key"
    if not key:
        return _missing_key(environment, name, "SUPABASE_PUBLISHABLE_KEY")
    answer = client.get("/auth/v1/settings", headers={"apikey": key})
    if answer.is_success:
        return passed(name, f"{client.base_url} accepts it")
    return _refused_key(environment, name, answer)


def _check_secret_key(environment: Environment, client: httpx.Client, key: str) -> list[Check]:
    name = "secret key"
    if not key:
        return [_missing_key(environment, name, "SUPABASE_SECRET_KEY")]
    login = {"apikey": key, "authorization": f"Bearer {key}"}
    answer = client.post(
        "/rest/v1/rpc/task_stats", json={}, headers={**login, "content-profile": "worker"}
    )
    code = _error_code(answer)
    if answer.is_success:
        return [passed(name, "may use schema worker"), _check_buckets(client, login)]
    if code == "PGRST106":
        fix = "Add worker to the exposed schemas: npx supabase config push, or Settings → API."
        return [failed(name, "schema worker is not exposed by the Data API", fix)]
    if code == "PGRST202":
        what = "works, but worker.task_stats does not exist yet"
        return [failed(name, what, _how_to_push(environment), ExitCode.DRIFT)]
    return [_refused_key(environment, name, answer)]


def _check_buckets(client: httpx.Client, login: dict[str, str]) -> Check:
    answer = client.get("/storage/v1/bucket", headers=login)
    found = {row["name"] for row in answer.json()} if answer.is_success else set()
    missing = [name for name in BUCKETS if name not in found]
    if missing:
        what = f"Storage ({answer.status_code}) has no bucket {', '.join(missing)}"
        return failed("buckets", what, "resumebase db push makes them; is Storage switched on?")
    return passed("buckets", ", ".join(sorted(found)))


def _error_code(answer: httpx.Response) -> str:
    try:
        body: Any = answer.json()
    except ValueError:
        return ""
    return str(body.get("code") or "") if isinstance(body, dict) else ""


def _missing_key(environment: Environment, name: str, variable: str) -> Check:
    fix = f"Put {variable} into .env.{environment.name} (see .env.example)."
    return failed(name, f"{variable} is not set", fix, ExitCode.AUTH)


def _refused_key(environment: Environment, name: str, answer: httpx.Response) -> Check:
    what = f"refused with {answer.status_code}: {answer.text[:200]}"
    if answer.status_code not in {401, 403}:
        return failed(name, what, _how_to_reach(environment))
    fix = f"Copy the {name} of this project into .env.{environment.name} (Settings → API Keys)."
    return failed(name, what, fix, ExitCode.AUTH)


def _how_to_push(environment: Environment) -> str:
    return f"resumebase db push --env {environment.name}"


def _check_database(environment: Environment, target: Target | None) -> list[Check]:
    if target is None or not target.password:
        what = "not checked: db_url or SUPABASE_DB_PASSWORD is not set"
        return [info("database", what, "Only migrations need it; see .env.example.")]
    try:
        with psycopg.connect(
            target.url, connect_timeout=TIMEOUT_SECONDS, **target.psycopg_options()
        ) as session:
            row = session.execute("select current_user, current_setting('server_version')")
            user, version = row.fetchone() or ("", "")
    except psycopg.OperationalError as error:
        refused = "authentication failed" in str(error) or "does not exist" in str(error)
        return [
            failed(
                "database",
                f"{target.url}: {str(error).strip()}",
                _how_to_log_in(environment) if refused else _how_to_reach(environment),
                ExitCode.AUTH if refused else ExitCode.FAILED,
            )
        ]
    return [
        passed("database", f"{user} is in, on Postgres {version}"),
        _check_migrations(environment, target),
    ]


def _how_to_log_in(environment: Environment) -> str:
    if environment.kind == "docker":
        return REFUSED_BY_DOCKER
    return "Check db_url and SUPABASE_DB_PASSWORD."


def _check_migrations(environment: Environment, target: Target) -> Check:
    listed = SupabaseCli(environment.root).migrations(target)
    pending = [one.version for one in listed if one.state == "pending"]
    unknown = [one.version for one in listed if one.state == "drift"]
    if unknown:
        what = f"applied, but not in supabase/migrations: {', '.join(unknown)}"
        return failed("migrations", what, "Pull the latest commits from git.", ExitCode.DRIFT)
    if pending:
        what = f"{len(pending)} pending: {', '.join(pending)}"
        return failed("migrations", what, _how_to_push(environment), ExitCode.DRIFT)
    return passed("migrations", f"all {len(listed)} are applied")
