"""`resumebase webhook list | show | replay | stats`: the inbox of an environment."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Literal
from uuid import UUID

import typer
from rich.markup import escape

from cli.environments import EnvOption, PortBaseOption, StateDirOption
from cli.operator_options import ProviderName, select_announced
from cli.operator_view import SHORT_ID, counted, moment, show_table, status
from cli.output import CliError, JsonOption, console, emit, note
from cli.safety import ConfirmOption, YesOption, approve

if TYPE_CHECKING:
    from cli.operator_database import OperatorDatabase

AnyProviderOption = Annotated[
    ProviderName | None, typer.Option("--provider", help="Events of this provider only.")
]


def list_(
    provider: AnyProviderOption = None,
    state: Annotated[
        Literal["received", "parked", "processed", "ignored", "failed"] | None,
        typer.Option("--status", help="Events in this state only."),
    ] = None,
    event_type: Annotated[
        str | None, typer.Option("--type", help="Events of this type only, such as invoice.paid.")
    ] = None,
    user: Annotated[
        str | None, typer.Option("--user", help="Events about this user: an address or an id.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=500, help="How many.")] = 20,
    env: EnvOption = None,
    state_dir: StateDirOption = None,
    port_base: PortBaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the latest events of payment providers, and what became of them.

    Example: resumebase webhook list --status failed
    """
    # Imported here: the Postgres client is slow to load.
    from cli.operator_database import open_database

    with open_database(select_announced(env, state_dir, port_base)) as db:
        user_id = db.find_account(user).id if user else None
        call = "select * from public.report_webhook_events(%s, %s, %s, %s, %s)"
        rows = db.rows(call, provider, state, event_type, user_id, limit)
    emit(rows, as_json=as_json, render=lambda: _show_list(rows))


def _show_list(rows: list[dict[str, Any]]) -> None:
    columns = ("received", "provider", "type", "status", "id")
    show_table(columns, map(_list_row, rows), "No such event.")
    # Sentences below the table: in it, a narrow terminal leaves them a column of single words.
    for row in rows:
        if row["error"]:
            again = f" (again {moment(row['next_attempt_at'])})" if row["is_parked"] else ""
            console.print(f"[dim]{_short(row)}[/] {escape(row['error'])}{again}")


def _list_row(row: dict[str, Any]) -> tuple[str, ...]:
    return (
        moment(row["received_at"]),
        row["provider"],
        escape(row["type"]),
        status("parked" if row["is_parked"] else row["status"]),
        _short(row),
    )


def _short(row: dict[str, Any]) -> str:
    return str(row["id"])[:SHORT_ID]


EVENT_HELP = f"Our id of the event, {SHORT_ID} characters of it or more, or the provider's."


def find_event(db: OperatorDatabase, name: str) -> UUID:
    """Return our id of an event, by that id or by the provider's.

    Raises CliError `unknown-event`.
    """
    rows = db.rows(
        "select id from private.webhook_events where event_id = %s "
        "or char_length(%s) >= %s and starts_with(id::text, lower(%s)) limit 2",
        name,
        name,
        SHORT_ID,
        name,
    )
    if len(rows) == 1:
        found: UUID = rows[0]["id"]
        return found
    which = "is no" if not rows else "is more than one"
    raise CliError(
        "unknown-event", f"There {which} webhook event {name}.", "See: resumebase webhook list"
    )


def show(
    event: Annotated[str, typer.Argument(metavar="ID", help=EVENT_HELP)],
    env: EnvOption = None,
    state_dir: StateDirOption = None,
    port_base: PortBaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show one event with its payload and what became of it; leaves an event that says so.

    Example: resumebase webhook show evt_1Example
    """
    from cli.operator_database import open_database

    with open_database(select_announced(env, state_dir, port_base)) as db:
        data = db.value("select public.report_webhook_event(%s)", find_event(db, event))
    emit(data, as_json=as_json, render=lambda: _show(data))


def _show(data: dict[str, Any]) -> None:
    rows = [
        ("id", str(data["id"])),
        ("provider", f"{data['provider']}, as {escape(data['event_id'] or 'nothing')}"),
        ("type", escape(data["type"])),
        ("status", status("parked" if data["is_parked"] else data["status"])),
        ("attempts", str(data["attempts"])),
        ("happened", moment(data["occurred_at"])),
        ("received", moment(data["received_at"])),
        ("closed", moment(data["closed_at"])),
        ("user", str(data["user_id"] or "not known")),
    ]
    if data["error"]:
        rows.append(("error", escape(data["error"])))
    if data["live_task"]:
        task = data["live_task"]
        doing = "runs" if task["is_running"] else f"waits until {moment(task['run_at'])}"
        rows.append(("task", f"{task['id']} {doing}"))
    for name, value in rows:
        console.print(f"[dim]{name:<9}[/] {value}")
    console.print_json(json.dumps(data["payload"]))


def replay(
    event: Annotated[
        str | None,
        typer.Argument(metavar="ID", help=EVENT_HELP),
    ] = None,
    all_failed: Annotated[
        bool, typer.Option("--all-failed", help="Every event that failed, not one.")
    ] = False,
    provider: AnyProviderOption = None,
    env: EnvOption = None,
    confirm: ConfirmOption = None,
    yes: YesOption = False,
    state_dir: StateDirOption = None,
    port_base: PortBaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Have an event, or all that failed, applied again; what is known already changes nothing.

    Example: resumebase webhook replay --all-failed
    """
    from cli.operator_database import open_database

    if all_failed == (event is not None):
        raise typer.BadParameter("name one event, or say --all-failed")
    environment = select_announced(env, state_dir, port_base)
    with open_database(environment) as db:
        found = find_event(db, event) if event else None
        what = f"Replay {event or 'all failed events'}"
        approve(environment, what, confirm=confirm, yes=yes, as_json=as_json)
        if found:
            was = db.value("select public.admin_replay_webhook_event(%s)", found)
            count, said = 1, f"{event} was {was}; it is in the queue"
        else:
            count = _replay_failed(db, provider)
            said = f"{counted(count, 'event')} queued" if count else "no event has failed"
    data = {"replayed": count, "id": found}
    emit(data, as_json=as_json, render=lambda: console.print(escape(said)))


def _replay_failed(db: OperatorDatabase, provider: str | None) -> int:
    began: datetime = db.value("select clock_timestamp()")
    call = "select public.admin_replay_failed_webhook_events(%s, %s)"
    replayed = 0
    while more := int(db.value(call, provider, began)):
        replayed += more
    return replayed


def stats(
    days: Annotated[
        int, typer.Option("--days", min=1, max=366, help="Count events of the last days.")
    ] = 7,
    env: EnvOption = None,
    state_dir: StateDirOption = None,
    port_base: PortBaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show how the inbox is doing: what waits, what failed, and how long events take.

    Example: resumebase webhook stats --days 1
    """
    from cli.operator_database import open_database

    with open_database(select_announced(env, state_dir, port_base)) as db:
        rows = db.rows("select * from public.report_webhook_stats(%s)", days)
    for row in rows:
        for name in ("lag_median", "lag_max"):
            row[f"{name}_seconds"] = _seconds(row.pop(name))
    emit(rows, as_json=as_json, render=lambda: _show_stats(rows))
    if any(row["failed"] for row in rows):
        note("failed: see why with resumebase webhook list --status failed")


def _seconds(lag: timedelta | None) -> float | None:
    return None if lag is None else round(lag.total_seconds(), 3)


def _show_stats(rows: list[dict[str, Any]]) -> None:
    lines: list[tuple[str, ...]] = []
    for name in ("waiting", "parked", "processed", "ignored", "failed"):
        colour = "red" if name == "failed" else "yellow" if name == "parked" else None
        counts = (f"[{colour}]{n}[/]" if n and colour else str(n) for n in _each(rows, name))
        lines.append((name, *counts))
    for label, name in (
        ("oldest waits since", "oldest_waiting_at"),
        ("last received", "last_received_at"),
    ):
        lines.append((label, *map(moment, _each(rows, name))))
    for label, name in (("time taken", "lag_median_seconds"), ("at most", "lag_max_seconds")):
        lines.append((label, *("" if n is None else f"{n:g} s" for n in _each(rows, name))))
    show_table(("", *(row["provider"] for row in rows)), lines, "")
    for row in rows:
        for event_type, count in row["failures"].items():
            console.print(f"[red]failed[/] {row['provider']} {escape(event_type)}: {count}")


def _each(rows: list[dict[str, Any]], name: str) -> list[Any]:
    return [row[name] for row in rows]
