"""The world of a purchase: our service, both providers, a worker, and the events of one life."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx

from cli.demo.user import DemoUser
from cli.stack.status import StackStatus
from edge_workers.billing.sample_facts import SampleFacts
from edge_workers.settings import BillingSettings
from tests.integration.billing.fake_razorpay import FakeRazorpay
from tests.integration.billing.fake_stripe import FakeStripe
from tests.integration.billing.working import work
from tests.integration.http.service import SAMPLES, SECRETS, SIGNERS, Sent, Service

KINDS = ("webhook", "reconcile", "cancel_subscription")
BEGAN = timedelta(days=29)


@dataclass
class World:
    """The service, both providers, and the worker."""

    stack: StackStatus
    service: Service
    razorpay: FakeRazorpay
    stripe: FakeStripe
    billing: BillingSettings

    def post(self, path: str, user: DemoUser, body: object, key: str = "") -> dict[str, Any]:
        session = user.client.auth.get_session()
        assert session is not None
        headers = {"authorization": f"Bearer {session.access_token}", "idempotency-key": key}
        response = self.service.client.post(self.service.url + path, json=body, headers=headers)
        assert response.is_success, response.text
        answer: dict[str, Any] = response.json()
        return answer

    def deliver(self, *events: Sent) -> None:
        """Send events as a provider does: in any order, some of them twice. Then work."""
        order = [*events, *random.sample(events, len(events) // 2)]
        random.shuffle(order)
        for each in order:
            response: httpx.Response = self.service.send(each)
            assert response.status_code == 200, response.text
        self.work()

    def work(self) -> None:
        ended = work(self.stack, self.billing, KINDS)
        assert ended.keys() <= {"done"}, ended


@dataclass
class Story:
    """Makes the events of one purchase, signed, each under an id of its own."""

    provider: str
    facts: SampleFacts
    now: datetime = field(default_factory=lambda: datetime.now(UTC).replace(microsecond=0))

    def event(self, kind: str, at: datetime, *, status: str | None = None, **facts: Any) -> Sent:
        event_id = f"evt_{uuid4().hex}"
        more = {"status": status} if status else {}
        payload = SAMPLES[self.provider].make(
            kind, replace(self.facts, at=at, **facts), event_id=event_id, **more
        )
        body = json.dumps(payload).encode()
        headers = SIGNERS[self.provider].sign(
            body, SECRETS[self.provider], event_id=event_id, at=datetime.now(UTC)
        )
        return Sent(self.provider, body, headers, event_id)


def story(provider: str, user: DemoUser, **facts: Any) -> Story:
    """Facts of a purchase that began almost a month ago, with ids of its own."""
    mark, now = uuid4().hex[:12], datetime.now(UTC).replace(microsecond=0)
    ids = {
        "razorpay": {"customer_id": "cust_", "payment_id": "pay_", "invoice_id": "inv_"},
        "stripe": {"customer_id": "cus_", "payment_id": "pi_", "invoice_id": "in_"},
    }[provider]
    made = SampleFacts(
        user_id=UUID(user.user_id),
        at=now - BEGAN,
        **({name: prefix + mark for name, prefix in ids.items()} | facts),
    )
    return Story(provider, made, now)
