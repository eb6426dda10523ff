"""What operators see: money, moments and bars say what they should at their edges."""

from __future__ import annotations

import pytest
from rich.text import Text

from cli.operator_view import BAR_WIDTH, bar, moment, money


@pytest.mark.parametrize(
    ("amount", "currency", "shown"),
    [
        (49900, "INR", "499.00 INR"),
        (5, "USD", "0.05 USD"),
        (123456789, "EUR", "1,234,567.89 EUR"),
        (500, "JPY", "500 JPY"),
        (1500, "KWD", "1.500 KWD"),
        (0, "USD", "0.00 USD"),
    ],
)
def test_money__knows_the_minor_unit(amount: int, currency: str, shown: str) -> None:
    assert money(amount, currency) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, ""),
        ("2026-11-20T10:30:59.5+00:00", "2026-11-20 10:30"),
        ("2026-11-20T01:00:00+05:30", "2026-11-19 19:30"),
    ],
)
def test_moment__is_in_utc(value: str | None, shown: str) -> None:
    assert moment(value) == shown


def drawn(used: int, allowed: int | None) -> str:
    return Text.from_markup(bar(used, allowed)).plain


@pytest.mark.parametrize(
    ("used", "allowed", "filled"),
    [(0, 5, 0), (1, 1000, 1), (500, 1000, 10), (999, 1000, 19), (1000, 1000, 20), (7, 5, 20)],
)
def test_bar__shows_a_first_use_and_what_is_left(used: int, allowed: int, filled: int) -> None:
    text = drawn(used, allowed)
    assert text.count("█") == filled
    assert text.count("░") == BAR_WIDTH - filled
    assert text.endswith(f"{used} of {allowed}")


def test_bar__of_no_limit_and_of_no_use_says_so() -> None:
    assert drawn(3, None).endswith("3 used, unlimited")
    assert drawn(0, 0) == "not included"


@pytest.mark.parametrize(("used", "colour"), [(0, "green"), (79, "green"), (80, "yellow")])
def test_bar__warns_when_little_is_left(used: int, colour: str) -> None:
    assert bar(used, 100).startswith(f"[{colour}]")
    assert bar(100, 100).startswith("[red]")
