"""`resumebase usage`: what a user used, and what remains."""

from __future__ import annotations

from typing import Any

import typer
from rich.markup import escape

from cli.environments import EnvOption, PortBaseOption, StateDirOption
from cli.operator_options import UserArgument, select_announced
from cli.operator_view import bar, moment, show_account, show_table, status
from cli.output import JsonOption, console, emit

app = typer.Typer(no_args_is_help=True)


def register(root: typer.Typer) -> None:
    """Add the group to the command line."""
    root.add_typer(app, name="usage", help="See what a user used, and what remains.")


@app.callback()
def _group() -> None:
    # With a callback, Typer keeps `show` a subcommand although it is the only one.
    return


@app.command()
def show(
    user: UserArgument,
    env: EnvOption = None,
    state_dir: StateDirOption = None,
    port_base: PortBaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show limits, tokens and the latest uses of one user; leaves an event that says so.

    Example: resumebase usage show ada@example.com
    """
    # Imported here: the Postgres client is slow to load.
    from cli.operator_database import open_database

    environment = select_announced(env, state_dir, port_base)
    with open_database(environment) as db:
        data = db.value("select public.report_usage(%s)", db.find_account(user).id)
    emit(data, as_json=as_json, render=lambda: _show(data))


def _show(data: dict[str, Any]) -> None:
    show_account(data["account"])
    show_table(
        ("meter", "period", ""),
        (
            (escape(one["meter"]), one["period_key"], bar(one["used"], one["max_uses"]))
            for one in data["limits"]
        ),
        "The plan has no limits: the catalogue is not there.",
    )
    tokens = data["tokens"]
    debt = f", [red]{tokens['debt']} owed[/]" if tokens["debt"] else ""
    bought = tokens["total_purchased"]
    console.print(f"\ntokens: [bold]{tokens['balance']}[/]{debt} ({bought} bought so far)")
    if data["transactions"]:
        show_table(("when", "", "tokens", "balance", ""), map(_move, data["transactions"]), "")
    console.print("\n[bold]Latest uses[/]")
    show_table(("when", "operation", "paid by", "state"), map(_use, data["events"]), "None yet.")


def _move(one: dict[str, Any]) -> tuple[str, ...]:
    amount = f"{one['amount']:+d}"
    said = one["description"] or one["reference"] or ""
    kind = one["transaction_type"]
    return moment(one["created_at"]), kind, amount, str(one["balance_after"]), escape(said)


def _use(one: dict[str, Any]) -> tuple[str, ...]:
    return moment(one["created_at"]), one["operation"], one["source"], status(one["state"])
