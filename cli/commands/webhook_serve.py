"""`resumebase webhook serve`: the HTTP service, for one environment or for SUPABASE_URL."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.billing_variables import find_billing_variables
from cli.connection import connect_as_server
from cli.environments import EnvOption, PortBaseOption, StateDirOption, select
from cli.output import JsonOption, emit, note
from cli.project import find_root

if TYPE_CHECKING:
    from edge_workers.settings import BillingSettings, HttpSettings


def serve(
    host: Annotated[
        str | None, typer.Option("--host", help="Address to listen on [default: 127.0.0.1].")
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(
            "--port", metavar="N", min=0, max=65535, help="Port [default: that of the environment]."
        ),
    ] = None,
    env: EnvOption = None,
    state_dir: StateDirOption = None,
    port_base: PortBaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take webhooks and checkouts until stopped; logs JSON lines to stderr.

    It works for the backend of SUPABASE_URL and SUPABASE_SECRET_KEY when SUPABASE_URL is set, else
    for the chosen environment. The secrets of the providers come from RAZORPAY_WEBHOOK_SECRET,
    STRIPE_WEBHOOK_SECRET and the like; a local stack has its own, and runs this service itself.
    SIGTERM or Ctrl-C lets requests finish; a second one ends it at once.

    Example: resumebase webhook serve --env staging --port 8080
    """
    # Imported here: the web framework takes a moment to load, and `--help` needs none of it.
    from edge_workers.http.server import run_http_service

    given = {"host": host, "port": port}
    overrides = {name: value for name, value in given.items() if value is not None}
    settings, billing = _settings(env, state_dir, port_base, overrides)
    answered = run_http_service(settings, billing)
    emit({"webhooks": dict(answered)}, as_json=as_json)


def _settings(
    env: str | None, state_dir: Path | None, port_base: int | None, overrides: dict[str, Any]
) -> tuple[HttpSettings, BillingSettings]:
    from edge_workers.settings import BillingSettings, HttpSettings

    asked_for = env is not None or state_dir is not None or port_base is not None
    # Containers and the supervisor of the local stack give all of it as variables.
    if "SUPABASE_URL" in os.environ and not asked_for:
        return HttpSettings.from_environment(**overrides), BillingSettings.from_environment()
    environment = select(find_root(), env, state_dir=state_dir, port_base=port_base)
    connection = connect_as_server(environment)
    if environment.kind != "embedded":
        note(f"target: {environment.describe()}")
    if connection.webhooks_port is not None:
        overrides = {"port": connection.webhooks_port, **overrides}
    settings = HttpSettings.from_environment(
        supabase_url=connection.api_url, supabase_secret_key=connection.secret_key, **overrides
    )
    variables = find_billing_variables(environment, connection.webhook_secrets)
    billing = {name.lower(): value for name, value in variables.items()}
    return settings, BillingSettings.from_environment(**billing)
