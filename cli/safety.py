"""The gate in front of every change to an environment that is not on this machine.

The official CLI takes an empty answer for a yes, so nothing reaches it before this gate opened.
"""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from cli.environments import Environment
from cli.output import CliError, ExitCode, note

ConfirmOption = Annotated[
    str | None,
    typer.Option(
        "--confirm", metavar="NAME", help="Name the production target instead of a prompt."
    ),
]
YesOption = Annotated[
    bool, typer.Option("--yes", "-y", help="Do not ask; not enough for a production environment.")
]


def announce(environment: Environment) -> None:
    """Print on stderr which remote environment a command is about to talk to."""
    if not environment.is_local:
        note(f"target: {environment.describe()}")


def approve(
    environment: Environment, what: str, *, confirm: str | None, yes: bool, as_json: bool
) -> None:
    """Return when the change `what` may be made, else raise CliError (cancelled, exit 3).

    Local environments need nothing. Others ask, or take `--yes`; production asks for its name, or
    takes `--confirm NAME`. Without a terminal, or in JSON mode, there is nobody to ask.
    """
    if environment.is_local:
        return
    name = environment.name
    if confirm is not None and confirm != name:
        raise _cancelled(f"--confirm says {confirm!r}, but the target is {name!r}.", name)
    if confirm == name or (yes and not environment.is_production):
        return
    if as_json or not sys.stdin.isatty():
        raise _cancelled(f"{what} on {name} needs a confirmation, and nobody can be asked.", name)
    if environment.is_production:
        answer = typer.prompt(
            f"{what} on PRODUCTION. Type {name} to go on", err=True, default="", show_default=False
        )
        if answer.strip() != name:
            raise _cancelled("The name was not typed.", name)
    elif not typer.confirm(f"{what} on {name}?", err=True):
        raise _cancelled("Answered no.", name)


def _cancelled(reason: str, name: str) -> CliError:
    return CliError(
        "not-confirmed",
        f"{reason} Nothing was changed.",
        f"If you mean it: --confirm {name}",
        ExitCode.CANCELLED,
    )
