"""What the commands of an operator refuse before they open a connection."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from cli.output import ExitCode

Invoke = Callable[..., Result]

PRICE = ("--interval", "month", "--provider", "stripe", "--currency", "usd", "--price-id", "p_1")
PACK_PRICE = PRICE[2:]


def failed(result: Result, exit_code: int) -> dict[str, str]:
    assert result.exit_code == exit_code, result.stderr
    assert result.stdout == ""
    error: dict[str, str] = json.loads(result.stderr.splitlines()[-1])
    return error


@pytest.mark.parametrize("provider", ["razorpay", "stripe"])
@pytest.mark.parametrize("word", ["subscription.exploded", "", "Lifecycle"])
def test_unknown_event__is_refused_with_those_that_are_known(
    invoke: Invoke, provider: str, word: str
) -> None:
    error = failed(invoke("webhook", "send", provider, word, "--user", "a@b.c", "--json"), 2)
    assert error["code"] == "unknown-event"
    known = {"razorpay": "subscription.charged", "stripe": "invoice.paid"}[provider]
    for name in ("purchase", "lifecycle", known):
        assert name in error["hint"]


@pytest.mark.parametrize("extra", [(), ("--confirm", "production"), ("--yes",)], ids=str)
def test_sample__never_goes_to_production(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch, extra: tuple[str, ...]
) -> None:
    monkeypatch.setenv("RESUMEBASE_PRODUCTION_STRIPE_WEBHOOK_SECRET", "whsec_x")
    words = ("webhook", "send", "stripe", "purchase", "--user", "a@b.c", "--env", "production")
    result = invoke(*words, "--url", "https://pay.example.com", *extra, "--json")
    error = failed(result, ExitCode.CANCELLED)
    assert error["code"] == "production-refused"
    assert "target: production (hosted, PRODUCTION)" in result.stderr


def test_sample__needs_an_address_and_a_secret_where_no_stack_has_them(
    invoke: Invoke, project: Path
) -> None:
    words = ("webhook", "send", "stripe", "purchase", "--user", "a@b.c", "--env", "staging")
    assert failed(invoke(*words, "--json"), ExitCode.USAGE)["code"] == "no-webhooks-url"
    words = (*words, "--url", "https://pay.example.com", "--json")
    error = failed(invoke(*words), ExitCode.AUTH)
    assert error["code"] == "no-webhook-secret"
    assert "STRIPE_WEBHOOK_SECRET into .env.staging" in error["hint"]
    file = project / ".env.staging"
    file.write_text("STRIPE_WEBHOOK_SECRET=whsec_x\n")
    file.chmod(0o600)
    # Past the secret: the next thing that is missing is the database.
    assert failed(invoke(*words), ExitCode.AUTH)["code"] == "no-database-password"


@pytest.mark.parametrize(
    "words",
    [
        ("stripe", "purchase", "--event-id", "evt_1"),
        ("stripe", "invoice.paid", "--plan", "pro", "--pack", "small"),
        ("stripe", "invoice.paid", "--at", "tomorrow"),
        ("stripe", "invoice.paid", "--count", "0"),
        ("stripe", "invoice.paid", "--refunded", "-5"),
        ("paypal", "invoice.paid"),
    ],
    ids=" ".join,
)
def test_words_that_make_no_sample__are_usage_errors(
    invoke: Invoke, words: tuple[str, ...]
) -> None:
    result = invoke("webhook", "send", *words, "--user", "a@b.c", "--json")
    error = failed(result, ExitCode.USAGE)
    assert error["code"] == "usage"
    assert "Value error" not in error["message"]


@pytest.mark.parametrize(
    "words",
    [
        ("tokens", "grant", "a@b.c", "--reason", "x", "--", "-5"),
        ("tokens", "grant", "a@b.c", "0", "--reason", "x"),
        ("tokens", "grant", "a@b.c", "1000001", "--reason", "x"),
        ("tokens", "grant", "a@b.c", "10"),
        ("subscription", "grant", "a@b.c"),
        ("subscription", "grant", "a@b.c", "--plan", "pro", "--until", "soon"),
        ("subscription", "grant", "a@b.c", "--plan", "pro", "--limit", "interviews=20"),
        ("subscription", "grant", "a@b.c", "--plan", "pro", "--limit", "interviews:week=20"),
        ("subscription", "grant", "a@b.c", "--plan", "pro", "--limit", "interviews:month=-1"),
        ("plan", "set-price", "pro", *PRICE, "--amount", "0"),
        ("webhook", "replay"),
        ("webhook", "replay", "evt_1", "--all-failed"),
        ("webhook", "list", "--status", "lost"),
        ("webhook", "stats", "--days", "0"),
    ],
    ids=" ".join,
)
def test_words_that_mean_nothing__are_usage_errors(invoke: Invoke, words: tuple[str, ...]) -> None:
    cut = words.index("--") if "--" in words else len(words)
    result = invoke(*words[:cut], "--json", *words[cut:])
    assert failed(result, ExitCode.USAGE)["code"] == "usage"


@pytest.mark.parametrize(
    "words",
    [
        ("plan", "set-price", "pro", *PRICE, "--amount", "100"),
        ("tokens", "set-price", "small", *PACK_PRICE, "--amount", "100"),
    ],
    ids=["plan", "pack"],
)
@pytest.mark.parametrize("extra", [(), ("--yes",), ("--confirm", "staging")], ids=str)
def test_price_in_production__takes_its_name(
    invoke: Invoke, words: tuple[str, ...], extra: tuple[str, ...]
) -> None:
    result = invoke(*words, "--env", "production", "--json", *extra)
    assert failed(result, ExitCode.CANCELLED)["code"] == "not-confirmed"
    result = invoke(*words, "--env", "production", "--json", "--confirm", "production")
    assert failed(result, ExitCode.FAILED)["code"] == "no-database-url"


@pytest.mark.parametrize(
    "words",
    [
        ("plan", "list"),
        ("plan", "show", "pro"),
        ("tokens", "packs"),
        ("tokens", "grant", "a@b.c", "10", "--reason", "Sorry"),
        ("subscription", "show", "a@b.c"),
        ("subscription", "grant", "a@b.c", "--plan", "pro"),
        ("subscription", "cancel", "a@b.c"),
        ("subscription", "reconcile"),
        ("usage", "show", "a@b.c"),
        ("webhook", "list"),
        ("webhook", "show", "evt_1"),
        ("webhook", "replay", "evt_1"),
        ("webhook", "stats"),
        ("webhook", "send", "stripe", "purchase", "--user", "a@b.c"),
    ],
    ids=" ".join,
)
def test_command__without_a_stack_says_how_to_start_one(
    invoke: Invoke, words: tuple[str, ...]
) -> None:
    error = failed(invoke(*words, "--json"), ExitCode.FAILED)
    assert error["code"] == "stack-not-running"
    assert "resumebase up" in error["hint"]
