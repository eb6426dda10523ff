"""Room billing: whatever order a lifecycle comes in, and however often, it ends in one state."""

from typing import Any

import pytest

from rlstests.actors import Actor, Database
from rlstests.billing_changes import Event, at, end_state, subscription

def life(user: Actor) -> list[Event]:
    return [
        [subscription(user, "incomplete", at(), current_period_end=None)],
        [subscription(user, "trialing", at(), trial_end=at(days=7))],
        [subscription(user, "active", at(days=7))],
        [subscription(user, "past_due", at(days=8))],
        [subscription(user, "active", at(days=9))],
        [subscription(user, "past_due", at(days=10))],
        [subscription(user, "past_due", at(days=11))],
    ]


def test_x(db: Database, owner: Actor) -> None:
    s = end_state(db, owner, life(owner))
    print(s)
