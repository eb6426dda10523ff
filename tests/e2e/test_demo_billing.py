"""Journeys about money, as a newcomer runs them: the real service, worker and database."""

import json

import pytest

from .installed import resumebase


@pytest.mark.parametrize("provider", ["razorpay", "stripe"])
def test_subscription__is_bought_used_lost_and_nothing_with_it(
    stack_options: list[str], provider: str
) -> None:
    done = resumebase("demo", "--journey", f"billing-{provider}", *stack_options)
    assert done.returncode == 0, done.stderr
    story = done.stdout
    for line in (
        "plan free, subscription none",
        "PT402  Your plan allows 5 ai_actions",
        f"Paid for pro at {provider}",
        "duplicate",
        "plan pro, subscription active",
        "ai_actions: 1 of 500 used",
        "plan pro, subscription past_due",
        "ai_actions: 2 of 500 used",
        "free again",
        "1 résumé, completed, still there",
        "What to try next",
    ):
        assert line in story
        story = story[story.index(line) :]
    assert "Traceback" not in done.stderr


def test_tokens__are_bought_used_refunded_and_owed_and_a_plan_may_follow(
    stack_options: list[str],
) -> None:
    done = resumebase("demo", "--journey", "tokens", *stack_options, "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    outcomes = [step["outcome"] for step in told["steps"]]
    for line in (
        "PT402",
        "credited once: 100 tokens",
        "90 tokens left",
        "balance 0, owed 10",
        "balance 90, owed 0",
    ):
        outcomes = outcomes[next(n for n, text in enumerate(outcomes) if line in text) :]
    assert told["subscription_status"]["token_balance"] == 90
    email = told["steps"][1]["outcome"].split()[0]
    check_a_whole_life(email, stack_options[:2])
    check_what_cannot_be_applied(email, stack_options[:2])


def check_a_whole_life(email: str, state: list[str]) -> None:
    """Send all samples of a subscription, in any order and twice: it has ended."""
    words = ("webhook", "send", "stripe", "lifecycle", "--user", email, "--plan", "career")
    sent = resumebase(*words, "--shuffle", "--count", "2", "--wait", *state, "--json")
    assert sent.returncode == 0, sent.stderr
    answers = json.loads(sent.stdout)
    assert {one["outcome"] for one in answers} <= {"processed", "ignored", "parked"}
    assert sum(one["answer"]["status"] == "stored" for one in answers) * 2 == len(answers)
    shown = json.loads(resumebase("subscription", "show", email, *state, "--json").stdout)
    [subscription] = shown["subscriptions"]
    assert (subscription["plan_code"], subscription["status"]) == ("career", "canceled")
    paid = [one for one in shown["payments"] if one["kind"] == "subscription"]
    assert (shown["effective"], len(paid)) == (None, 2)


def check_what_cannot_be_applied(email: str, state: list[str]) -> None:
    """An event that fails is stored all the same, ends the command with 1, and can be looked at."""
    words = ("webhook", "send", "stripe", "customer.subscription.updated", "--status", "lost")
    sent = resumebase(*words, "--user", email, "--wait", *state, "--json")
    assert sent.returncode == 1
    [answer] = json.loads(sent.stdout)
    assert (answer["answer"]["status"], answer["outcome"]) == ("stored", "failed")
    error = json.loads(sent.stderr.splitlines()[-1])
    assert error["code"] == "webhook-failed"
    shown = resumebase(*error["hint"].partition(": resumebase ")[2].split(), *state, "--json")
    assert "Malformed" in json.loads(shown.stdout)["error"]
