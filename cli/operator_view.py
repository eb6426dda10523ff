"""What operators see on a terminal: tables, bars, moments and money."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from rich.markup import escape
from rich.table import Column, Table

from cli.output import console

BAR_WIDTH = 20
COLOURS = {
    "active": "green",
    "trialing": "green",
    "processed": "green",
    "succeeded": "green",
    "settled": "green",
    "past_due": "yellow",
    "parked": "yellow",
    "received": "yellow",
    "pending": "yellow",
    "failed": "red",
    "unpaid": "red",
    "refunded": "magenta",
}
# ISO 4217: currencies whose minor unit is not a hundredth, of those that payment providers take.
NO_DECIMALS = frozenset(
    {"BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA"}
    | {"PYG", "RWF", "UGX", "VND", "VUV", "XAF", "XOF", "XPF"}
)
THREE_DECIMALS = frozenset({"BHD", "JOD", "KWD", "OMR", "TND"})
WHOLE_COLUMNS = frozenset({"id", "subscription", "payment", "price id"}) | frozenset(
    {"plan", "by", "provider", "received", "when", "from", "until"}
)
SHORT_ID = 8
"""How much of an id of ours a list shows, and the least that a command takes for it."""


def money(amount: int, currency: str) -> str:
    """Write an amount in minor units as people do: 49900 INR is `499.00 INR`."""
    digits = 0 if currency in NO_DECIMALS else 3 if currency in THREE_DECIMALS else 2
    return f"{amount / 10**digits:,.{digits}f} {currency}"


def moment(value: object) -> str:
    """Write a moment in UTC to the minute; nothing for none."""
    if value is None:
        return ""
    at = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M")


def day(value: object) -> str:
    """Write the day of a moment in UTC; nothing for none."""
    return moment(value).partition(" ")[0]


def bar(used: int, allowed: int | None) -> str:
    """Draw how much of an allowance is used, with its colour; without a limit, how often."""
    if allowed is None:
        return f"[dim]{'·' * BAR_WIDTH}[/] {used} used, unlimited"
    if allowed == 0:
        return "[dim]not included[/]"
    share = min(used / allowed, 1.0)
    # A use shows, and so does what is left of an allowance.
    filled = round(share * BAR_WIDTH)
    filled = max(filled, 1) if used else filled
    filled = min(filled, BAR_WIDTH - 1) if used < allowed else filled
    colour = "red" if share >= 1 else "yellow" if share >= 0.8 else "green"
    drawn = f"[{colour}]{'█' * filled}[/][dim]{'░' * (BAR_WIDTH - filled)}[/]"
    return f"{drawn} {used} of {allowed}"


def status(word: str) -> str:
    """Colour a status by what it means."""
    colour = COLOURS.get(word)
    return f"[{colour}]{word}[/]" if colour else escape(word)


def show_table(columns: Sequence[str], rows: Iterable[Sequence[str]], nothing: str) -> None:
    """Print rows of ready markup below their headings, or say that there are none."""
    listed = list(rows)
    if not listed:
        console.print(f"[dim]{escape(nothing)}[/]")
        return
    # An id in pieces cannot be copied, nor a date be read: on a narrow terminal others give way.
    headings = [Column(name, overflow="fold", no_wrap=name in WHOLE_COLUMNS) for name in columns]
    table = Table(*headings, box=None, pad_edge=False, header_style="bold")
    for row in listed:
        table.add_row(*row)
    console.print(table)


def counted(number: int, noun: str) -> str:
    """Write how many there are of what: `1 event`, `2 events`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def show_account(account: dict[str, Any]) -> None:
    """Print whom it is about, and which plan the account is on now."""
    shown = account["email"] or "(no e-mail address)"
    console.print(f"[bold]{escape(shown)}[/] · user {account['id']}")
    plan, state = account["subscription_tier"], account["subscription_status"]
    said = "no subscription" if state == "none" else status(state)
    console.print(f"plan [bold]{escape(plan)}[/], {said}\n")
