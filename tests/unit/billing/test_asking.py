"""When an answer of a provider was so: never later than it was asked for, by anybody's clock."""

import asyncio
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from edge_workers.billing import provider_api
from edge_workers.billing.lookup import look_up
from edge_workers.billing.provider_api import asked_now
from edge_workers.handlers.cancel_subscription import Payload, _Cancelling

NOW = datetime(2026, 11, 20, 12, 0, 0, 900_000, tzinfo=UTC)
SUBSCRIPTION = {"id": "sub_1", "status": "active", "items": {"data": []}}


class Clock(datetime):
    """A clock that stands still until somebody asks a provider."""

    current = NOW

    @classmethod
    def now(cls, tz=None):
        return cls.current.astimezone(tz)


class Slow:
    """A provider that takes nine seconds to answer."""

    def _answer(self, *_args, **_kwargs):
        Clock.current += timedelta(seconds=9)
        return SUBSCRIPTION

    fetch_subscription = cancel_subscription = _answer


@pytest.fixture
def providers(monkeypatch):
    monkeypatch.setattr(provider_api, "datetime", Clock)
    monkeypatch.setattr(Clock, "current", NOW)

    async def call(_provider, function, *args, **kwargs):
        return function(*args, **kwargs)

    return SimpleNamespace(of=lambda _provider: Slow(), call=call)


@pytest.mark.usefixtures("providers")
def test_what_is_asked_now_is_older_than_any_event_of_this_second():
    assert asked_now() == datetime(2026, 11, 20, 11, 59, 58, tzinfo=UTC)


def test_what_was_fetched_is_as_old_as_the_question(providers):
    found = asyncio.run(look_up(providers, "stripe", ["sub_1"]))
    (change,) = found.changes
    assert change.occurred_at == datetime(2026, 11, 20, 11, 59, 58, tzinfo=UTC)


def test_what_was_cancelled_is_as_old_as_the_question(providers):
    payload = Payload(provider="stripe", provider_subscription_id="sub_1", at_period_end=True)
    said = asyncio.run(_Cancelling(providers, payload).run())
    (change,) = said.changes
    assert change.occurred_at == datetime(2026, 11, 20, 11, 59, 58, tzinfo=UTC)
