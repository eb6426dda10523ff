"""The keys and the database login of an environment: where they come from, most specific first.

1. `RESUMEBASE_<NAME>_<KEY>` of the process, such as `RESUMEBASE_STAGING_SECRET_KEY`;
2. `SUPABASE_<KEY>` in the git-ignored file `.env.<name>`;
3. `SUPABASE_<KEY>` of the process, which is what a CI job usually has.

An embedded stack makes its own secrets, so these are never looked at for one.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from dotenv import dotenv_values

from cli.environments import Environment
from cli.output import CliError, ExitCode, note
from cli.target import Target

if TYPE_CHECKING:
    from cli.stack.supervisor import Stack

SECRETS = ("PUBLISHABLE_KEY", "SECRET_KEY", "DB_PASSWORD")
# What `supabase start` always uses; it is no secret.
DOCKER_PASSWORD = "postgres"
REFUSED_BY_DOCKER = (
    "An embedded stack may be listening there instead of Docker's: resumebase status --env local; "
    "resumebase down --env local; then npx supabase start."
)


@dataclass(frozen=True)
class Connection:
    """How to reach an environment. Empty strings and None stand for what is not known."""

    api_url: str
    target: Target | None
    publishable_key: str = ""
    secret_key: str = field(default="", repr=False)
    webhooks_port: int | None = None
    """Where an embedded stack takes webhooks."""
    webhook_secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    """What an embedded stack signs webhooks with, by provider."""


@dataclass(frozen=True)
class Secret:
    """A secret and the name of the place it was found in; both empty when it is not set."""

    value: str = field(default="", repr=False)
    source: str = ""


def find_secrets(environment: Environment) -> dict[str, Secret]:
    """Look all of SECRETS up; warns on stderr when their file can be read by other users."""
    return find_variables(environment, {key: f"SUPABASE_{key}" for key in SECRETS})


def find_variables(environment: Environment, names: Mapping[str, str]) -> dict[str, Secret]:
    """Look variables up in the places above.

    `names` maps what a variable is called after `RESUMEBASE_<NAME>_`, also in the answer, to what
    it is called elsewhere. Warns on stderr when other users can read the file.
    """
    prefix = f"RESUMEBASE_{environment.name.upper().replace('-', '_')}_"
    path = environment.root / f".env.{environment.name}"
    in_file = _read_private(path)
    found = {}
    for key, general in names.items():
        own = f"{prefix}{key}"
        places = (
            Secret(os.environ.get(own) or "", own),
            Secret(in_file.get(general) or "", path.name),
            Secret(os.environ.get(general) or "", general),
        )
        found[key] = next((secret for secret in places if secret.value), Secret())
    return found


def _read_private(path: Path) -> dict[str, str | None]:
    if not path.is_file():
        return {}
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        _warn_of(path)
    return dotenv_values(path, interpolate=False)


@cache
def _warn_of(path: Path) -> None:
    """Say once that others can read a file of secrets."""
    note(f"warning: other users can read {path.name}; run: chmod 600 {path}")


def connect(environment: Environment) -> Connection:
    """Return how to reach the environment; opens no connection itself.

    Raises CliError `stack-not-running` when an embedded stack is down.
    """
    if environment.kind == "embedded":
        return _connect_embedded(environment)
    secrets = find_secrets(environment)
    password = secrets["DB_PASSWORD"].value
    if environment.kind == "docker":
        password = password or DOCKER_PASSWORD
    return Connection(
        api_url=environment.api_url or "",
        target=Target.from_url(environment.db_url, password) if environment.db_url else None,
        publishable_key=secrets["PUBLISHABLE_KEY"].value,
        secret_key=secrets["SECRET_KEY"].value,
    )


def connect_as_server(environment: Environment) -> Connection:
    """Return how to reach the environment with its secret key, as workers do.

    Raises CliError `no-secret-key` (auth) where it is missing, and what `connect` raises.
    """
    connection = connect(environment)
    if not connection.secret_key:
        raise CliError(
            "no-secret-key",
            f"There is no secret key for {environment.name}.",
            f"Put SUPABASE_SECRET_KEY into .env.{environment.name} (see .env.example).",
            ExitCode.AUTH,
        )
    return connection


def open_stack(environment: Environment) -> Stack:
    """Return the stack of an embedded environment, running or not.

    Raises CliError `not-embedded` for any other kind.
    """
    if environment.kind != "embedded":
        raise CliError(
            "not-embedded",
            f"{environment.name} is not a stack that this command runs: it is "
            f"{environment.kind} (chosen by {environment.chosen_by}).",
            "Name an embedded one: --env local"
            + ("; for Docker use: npx supabase start" if environment.kind == "docker" else ""),
            ExitCode.USAGE,
        )
    # Imported here so that commands about hosted projects do not pay for it.
    from cli.billing_variables import find_billing_variables
    from cli.stack.supervisor import Stack

    return Stack(
        root=environment.root,
        state_dir=environment.state_dir,
        port_base=environment.port_base,
        variables=find_billing_variables(environment),
    )


def _connect_embedded(environment: Environment) -> Connection:
    status = open_stack(environment).status().as_dict()
    if status["services"].get("postgres", {}).get("state") != "running":
        raise CliError(
            "stack-not-running",
            f"The stack of {environment.name} is {status['state']}.",
            "Start it: resumebase up",
        )
    return Connection(
        api_url=status["api_url"],
        target=Target.from_url(status["db_url"]),
        publishable_key=status["publishable_key"],
        secret_key=status["secret_key"],
        webhooks_port=urlsplit(status["webhooks_url"]).port,
        webhook_secrets=status["webhook_secrets"],
    )


def database(environment: Environment) -> Target:
    """Return the database of the environment.

    Raises CliError `no-database-url` or `no-database-password` (auth) where one is missing.
    """
    target = connect(environment).target
    if target is None:
        raise CliError(
            "no-database-url",
            f"{environment.name} has neither db_url nor project_ref.",
            f"Add one to [environments.{environment.name}] in resumebase.toml.",
        )
    if not target.password:
        raise CliError(
            "no-database-password",
            f"There is no database password for {environment.name}.",
            f"Put SUPABASE_DB_PASSWORD into .env.{environment.name} (see .env.example).",
            ExitCode.AUTH,
        )
    return target


@contextmanager
def explaining_login(environment: Environment) -> Iterator[None]:
    """Give a refused login the hint that fits the environment.

    The embedded stack and Docker's use the same ports by default, and differ in their passwords.
    """
    try:
        yield
    except CliError as error:
        if environment.kind != "docker" or error.code != "database-login-failed":
            raise
        raise CliError(
            error.code,
            error.message,
            REFUSED_BY_DOCKER,
            error.exit_code,
        ) from error
