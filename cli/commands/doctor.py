"""`resumebase doctor`: what is wrong with this machine or checkout, and the fix."""

from __future__ import annotations

import typer

from cli.checks import report
from cli.connection import open_stack
from cli.environments import EnvOption, PortBaseOption, StateDirOption, select
from cli.output import JsonOption
from cli.project import find_root


def register(root: typer.Typer) -> None:
    """Add the command to the command line."""
    root.command()(doctor)


def doctor(
    env: EnvOption = None,
    state_dir: StateDirOption = None,
    port_base: PortBaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check this machine and checkout, and print the fix of everything that is wrong.

    Example: resumebase doctor --json
    """
    # Imported here: the stack and its Postgres client are slow to load.
    from cli.doctor import examine

    environment = select(find_root(), env, state_dir=state_dir, port_base=port_base)
    stack = open_stack(environment) if environment.kind == "embedded" else None
    report(examine(environment, stack), "doctor", as_json=as_json)
