"""`resumebase up`, `down`, `status` and `reset`: the local stack."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from cli.connection import open_stack
from cli.environments import Environment, EnvOption, PortBaseOption, StateDirOption, select
from cli.output import CliError, ExitCode, JsonOption, console, emit, note
from cli.project import find_root
from cli.safety import YesOption

if TYPE_CHECKING:
    from pathlib import Path
    from types import FrameType

    from cli.stack.status import StackStatus
    from cli.stack.supervisor import Stack

ShowSecretsOption = Annotated[
    bool, typer.Option("--show-secrets", help="Print keys and passwords in full.")
]
_STATE_STYLES = {"running": "green", "degraded": "red", "dead": "red", "unresponsive": "red"}


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command()(up)
    app.command()(down)
    app.command()(status)
    app.command()(reset)


def up(
    without: Annotated[
        str | None,
        typer.Option("--without", metavar="A,B", help="Leave services out: worker, http."),
    ] = None,
    foreground: Annotated[
        bool,
        typer.Option("--foreground", help="Stay attached, show the logs; Ctrl-C stops all."),
    ] = False,
    env: EnvOption = None,
    state_dir: StateDirOption = None,
    port_base: PortBaseOption = None,
    show_secrets: ShowSecretsOption = False,
    as_json: JsonOption = False,
) -> None:
    """Start the local stack, repair what died and apply pending migrations; safe to repeat.

    Example: resumebase up --without worker
    """
    environment = _choose(env, state_dir, port_base)
    stack = open_stack(environment)
    names = frozenset((without or "").replace(",", " ").split())

    def show(found: StackStatus) -> None:
        _show(found, environment, show_secrets=show_secrets, as_json=as_json)

    with _interruptible():
        if foreground:
            # Imported here: only this option needs it.
            from cli.stack.foreground import run_attached

            run_attached(stack, names, on_step=note, on_ready=show)
        else:
            show(stack.up(without=names, on_step=note))


def down(
    env: EnvOption = None,
    state_dir: StateDirOption = None,
    port_base: PortBaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Stop the local stack; the data stays. Stopping what does not run is fine.

    Example: resumebase down
    """
    stack = open_stack(_choose(env, state_dir, port_base))
    stopped = stack.down(on_step=note)
    _note_ignored(port_base, stack)
    message = "stopped" if stopped else "nothing was running"
    emit({"stopped": stopped}, as_json=as_json, render=lambda: console.print(message))


def status(
    env: EnvOption = None,
    state_dir: StateDirOption = None,
    port_base: PortBaseOption = None,
    show_secrets: ShowSecretsOption = False,
    as_json: JsonOption = False,
) -> None:
    """Show what runs, where it is, and its keys (masked, except with --json).

    Example: resumebase status --json
    """
    environment = _choose(env, state_dir, port_base)
    stack = open_stack(environment)
    found = stack.status()
    _note_ignored(port_base, stack)
    _show(found, environment, show_secrets=show_secrets, as_json=as_json)


def reset(
    yes: YesOption = False,
    env: EnvOption = None,
    state_dir: StateDirOption = None,
    port_base: PortBaseOption = None,
    show_secrets: ShowSecretsOption = False,
    as_json: JsonOption = False,
) -> None:
    """Delete all local data and rebuild the database from migrations and seed; keys stay.

    Example: resumebase reset --yes
    """
    environment = _choose(env, state_dir, port_base)
    stack = open_stack(environment)
    if not yes:
        _confirm_reset(stack.layout.state_dir, as_json=as_json)
    found = stack.reset(on_step=note)
    _show(found, environment, show_secrets=show_secrets, as_json=as_json)


def _choose(env: str | None, state_dir: Path | None, port_base: int | None) -> Environment:
    return select(find_root(), env, state_dir=state_dir, port_base=port_base)


def _note_ignored(port_base: int | None, stack: Stack) -> None:
    """Say so when --port-base is not that of the stack: ports are chosen by `up` alone."""
    remembered = None
    with suppress(CliError):  # `down` works without, and has said what it did
        remembered = stack.remembered_port_base()
    if port_base is not None and remembered not in (None, port_base):
        note(f"--port-base {port_base} is ignored: this stack has {remembered}.")


@contextmanager
def _interruptible() -> Iterator[None]:
    """Let SIGTERM do what Ctrl-C does, and explain either."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    previous = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    except KeyboardInterrupt as error:
        raise _interrupted() from error
    finally:
        signal.signal(signal.SIGTERM, previous)


def _interrupted() -> CliError:
    return CliError(
        "interrupted",
        "Interrupted. What this command had started was stopped; your data is kept.",
        "Run: resumebase up",
        ExitCode.CANCELLED,
    )


def _confirm_reset(state_dir: Path, *, as_json: bool) -> None:
    question = f"Delete all data in {state_dir} and rebuild it from migrations and seed?"
    if as_json or not sys.stdin.isatty():
        raise CliError(
            "not-confirmed",
            "reset deletes all local data, and nobody can be asked. Nothing was changed.",
            "If you mean it: resumebase reset --yes",
            ExitCode.CANCELLED,
        )
    if not typer.confirm(question, err=True):
        raise CliError(
            "not-confirmed", "Answered no. Nothing was changed.", exit_code=ExitCode.CANCELLED
        )


def _show(
    found: StackStatus, environment: Environment, *, show_secrets: bool, as_json: bool
) -> None:
    data = {**found.as_dict(), "env": environment.name}

    def render() -> None:
        console.print(_services_table(data["state"], data["services"]))
        console.print(_addresses_table(data, show_secrets=show_secrets))
        if not show_secrets and data["secret_key"]:
            console.print("[dim]secrets in full: resumebase status --show-secrets[/]")

    emit(data, as_json=as_json, render=render)


def _services_table(state: str, services: dict[str, dict[str, object]]) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_row("stack", _coloured(state))
    for name, service in services.items():
        port = f"127.0.0.1:{service['port']}" if service["port"] else ""
        pid = f"pid {service['pid']}" if service["pid"] else ""
        table.add_row(f"  {name}", _coloured(str(service["state"])), port, pid)
    return table


def _addresses_table(data: dict[str, object], *, show_secrets: bool) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False)
    webhook_secrets = data["webhook_secrets"]
    assert isinstance(webhook_secrets, dict)
    rows = {key.replace("_", " "): str(data[key]) for key in ("api_url", "webhooks_url", "db_url")}
    rows |= {key.replace("_", " "): str(data[key]) for key in ("publishable_key", "secret_key")}
    rows["jwt secret"] = str(data["jwt_secret"])
    rows |= {f"{name} webhook secret": str(value) for name, value in webhook_secrets.items()}
    for name, value in rows.items():
        if value:
            table.add_row(name, escape(value if show_secrets else _masked(name, value)))
    return table


def _masked(name: str, value: str) -> str:
    if name == "db url":
        head, _, tail = value.rpartition("@")
        return f"{head.rpartition(':')[0]}:…@{tail}"
    if name.endswith(("secret key", "secret")):
        prefix = next((p for p in ("sb_secret_", "whsec_") if value.startswith(p)), "")
        return f"{prefix}…"
    return value


def _coloured(state: str) -> str:
    return f"[{_STATE_STYLES.get(state, 'dim')}]{state}[/]"
