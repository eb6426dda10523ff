"""`resumebase worker`: run the process that does the queued tasks."""

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
    from edge_workers.settings import BillingSettings, Settings

app = typer.Typer(no_args_is_help=True)


def register(root: typer.Typer) -> None:
    """Add the group to the command line."""
    root.add_typer(app, name="worker", help="Run the process that does the queued tasks.")


@app.callback()
def _group() -> None:
    # With a callback, Typer keeps `run` a subcommand although it is the only one.
    return


@app.command()
def run(
    kinds: Annotated[
        str | None,
        typer.Option("--kinds", metavar="A,B", help="Only these task kinds [default: all]."),
    ] = None,
    concurrency: Annotated[
        int | None,
        typer.Option("--concurrency", metavar="N", min=1, max=64, help="Tasks at once."),
    ] = None,
    drain: Annotated[
        bool, typer.Option("--drain", help="End once no ready task is left, with exit code 0.")
    ] = False,
    env: EnvOption = None,
    state_dir: StateDirOption = None,
    port_base: PortBaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Work on queued tasks until stopped; logs JSON lines to stderr.

    It works for the backend of SUPABASE_URL and SUPABASE_SECRET_KEY when SUPABASE_URL is set, else
    for the chosen environment. Keys of payment providers come from RAZORPAY_KEY_ID,
    STRIPE_SECRET_KEY and the like. SIGTERM or Ctrl-C lets running tasks finish or hands them back;
    a second one ends it at once.

    Example: resumebase worker run --drain
    """
    # Imported here: the Supabase client takes a moment to load, and `--help` needs none of it.
    from edge_workers.handlers.registry import HANDLERS
    from edge_workers.runner.process import run_worker_process

    wanted = [kind.strip() for kind in (kinds or "").split(",") if kind.strip()]
    if unknown := sorted(set(wanted) - HANDLERS.keys()):
        known = ", ".join(sorted(HANDLERS))
        message = f"no task kind {', '.join(unknown)}; known: {known}"
        raise typer.BadParameter(message, param_hint="--kinds")
    overrides: dict[str, Any] = {} if concurrency is None else {"concurrency": concurrency}
    settings, billing = _settings(env, state_dir, port_base, overrides)
    outcomes = run_worker_process(settings, billing=billing, kinds=wanted, drain=drain)
    emit({"outcomes": {str(key): count for key, count in outcomes.items()}}, as_json=as_json)


def _settings(
    env: str | None, state_dir: Path | None, port_base: int | None, overrides: dict[str, Any]
) -> tuple[Settings, BillingSettings]:
    from edge_workers.settings import BillingSettings, Settings

    asked_for = env is not None or state_dir is not None or port_base is not None
    # Containers and the supervisor of the local stack give the address as a variable.
    if "SUPABASE_URL" in os.environ and not asked_for:
        return Settings.from_environment(**overrides), BillingSettings.from_environment()
    environment = select(find_root(), env, state_dir=state_dir, port_base=port_base)
    connection = connect_as_server(environment)
    if environment.kind != "embedded":
        note(f"target: {environment.describe()}")
    settings = Settings.from_environment(
        supabase_url=connection.api_url, supabase_secret_key=connection.secret_key, **overrides
    )
    variables = find_billing_variables(environment)
    billing = {name.lower(): value for name, value in variables.items()}
    return settings, BillingSettings.from_environment(**billing)
