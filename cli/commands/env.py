"""`resumebase env`: the environments of `resumebase.toml`."""

from __future__ import annotations

import os
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Column, Table

from cli.checks import report
from cli.connection import connect, connect_as_server, find_secrets
from cli.environments import (
    Environment,
    EnvOption,
    PortBaseOption,
    StateDirOption,
    choose,
    load,
    remember,
    select,
)
from cli.output import CliError, JsonOption, console, emit, note
from cli.project import find_root
from cli.runtime import node
from cli.safety import announce

NameArgument = Annotated[
    str | None, typer.Argument(metavar="NAME", help="Environment [default: the chosen one].")
]

app = typer.Typer(no_args_is_help=True)


def register(root: typer.Typer) -> None:
    """Add the group to the command line."""
    root.add_typer(app, name="env", help="Choose, show and check environments.")


@app.command("list")
def list_(as_json: JsonOption = False) -> None:
    """List the environments of resumebase.toml and mark the chosen one.

    Example: resumebase env list
    """
    root = find_root()
    chosen, chosen_by = choose(root)
    rows: list[dict[str, Any]] = [
        {
            "name": name,
            "kind": settings.kind,
            "production": (environment := Environment(name, root, settings)).is_production,
            "where": environment.where,
            "chosen": name == chosen,
        }
        for name, settings in load(root).items()
    ]

    def render() -> None:
        where = Column("where", overflow="fold")
        table = Table("", "name", "kind", where, box=None, pad_edge=False)
        for row in rows:
            kind = f"{row['kind']}, production" if row["production"] else row["kind"]
            table.add_row("→" if row["chosen"] else "", row["name"], kind, escape(row["where"]))
        console.print(table)
        console.print(f"→ chosen by {chosen_by}")

    emit(rows, as_json=as_json, render=render)


@app.command()
def show(name: NameArgument = None, env: EnvOption = None, as_json: JsonOption = False) -> None:
    """Show where an environment is and which of its secrets are set, never their values.

    Example: resumebase env show staging --json
    """
    environment = select(find_root(), _one_name(name, env))
    data = _describe(environment)

    def render() -> None:
        value_column = Column(overflow="fold")
        table = Table(Column(), value_column, show_header=False, box=None, pad_edge=False)
        for key, value in data.items():
            if key == "secrets":
                for secret, source in value.items():
                    table.add_row(secret, f"set ({source})" if source else "not set")
            else:
                shown = "not set" if value is None else str(value)
                table.add_row(key.replace("_", " "), escape(shown))
        console.print(table)

    emit(data, as_json=as_json, render=render)


@app.command()
def use(
    name: Annotated[str, typer.Argument(help="Environment of resumebase.toml.")],
    as_json: JsonOption = False,
) -> None:
    """Make an environment the one that later commands in this checkout are about.

    Example: resumebase env use local
    """
    environment = remember(find_root(), name)
    in_force = select(environment.root)
    if in_force.name != name:
        note(f"warning: RESUMEBASE_ENV={in_force.name} still comes first in this shell")

    def render() -> None:
        console.print(f"Using {escape(environment.describe())}")

    emit({"name": name, "kind": environment.kind}, as_json=as_json, render=render)


@app.command()
def check(
    name: NameArgument = None,
    env: EnvOption = None,
    state_dir: StateDirOption = None,
    port_base: PortBaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check that an environment answers, takes our keys and has every migration.

    Example: resumebase env check --env local
    """
    # Imported here: HTTP and Postgres clients are slow to load, and only this command needs them.
    from cli.environment_checks import check_environment

    environment = select(
        find_root(), _one_name(name, env), state_dir=state_dir, port_base=port_base
    )
    report(check_environment(environment), environment.name, as_json=as_json)


@app.command(
    "exec", context_settings={"allow_interspersed_args": False, "ignore_unknown_options": True}
)
def exec_(
    command: Annotated[list[str], typer.Argument(help="The command, after --.")],
    secret: Annotated[
        bool, typer.Option("--secret", help="Give it SUPABASE_SECRET_KEY too, as workers need.")
    ] = False,
    env: EnvOption = None,
    state_dir: StateDirOption = None,
    port_base: PortBaseOption = None,
) -> None:
    """Run a command that finds SUPABASE_URL and SUPABASE_PUBLISHABLE_KEY in its environment.

    Node is on its PATH. Its exit code becomes that of resumebase.

    Example: resumebase env exec -- node examples/web/quickstart.mjs
    """
    environment = select(find_root(), env, state_dir=state_dir, port_base=port_base)
    connection = connect_as_server(environment) if secret else connect(environment)
    announce(environment)
    variables = {
        "SUPABASE_URL": connection.api_url,
        "SUPABASE_PUBLISHABLE_KEY": connection.publishable_key,
        "PATH": os.pathsep.join([str(node().parent), os.environ.get("PATH", os.defpath)]),
    }
    inherited = {key: value for key, value in os.environ.items() if key != "SUPABASE_SECRET_KEY"}
    if secret:
        variables["SUPABASE_SECRET_KEY"] = connection.secret_key
    try:
        os.execvpe(command[0], command, {**inherited, **variables})
    except OSError as error:
        raise CliError(
            "command-not-run",
            f"{command[0]}: {error.strerror}",
            "Is it installed, and spelt right?",
        ) from error


def _one_name(argument: str | None, option: str | None) -> str | None:
    if argument and option and argument != option:
        raise typer.BadParameter(f"{argument} and --env {option} name different environments")
    return argument or option


def _describe(environment: Environment) -> dict[str, Any]:
    data: dict[str, Any] = {
        "name": environment.name,
        "kind": environment.kind,
        "production": environment.is_production,
        "chosen_by": environment.chosen_by,
    }
    if environment.kind == "embedded":
        return {**data, "state_dir": str(environment.state_dir), "port_base": environment.port_base}
    data |= {"api_url": environment.api_url, "db_url": environment.db_url}
    secrets = {
        f"SUPABASE_{key}": secret.source for key, secret in find_secrets(environment).items()
    }
    return {**data, "secrets": secrets}
