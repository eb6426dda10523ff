"""`resumebase webhook send`: events of a payment provider that nobody paid for."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import typer
from rich.markup import escape

from cli.environments import EnvOption, PortBaseOption, StateDirOption
from cli.operator_options import ProviderName, select_announced
from cli.operator_view import show_table, status
from cli.output import CliError, JsonOption, emit
from cli.safety import ConfirmOption, YesOption, approve

WAIT_SECONDS = 30


def send(
    provider: Annotated[ProviderName, typer.Argument(metavar="PROVIDER", help="Who sends it.")],
    event: Annotated[
        str, typer.Argument(metavar="EVENT", help="A type of event, purchase, or lifecycle.")
    ],
    user: Annotated[
        str, typer.Option("--user", metavar="USER", help="Whose it is: an address or a user id.")
    ],
    plan: Annotated[
        str | None,
        typer.Option("--plan", help="What was subscribed to [default: what runs, else pro]."),
    ] = None,
    interval: Annotated[
        Literal["month", "year"], typer.Option("--interval", help="How often it is paid.")
    ] = "month",
    pack: Annotated[
        str | None, typer.Option("--pack", help="Tokens were bought, not a plan: code of a pack.")
    ] = None,
    subscription: Annotated[
        str | None,
        typer.Option("--subscription", metavar="ID", help="The provider's id of it."),
    ] = None,
    payment: Annotated[
        str | None, typer.Option("--payment", metavar="ID", help="The provider's id of it.")
    ] = None,
    refunded: Annotated[
        int | None,
        typer.Option("--refunded", metavar="N", min=1, help="In minor units [default: all]."),
    ] = None,
    state: Annotated[
        str | None,
        typer.Option("--status", help="Stripe only: the status of the subscription or session."),
    ] = None,
    at: Annotated[
        str | None, typer.Option("--at", metavar="TIME", help="When it happened, or began, in UTC.")
    ] = None,
    event_id: Annotated[
        str | None, typer.Option("--event-id", metavar="ID", help="The provider's id of the event.")
    ] = None,
    count: Annotated[
        int, typer.Option("--count", min=1, max=100, help="Send each this often, as retries do.")
    ] = 1,
    shuffle: Annotated[
        bool, typer.Option("--shuffle", help="In any order, as providers may.")
    ] = False,
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait for the worker, and show what became of each.")
    ] = False,
    url: Annotated[
        str | None,
        typer.Option("--url", help="Address of the service [default: that of the local stack]."),
    ] = None,
    env: EnvOption = None,
    confirm: ConfirmOption = None,
    yes: YesOption = False,
    state_dir: StateDirOption = None,
    port_base: PortBaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Send made-up events, signed with the secret of the environment, never to production.

    They fit what the environment sells and what the user has: purchase sends all that a checkout
    causes, lifecycle all from there to the end, any other name one event, which is about the
    subscription that runs.

    Example: resumebase webhook send razorpay purchase --user ada@example.com --plan pro --shuffle
    """
    # Imported here: the clients of Postgres and HTTP are slow to load.
    from cli.operator_database import open_database
    from cli.webhook_samples import STORIES, Wanted, make_samples, require_known
    from cli.webhook_sender import find_destination, wait_for_outcomes
    from cli.webhook_sender import send as send_samples

    require_known(provider, event)
    if event_id and event in STORIES:
        raise typer.BadParameter(f"{event} is many events", param_hint="--event-id")
    if plan and pack:
        raise typer.BadParameter("it is about a plan or about a pack", param_hint="--pack")
    if state and (provider == "razorpay" or event in STORIES):
        raise typer.BadParameter("single events of Stripe only", param_hint="--status")
    wanted = Wanted(
        event, plan, interval, pack, subscription, payment, refunded, state, _moment(at), event_id
    )
    environment = select_announced(env, state_dir, port_base)
    destination = find_destination(environment, provider, url)
    with open_database(environment) as db:
        account = db.find_account(user)
        what = f"Send made-up payments of {account.email}"
        approve(environment, what, confirm=confirm, yes=yes, as_json=as_json)
        samples = make_samples(db, provider, account, wanted) * count
        if shuffle:
            random.shuffle(samples)
        answers = list(send_samples(destination, samples))
        if wait:
            outcomes = wait_for_outcomes(db, provider, samples, WAIT_SECONDS)
            for answer in answers:
                answer["outcome"] = outcomes.get(answer["event_id"], "refused")
    emit(answers, as_json=as_json, render=lambda: _show(answers))
    refused = [answer for answer in answers if answer["status"] >= 300]
    if refused:
        raise CliError(
            "webhook-refused",
            f"{len(refused)} of {len(answers)} events were not taken.",
            "See what the service logged: resumebase logs http",
        )
    failed = [answer["event_id"] for answer in answers if answer.get("outcome") == "failed"]
    if failed:
        raise CliError(
            "webhook-failed",
            f"{len(failed)} of {len(answers)} events could not be applied.",
            f"See why: resumebase webhook show {failed[0]}",
        )


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text).replace(microsecond=0)
    except ValueError:
        message = f"{text} is no time; write 2030-12-31T18:00:00"
        raise typer.BadParameter(message, param_hint="--at") from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _show(answers: list[dict[str, Any]]) -> None:
    rows = (
        (
            escape(answer["type"]),
            escape(answer["event_id"]),
            f"[{'green' if answer['status'] < 300 else 'red'}]{answer['status']}[/]",
            escape(_said(answer["answer"])),
            status(answer.get("outcome", "")),
        )
        for answer in answers
    )
    show_table(("event", "id", "answer", "", ""), rows, "Nothing was sent.")


def _said(answer: Any) -> str:
    """The answer of the service, in the words that matter."""
    if not isinstance(answer, dict):
        return str(answer)
    return str(answer.get("status") or answer.get("code") or answer)
