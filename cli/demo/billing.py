"""Journeys about money: from the limit to a plan and back, and tokens bought, used and refunded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cli.demo.narrator import Narrator
from cli.demo.parse import read_again, refusal
from cli.demo.provider import DemoProvider
from cli.demo.user import DemoUser
from cli.operator_view import counted
from cli.output import CliError
from cli.webhook_samples import Wanted

PLAN = "pro"
PACK = "small"
FAILURE = {
    "razorpay": (Wanted("subscription.pending"),),
    "stripe": (
        Wanted("invoice.payment_failed"),
        Wanted("customer.subscription.updated", status="past_due"),
    ),
}
END = {
    "razorpay": Wanted("subscription.cancelled"),
    "stripe": Wanted("customer.subscription.deleted"),
}
REFUND = {"razorpay": "refund.processed", "stripe": "charge.refunded"}


def reach_limit(user: DemoUser, file: Path, narrator: Narrator) -> str:
    """Sign up and have a résumé read until the free plan allows no more; returns its id."""
    user.sign_up("Ada Lovelace")
    narrator.tell("Signed up: a free user", f"{user.email}  ·  user {user.user_id}", _plan(user))
    path = user.upload(file.read_bytes(), file.suffix.lower())
    resume_id = user.add_resume(file.name, path)
    allowed = int(user.allowance()["remaining"])
    read_again(user, resume_id, allowed)
    narrator.tell(
        f"Uploaded {file.name}, had it read {allowed} times, then once more",
        *refusal(user, resume_id),
    )
    return resume_id


def walk_subscription(
    user: DemoUser, provider: DemoProvider, resume_id: str, narrator: Narrator
) -> dict[str, Any]:
    """Buy a plan, use it, let a payment fail, lose the plan; returns the status at the end.

    Raises CliError when a step does not do what it promises.
    """
    before = user.resumes()
    told = provider.tell(Wanted("purchase", plan=PLAN))
    _expect(user, PLAN, "active")
    narrator.tell(
        f"Paid for {PLAN} at {provider.name}: its events, shuffled and twice", *told, _plan(user)
    )

    read_again(user, resume_id, 1)
    narrator.tell("Had the résumé read again: the plan allows it", _limit(user))

    told = provider.tell(*FAILURE[provider.name])
    _expect(user, PLAN, "past_due")
    narrator.tell("The next payment failed: access lasts for a grace", *told, _plan(user))
    read_again(user, resume_id, 1)
    narrator.tell("Had the résumé read in the grace", _limit(user))

    told = provider.tell(END[provider.name])
    status = _expect(user, "free", "none")
    narrator.tell("Nobody paid, and the subscription was cancelled: free again", *told, _plan(user))

    narrator.tell("Asked for one more reading, as a free user", *refusal(user, resume_id))
    if user.resumes() != before:
        raise CliError("resumes-changed", "Résumés are not what they were.", "Please report this.")
    narrator.tell(
        "Nothing is lost",
        f"{counted(len(before), 'résumé')}, {before[0]['parse_status']}, still there and readable",
        f"{counted(len(user.payments()), 'payment')} on record",
    )
    return status


def walk_tokens(
    user: DemoUser, provider: DemoProvider, resume_id: str, narrator: Narrator
) -> dict[str, Any]:
    """Buy tokens, use some, have the payment refunded; returns the status at the end.

    Raises CliError when a step does not do what it promises.
    """
    told = provider.tell(Wanted("purchase", pack=PACK))
    bought = _tokens(user)
    narrator.tell(
        f"Bought a token pack at {provider.name}: its events, shuffled and twice",
        *told,
        f"credited once: {bought} tokens",
    )

    read_again(user, resume_id, 2)
    left = _tokens(user)
    if not 0 < left < bought:
        raise CliError("tokens-not-drawn", f"{left} tokens are left.", "Please report this.")
    narrator.tell("Had the résumé read twice, beyond the plan", f"{left} tokens left")

    told = provider.tell(Wanted(REFUND[provider.name], pack=PACK))
    account = provider.db.find_account(user.user_id)
    tokens = provider.db.value("select public.report_usage(%s)", account.id)["tokens"]
    if (tokens["balance"], tokens["debt"]) != (0, bought - left):
        raise CliError("refund-not-applied", f"The books say {tokens}.", "Please report this.")
    narrator.tell(
        "The payment was refunded: debited once, and what was spent is owed",
        *told,
        f"balance {tokens['balance']}, owed {tokens['debt']}",
    )
    narrator.tell("Asked for one more reading", *refusal(user, resume_id))

    done = provider.db.one(
        "select * from public.admin_grant_tokens(%s, %s, %s)", account.id, bought, "Goodwill"
    )
    narrator.tell(
        f"An operator gave {bought} tokens: the debt was paid first",
        f"balance {done['balance']}, owed {done['debt']}",
    )
    return user.subscription_status()


def _expect(user: DemoUser, plan: str, status: str) -> dict[str, Any]:
    found = user.subscription_status()
    if (found["plan_name"], found["status"]) != (plan, status):
        raise CliError(
            "plan-not-as-paid",
            f"The plan is {found['plan_name']}, {found['status']}, not {plan}, {status}.",
            "See what became of the events: resumebase webhook list",
        )
    return found


def _plan(user: DemoUser) -> str:
    status = user.subscription_status()
    end = status["current_period_end"]
    until = f", paid until {end[:10]}" if end else ""
    return (
        f"plan {status['plan_name']}, subscription {status['status']}{until}, "
        f"{status['interviews_remaining']} interviews left"
    )


def _limit(user: DemoUser) -> str:
    allowance = user.allowance()
    return f"{allowance['meter']}: {allowance['used']} of {allowance['max_uses']} used"


def _tokens(user: DemoUser) -> int:
    return int(user.subscription_status()["token_balance"])
