"""The events that docs/billing.md tells to tick are those that are read here."""

import re
from pathlib import Path

import pytest

from edge_workers.billing import razorpay_samples, stripe_samples

PAGE = Path(__file__).parents[3] / "docs" / "billing.md"
LISTS = {
    "razorpay": ("## Razorpay", "- **Active events**", razorpay_samples.EVENTS),
    "stripe": ("## Stripe", "- **Events** exactly", stripe_samples.EVENTS),
}


@pytest.mark.parametrize("provider", LISTS)
def test_events_to_tick__are_all_that_are_read_and_no_other(provider):
    chapter, heading, events = LISTS[provider]
    text = PAGE.read_text("utf-8").partition(f"\n{chapter}\n")[2].partition("\n## ")[0]
    table = text.partition(heading)[2].partition("\n\nOthers do no harm")[0]
    named = re.findall(r"`([a-z_.]+)`", table)
    assert sorted(named) == sorted(events)


@pytest.mark.parametrize("provider", LISTS)
def test_webhook_address__is_the_route_of_the_provider(provider):
    address = f"`https://<where the service is reached>/webhooks/{provider}`"
    assert address in PAGE.read_text("utf-8")
