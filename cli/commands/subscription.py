"""`resumebase subscription`: what users subscribed to; giving, ending and checking it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.markup import escape

from cli.environments import EnvOption, PortBaseOption, StateDirOption
from cli.operator_options import UserArgument, select_announced
from cli.operator_view import (
    SHORT_ID,
    counted,
    day,
    moment,
    money,
    show_account,
    show_table,
    status,
)
from cli.output import CliError, JsonOption, console, emit
from cli.safety import ConfirmOption, YesOption, approve

PERIODS = ("day", "month", "lifetime")

app = typer.Typer(no_args_is_help=True)


def register(root: typer.Typer) -> None:
    """Add the group to the command line."""
    root.add_typer(app, name="subscription", help="See, give and end the plans of users.")


@app.command()
def show(
    user: UserArgument,
    env: EnvOption = None,
    state_dir: StateDirOption = None,
    port_base: PortBaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what entitles a user now, all subscriptions and all payments; leaves an event.

    Example: resumebase subscription show ada@example.com
    """
    # Imported here: the Postgres client is slow to load.
    from cli.operator_database import open_database

    with open_database(select_announced(env, state_dir, port_base)) as db:
        data = db.value("select public.report_subscription(%s)", db.find_account(user).id)
    emit(data, as_json=as_json, render=lambda: _show(data))


def _show(data: dict[str, Any]) -> None:
    show_account(data["account"])
    if data["effective"]:
        until = moment(data["effective"]["entitled_until"])
        console.print(f"entitled {f'until {until} UTC' if until else 'without end'}")
        if data["effective"]["custom_limits"]:
            console.print(f"own limits: {escape(json.dumps(data['effective']['custom_limits']))}")
        console.print()
    columns = ("", "plan", "status", "by", "price", "from", "until", "subscription")
    rows = [_subscription_row(one) for one in data["subscriptions"]]
    show_table(columns, rows, "No subscription so far.")
    console.print("\n[bold]Payments[/]")
    payments = [_payment_row(one) for one in data["payments"]]
    headings = ("when", "for", "amount", "status", "refunded", "payment")
    show_table(headings, payments, "None so far.")


def _subscription_row(one: dict[str, Any]) -> tuple[str, ...]:
    price = money(one["amount"], one["currency"]) if one["amount"] is not None else ""
    until = day(one["ended_at"] or one["current_period_end"])
    remark = " (will end)" if one["cancel_at_period_end"] and not one["ended_at"] else ""
    remark += " (another one counts)" if one["superseded_at"] else ""
    return (
        "[green]→[/]" if one["is_effective"] else "",
        escape(one["plan_code"]),
        status(one["status"]) + remark,
        one["provider"],
        f"{price} a {one['interval']}" if price else "",
        day(one["start_date"]),
        until,
        escape(one["provider_subscription_id"] or one["id"][:SHORT_ID]),
    )


def _payment_row(one: dict[str, Any]) -> tuple[str, ...]:
    what = f"{one['tokens']} tokens" if one["kind"] == "tokens" else "subscription"
    refunded = money(one["refunded_amount"], one["currency"]) if one["refunded_amount"] else ""
    return (
        day(one["paid_at"] or one["created_at"]),
        what,
        money(one["amount"], one["currency"]),
        status(one["status"]),
        refunded,
        escape(one["provider_payment_id"]),
    )


@app.command()
def grant(
    user: UserArgument,
    plan: Annotated[str, typer.Option("--plan", help="Code of the plan, such as pro.")],
    until: Annotated[
        str | None,
        typer.Option("--until", metavar="DATE", help="Until when, in UTC [default: no end]."),
    ] = None,
    limit: Annotated[
        list[str] | None,
        typer.Option(
            "--limit",
            metavar="METER:PERIOD=N",
            help="A limit for this user alone, or =unlimited; may be repeated.",
        ),
    ] = None,
    env: EnvOption = None,
    confirm: ConfirmOption = None,
    yes: YesOption = False,
    state_dir: StateDirOption = None,
    port_base: PortBaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Give a user a plan that nobody pays for; again with other values changes it.

    Example: resumebase subscription grant ada@example.com --plan pro --until 2030-12-31 \
--limit interviews:month=20
    """
    from cli.operator_database import open_database

    moment_until = _moment(until) if until else None
    limits = json.dumps(_custom_limits(limit)) if limit else None
    environment = select_announced(env, state_dir, port_base)
    with open_database(environment) as db:
        account = db.find_account(user)
        what = f"Grant plan {plan} to {account.email}"
        approve(environment, what, confirm=confirm, yes=yes, as_json=as_json)
        call = "select * from public.admin_grant_subscription(%s, %s, %s, %s)"
        done = db.one(call, account.id, plan, moment_until, limits)
    end = moment(done["current_period_end"])
    said = f"granted {plan} to {account.email} {f'until {end} UTC' if end else 'without end'}"
    if done["superseded_at"]:
        said += "; a subscription with more counts before it"
    emit(done, as_json=as_json, render=lambda: console.print(escape(said)))


def _moment(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        message = f"{text} is no date; write 2030-12-31, or 2030-12-31T18:00"
        raise typer.BadParameter(message, param_hint="--until") from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _custom_limits(words: list[str]) -> dict[str, dict[str, int | None]]:
    limits: dict[str, dict[str, int | None]] = {}
    for word in words:
        name, _, number = word.partition("=")
        meter, _, period = name.partition(":")
        if not meter or period not in PERIODS or not (number.isdigit() or number == "unlimited"):
            message = f"{word} is no limit; write METER:PERIOD=N, with period {', '.join(PERIODS)}"
            raise typer.BadParameter(message, param_hint="--limit")
        limits.setdefault(meter, {})[period] = int(number) if number.isdigit() else None
    return limits


@app.command()
def cancel(
    user: UserArgument,
    now: Annotated[
        bool, typer.Option("--now", help="At once, not at the end of what is paid.")
    ] = False,
    subscription: Annotated[
        str | None,
        typer.Option("--subscription", metavar="ID", help="Which one [default: what counts]."),
    ] = None,
    env: EnvOption = None,
    confirm: ConfirmOption = None,
    yes: YesOption = False,
    state_dir: StateDirOption = None,
    port_base: PortBaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """End a subscription: a granted one here, any other by asking its provider.

    Example: resumebase subscription cancel ada@example.com --now
    """
    from cli.operator_database import open_database

    environment = select_announced(env, state_dir, port_base)
    with open_database(environment) as db:
        account = db.find_account(user)
        wanted = db.find_subscription(account, subscription) if subscription else None
        what = f"End the subscription of {account.email}"
        approve(environment, what, confirm=confirm, yes=yes, as_json=as_json)
        call = "select * from public.admin_cancel_subscription(%s, %s, %s)"
        try:
            done = db.one(call, account.id, not now, wanted)
        except CliError as error:
            if error.code == "not-found":
                error.hint = f"See what there is: resumebase subscription show {user}"
            raise
    said = f"{done['plan_code']} of {account.email}: {_end_of(done)}"
    emit(done, as_json=as_json, render=lambda: console.print(escape(said)))


def _end_of(done: dict[str, Any]) -> str:
    if done["ended_at"]:
        return f"{done['status']} since {moment(done['ended_at'])} UTC"
    if done["provider"] != "manual":
        return f"{done['provider']} is asked to end it; its webhook tells when it is over"
    return f"ends {moment(done['current_period_end'])} UTC"


@app.command()
def reconcile(
    user: Annotated[
        str | None,
        typer.Argument(
            metavar="USER", help="An e-mail address, or a user id [default: everybody]."
        ),
    ] = None,
    env: EnvOption = None,
    confirm: ConfirmOption = None,
    yes: YesOption = False,
    state_dir: StateDirOption = None,
    port_base: PortBaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Have the worker ask the providers now how things stand, as it does every night.

    Example: resumebase subscription reconcile ada@example.com
    """
    from cli.operator_database import open_database

    environment = select_announced(env, state_dir, port_base)
    with open_database(environment) as db:
        account = db.find_account(user) if user else None
        what = f"Reconcile {account.email if account else 'all accounts'}"
        approve(environment, what, confirm=confirm, yes=yes, as_json=as_json)
        queued = db.value("select public.admin_reconcile(%s)", account.id if account else None)
    said = " and ".join(counted(queued[f"{noun}s"], noun) for noun in ("subscription", "checkout"))
    emit(queued, as_json=as_json, render=lambda: console.print(f"{said} to be asked about"))
