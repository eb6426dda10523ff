"""How things stand at a payment provider, in the shape in which webhooks are applied."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from functools import partial
from importlib import import_module
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from edge_workers.billing.changes import (
    Change,
    MalformedEvent,
    Normalised,
    Provider,
    ProviderId,
    SubscriptionChange,
)
from edge_workers.billing.provider_api import CheckoutKind, Entity, asked_now
from edge_workers.billing.provider_errors import (
    ProviderKeysRefused,
    ProviderMissing,
    ProviderRefused,
    ProviderUnavailable,
)
from edge_workers.billing.providers import Providers

CALLS_AT_ONCE = 4
"""Few enough for the limits of both providers: the rest of the product asks them as well."""

_MAX_THINGS = 100


class Problem(BaseModel):
    """A subscription or checkout that could not be looked up; `code` says why."""

    model_config = ConfigDict(frozen=True)

    id: ProviderId
    code: Literal["missing", "refused", "unavailable", "malformed", "another"]


class Found(BaseModel):
    """What became of a checkout."""

    model_config = ConfigDict(frozen=True)

    checkout_id: ProviderId
    changes: tuple[Change, ...]


class Lookup(Normalised):
    """What was found, and what was not."""

    found: Annotated[tuple[Found, ...], Field(max_length=_MAX_THINGS)] = ()
    problems: Annotated[tuple[Problem, ...], Field(max_length=_MAX_THINGS)] = ()


_Answer: TypeAlias = SubscriptionChange | Found | Problem


def read_subscription(provider: Provider, entity: Entity, asked_at: datetime) -> SubscriptionChange:
    """What a subscription said that was asked for at this time. Raises MalformedEvent."""
    # Late, so that a worker that never sees a provider does not load its module.
    module = import_module(f"edge_workers.billing.{provider}")
    change: SubscriptionChange = module.subscription_change(entity, asked_at)
    return change


async def look_up(
    providers: Providers,
    provider: Provider,
    subscription_ids: Sequence[str],
    checkouts: Sequence[tuple[str, CheckoutKind]] = (),
) -> Lookup:
    """Fetch them all, a few at a time. One that cannot be fetched does not keep the others back.

    Raises ProviderNotConfigured and ProviderKeysRefused, as then there is nothing to fetch at all,
    and ProviderUnavailable when the provider answered for none of them.
    """
    lookups = _Lookups(providers, provider)
    answers = await lookups.run(
        [(each, partial(lookups.subscription, each)) for each in subscription_ids]
        + [(name, partial(lookups.checkout, name, kind)) for name, kind in checkouts]
    )
    problems = tuple(each for each in answers if isinstance(each, Problem))
    if answers and [each.code for each in problems] == ["unavailable"] * len(answers):
        raise ProviderUnavailable(provider)
    return Lookup(
        changes=tuple(each for each in answers if isinstance(each, SubscriptionChange)),
        found=tuple(each for each in answers if isinstance(each, Found) and each.changes),
        problems=problems,
    )


_Fetch: TypeAlias = Callable[[], Awaitable[_Answer]]


class _Lookups:
    def __init__(self, providers: Providers, provider: Provider) -> None:
        self._providers = providers
        self._provider = provider
        self._api = providers.of(provider)
        self._free = asyncio.Semaphore(CALLS_AT_ONCE)

    async def run(self, fetches: Sequence[tuple[str, _Fetch]]) -> list[_Answer]:
        # The first error that concerns all of them ends the rest.
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._try(*each)) for each in fetches]
        except BaseExceptionGroup as errors:
            raise errors.exceptions[0] from None
        return [task.result() for task in tasks]

    async def subscription(self, subscription_id: str) -> _Answer:
        asked_at = asked_now()
        entity = await self._providers.call(
            self._provider, self._api.fetch_subscription, subscription_id
        )
        change = read_subscription(self._provider, entity, asked_at)
        if change.subscription_id != subscription_id:
            return Problem(id=subscription_id, code="another")
        return change

    async def checkout(self, checkout_id: str, kind: CheckoutKind) -> _Answer:
        events = await self._providers.call(
            self._provider, self._api.checkout_events, checkout_id, kind
        )
        module = import_module(f"edge_workers.billing.{self._provider}")
        changes: list[Any] = []
        for event_type, payload in events:
            changes += module.normalise(event_type, payload).changes
        return Found(checkout_id=checkout_id, changes=tuple(changes))

    async def _try(self, name: str, fetch: _Fetch) -> _Answer:
        async with self._free:
            try:
                return await fetch()
            except ProviderKeysRefused:
                raise
            except ProviderMissing:
                return Problem(id=name, code="missing")
            except ProviderRefused:
                return Problem(id=name, code="refused")
            except ProviderUnavailable:
                return Problem(id=name, code="unavailable")
            except MalformedEvent:
                return Problem(id=name, code="malformed")
