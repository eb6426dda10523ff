"""A payment provider that nobody pays: its events, signed, in any order, and more than once."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass

from cli.demo.user import DemoUser
from cli.operator_database import Account, OperatorDatabase
from cli.operator_options import ProviderName
from cli.output import CliError
from cli.webhook_samples import Wanted, make_samples
from cli.webhook_sender import Destination, send, wait_for_outcomes

WAIT_SECONDS = 60
TIMES = 2


@dataclass(frozen=True)
class DemoProvider:
    """Sends what a provider would, about one user, and waits until the worker has applied it."""

    db: OperatorDatabase
    destination: Destination
    user: DemoUser

    @property
    def name(self) -> ProviderName:
        """`razorpay` or `stripe`."""
        return self.destination.provider

    def tell(self, *wanted: Wanted) -> list[str]:
        """Send the events shuffled and each twice; returns in words how they were taken.

        Raises CliError `webhook-not-applied` when one failed.
        """
        account = Account(self.db.find_account(self.user.user_id).id, self.user.email)
        singles = [
            sample for one in wanted for sample in make_samples(self.db, self.name, account, one)
        ]
        samples = singles * TIMES
        random.shuffle(samples)
        answers = list(send(self.destination, samples))
        outcomes = wait_for_outcomes(self.db, self.name, singles, WAIT_SECONDS)
        # One that is parked is tried again, and may have missed the other one by a moment.
        if "failed" in outcomes.values():
            raise CliError(
                "webhook-not-applied",
                f"Events of {self.name} could not be applied.",
                "See why: resumebase webhook list; resumebase logs worker",
            )
        order = dict.fromkeys(sample.event_id for sample in samples)
        types = {sample.event_id: sample.type for sample in singles}
        said = Counter(f"{one['status']} {one['answer'].get('status', '')}" for one in answers)
        return [
            "POST " + "  ".join(types[event_id] for event_id in order),
            "answered " + ", ".join(f"{count} × {text}" for text, count in said.most_common()),
            "applied "
            + ", ".join(f"{n} × {text}" for text, n in Counter(outcomes.values()).items()),
        ]
