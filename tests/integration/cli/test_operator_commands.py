"""`plan`, `subscription`, `tokens` and `usage` against a real database, here and elsewhere."""

from __future__ import annotations

from uuid import uuid4

import pytest

from cli import output

from .checkout import Checkout
from .operating import Run, User, well

NOT_CONFIRMED = 3

# Plans and prices ---------------------------------------------------------------------------------


def test_plans__are_listed_with_limits_and_prices(run: Run) -> None:
    rows = {row["code"]: row for row in well(run("plan", "list", "--json")).data}
    assert list(rows)[0] == "free"
    assert rows["free"]["prices"] == []
    assert {one["provider"] for one in rows["pro"]["prices"]} == {"razorpay", "stripe"}
    shown = well(run("plan", "list")).stdout
    assert "499.00 INR a month (razorpay)" in shown
    assert "ai_actions 5 in all" in shown


def test_plan__is_shown_whole_and_an_unknown_one_is_refused(run: Run) -> None:
    shown = well(run("plan", "show", "pro")).stdout
    assert "plan_local_pro_month" in shown
    assert "interviews" in shown
    answer = run("plan", "show", "gold", "--json")
    assert (answer.code, answer.error["code"]) == (2, "unknown-plan")
    assert "coach" in answer.error["hint"]


PRICES = {
    "plan": (
        ("plan", "set-price", "coach", "--interval", "month"),
        "update public.plan_prices set is_active = provider_price_id <> 'price_test'",
        "delete from public.plan_prices where provider_price_id = 'price_test'",
    ),
    "pack": (
        ("tokens", "set-price", "large"),
        "update public.token_pack_prices set is_active = provider_price_id <> 'price_test'",
        "delete from public.token_pack_prices where provider_price_id = 'price_test'",
    ),
}


@pytest.mark.parametrize("kind", PRICES)
def test_price__is_set_and_the_provider_s_id_keeps_its_meaning(
    checkout: Checkout, run: Run, kind: str
) -> None:
    command, *undo = PRICES[kind]
    words = (*command, "--provider", "stripe", "--currency", "usd", "--price-id", "price_test")
    try:
        done = well(run(*words, "--amount", "9900", "--json")).data
        assert (done["amount"], done["currency"], done["is_active"]) == (9900, "USD", True)
        said = well(run(*words, "--amount", "9900")).stdout
        assert "99.00 USD" in said
        answer = run(*words, "--amount", "9901", "--json")
        assert (answer.code, answer.error["code"]) == (1, "conflict")
        assert "make a new one there" in answer.error["hint"]
    finally:
        for statement in reversed(undo):
            checkout.execute(statement)


def test_packs__are_listed(run: Run) -> None:
    rows = well(run("tokens", "packs", "--json")).data
    assert {(row["code"], row["provider"]) for row in rows} >= {("small", "stripe")}
    assert "99.00 INR" in well(run("tokens", "packs")).stdout


# Tokens, use, subscriptions -----------------------------------------------------------------------


def test_tokens__are_given_once_under_one_key(run: Run, user: User) -> None:
    words = ("tokens", "grant", user.email, "40", "--reason", "Sorry", "--key", "march")
    assert "balance: 40" in well(run(*words)).stdout
    again = well(run(*words, "--json")).data
    assert (again["is_replay"], again["balance"]) == (True, 40)
    assert "given before" in well(run(*words)).stdout
    shown = well(run("usage", "show", user.email.upper())).stdout
    assert "tokens: 40" in shown
    assert "0 of 5" in shown
    data = well(run("usage", "show", str(user.id), "--json")).data
    assert data["transactions"][0]["description"] == "Sorry"


def test_user_who_is_unknown__is_named_with_those_who_come_near(run: Run, user: User) -> None:
    for words in (("usage", "show"), ("subscription", "show"), ("subscription", "cancel")):
        answer = run(*words, user.email[:-4], "--json")
        assert (answer.code, answer.error["code"]) == (1, "unknown-user")
        assert user.email in answer.error["hint"]
    answer = run("usage", "show", str(uuid4()), "--json")
    assert answer.error["code"] == "unknown-user"


def test_plan__is_granted_shown_and_ended(run: Run, user: User) -> None:
    grant = ("subscription", "grant", user.email, "--plan", "pro")
    limits = ("--limit", "interviews:month=20", "--limit", "interviews:day=unlimited")
    until = ("--until", "2100-01-01")
    said = well(run(*grant, *until, *limits)).stdout
    assert f"granted pro to {user.email} until 2100-01-01 00:00 UTC" in said
    data = well(run("subscription", "show", user.email, "--json")).data
    assert data["account"]["subscription_tier"] == "pro"
    assert data["effective"]["custom_limits"] == {"interviews": {"month": 20, "day": None}}
    shown = well(run("subscription", "show", user.email)).stdout
    assert "entitled until 2100-01-01 00:00 UTC" in shown
    assert "manual" in shown
    # What a table shows of an id is enough to name the subscription.
    assert (short := data["effective"]["id"][:8]) in shown
    said = well(run("subscription", "cancel", user.email, "--subscription", short)).stdout
    assert "ends 2100-01-01 00:00 UTC" in said
    said = well(run("subscription", "cancel", user.email, "--now")).stdout
    assert "canceled since" in said
    answer = run("subscription", "cancel", user.email, "--json")
    assert (answer.code, answer.error["code"]) == (1, "not-found")
    assert f"resumebase subscription show {user.email}" in answer.error["hint"]


def test_tables__keep_ids_and_dates_whole_on_a_narrow_terminal(
    checkout: Checkout, run: Run, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkout.execute(f"""
        insert into public.subscriptions
        (user_id, provider, provider_subscription_id, plan_code, price_id, status, start_date,
         current_period_end)
        select '{user.id}', 'razorpay', 'sub_M5MUissWko7g6Z', 'career', id, 'active',
            '2030-11-20', '2030-12-20'
        from public.plan_prices
        where (plan_code, provider, interval) = ('career', 'razorpay', 'month')
    """)
    monkeypatch.setattr(output.console, "width", 80)
    shown = well(run("subscription", "show", user.email)).stdout
    for whole in ("career", "razorpay", "2030-11-20", "2030-12-20", "sub_M5MUissWko7g6Z"):
        assert whole in shown
    assert max(map(len, shown.splitlines())) <= 80


def test_subscription_at_a_provider__is_ended_there(
    checkout: Checkout, run: Run, user: User
) -> None:
    checkout.execute(f"""
        insert into public.subscriptions
        (user_id, provider, provider_subscription_id, plan_code, status, current_period_end)
        values ('{user.id}', 'razorpay', 'sub_cli', 'pro', 'active', now() + interval '1 day')
    """)
    answer = run("subscription", "cancel", user.email, "--subscription", "sub_x", "--json")
    assert (answer.code, answer.error["code"]) == (1, "unknown-subscription")
    assert "sub_cli" in answer.error["hint"]
    words = ("subscription", "cancel", user.email, "--subscription", "sub_cli", "--now")
    assert "razorpay is asked to end it" in well(run(*words)).stdout
    [(payload,)] = checkout.query(
        "delete from queue.tasks where kind = 'cancel_subscription' "
        "and payload ->> 'provider_subscription_id' = 'sub_cli' returning payload"
    )
    assert payload["at_period_end"] is False


def test_providers__are_asked_about_one_user_or_about_everybody(
    checkout: Checkout, run: Run, user: User
) -> None:
    checkout.execute(f"""
        insert into public.subscriptions
        (user_id, provider, provider_subscription_id, plan_code, status, current_period_end)
        values ('{user.id}', 'stripe', 'sub_asked', 'pro', 'active', now() + interval '1 day')
    """)
    try:
        for words in ((user.email,), ()):
            done = well(run("subscription", "reconcile", *words, "--json")).data
            assert done == {"subscriptions": 1, "checkouts": 0, "tasks": 1}
            checkout.execute("delete from queue.tasks where kind = 'reconcile'")
        said = well(run("subscription", "reconcile", user.email)).stdout
        assert said == "1 subscription and 0 checkouts to be asked about\n"
    finally:
        checkout.execute("delete from queue.tasks where kind = 'reconcile'")


# Remote environments ------------------------------------------------------------------------------


def test_change_elsewhere__names_the_target_and_takes_a_confirmation(
    checkout: Checkout, run: Run, user: User, events: dict[str, str]
) -> None:
    assert events
    for words in (
        ("tokens", "grant", user.email, "5", "--reason", "Sorry"),
        ("subscription", "grant", user.email, "--plan", "pro"),
        ("subscription", "cancel", user.email),
        ("subscription", "reconcile"),
        ("webhook", "replay", "evt_failed"),
        ("webhook", "replay", "--all-failed"),
    ):
        answer = run(*words, "--env", "production", "--yes", "--json")
        assert (answer.code, answer.error["code"]) == (NOT_CONFIRMED, "not-confirmed"), words
        assert "target: production (hosted, PRODUCTION)" in answer.stderr
        assert run(*words, "--env", "staging", "--json").code == NOT_CONFIRMED
    [(balance,)] = checkout.query(
        f"select current_balance from public.token_balances where user_id = '{user.id}'"
    )
    assert balance == 0
    words = ("tokens", "grant", user.email, "5", "--reason", "Sorry", "--json")
    well(run(*words, "--env", "staging", "--yes"))
    done = well(run(*words, "--env", "production", "--confirm", "production")).data
    assert done["balance"] == 10


def test_looking_elsewhere__names_the_target(run: Run, user: User) -> None:
    answer = well(run("usage", "show", user.email, "--env", "production", "--json"))
    assert "target: production (hosted, PRODUCTION)" in answer.stderr
    assert answer.data["account"]["email"] == user.email


def test_wrong_password__is_an_error_with_its_own_exit_code(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RESUMEBASE_STAGING_DB_PASSWORD", "wrong")
    answer = run("plan", "list", "--env", "staging", "--json")
    assert (answer.code, answer.error["code"]) == (4, "database-login-failed")


def test_sample__cannot_be_sent_where_nobody_listens(run: Run, user: User) -> None:
    words = ("webhook", "send", "stripe", "invoice.paid", "--user", user.email, "--json")
    answer = run(*words)
    assert (answer.code, answer.error["code"]) == (1, "webhooks-unreachable")
    assert "resumebase up" in answer.error["hint"]
    answer = run(*words, "--plan", "gold")
    assert (answer.code, answer.error["code"]) == (1, "no-price")
