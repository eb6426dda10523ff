"""How subscriptions stand at their provider, in the shape in which webhooks are applied."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib import import_module
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from edge_workers.billing.changes import (
    MalformedEvent,
    Normalised,
    Provider,
    ProviderId,
    SubscriptionChange,
)
from edge_workers.billing.provider_api import Entity
from edge_workers.billing.provider_errors import (
    ProviderKeysRefused,
    ProviderMissing,
    ProviderNotConfigured,
    ProviderRefused,
    ProviderUnavailable,
)
from edge_workers.billing.providers import Providers

CALLS_AT_ONCE = 4
"""Few enough for the limits of both providers: the rest of the product asks them as well."""


class Problem(BaseModel):
    """A subscription that could not be looked up; `code` says why."""

    model_config = ConfigDict(frozen=True)

    subscription_id: ProviderId
    code: Literal["missing", "refused", "unavailable", "malformed", "another"]


class Lookup(Normalised):
    """What was found, and what was not."""

    problems: Annotated[tuple[Problem, ...], Field(max_length=100)] = ()


def read_subscription(
    provider: Provider, entity: Entity, at: datetime | None = None
) -> SubscriptionChange:
    """What a subscription of the provider says now. Raises MalformedEvent."""
    # Late, so that a worker that never sees a provider does not load its module.
    module = import_module(f"edge_workers.billing.{provider}")
    change: SubscriptionChange = module.subscription_change(entity, at or datetime.now(UTC))
    return change


async def look_up(
    providers: Providers, provider: Provider, subscription_ids: Sequence[str]
) -> Lookup:
    """Fetch them all, a few at a time. One that cannot be fetched does not keep the others back.

    Raises ProviderNotConfigured and ProviderKeysRefused, as then there is nothing to fetch at all,
    and ProviderUnavailable when the provider answered for none of them.
    """
    api = providers.of(provider)
    free = asyncio.Semaphore(CALLS_AT_ONCE)

    async def one(subscription_id: str) -> SubscriptionChange | Problem:
        async with free:
            asked_at = datetime.now(UTC)
            try:
                entity = await providers.call(provider, api.fetch_subscription, subscription_id)
                change = read_subscription(provider, entity, asked_at)
            except (ProviderKeysRefused, ProviderNotConfigured):
                raise
            except ProviderMissing:
                return Problem(subscription_id=subscription_id, code="missing")
            except ProviderRefused:
                return Problem(subscription_id=subscription_id, code="refused")
            except ProviderUnavailable:
                return Problem(subscription_id=subscription_id, code="unavailable")
            except MalformedEvent:
                return Problem(subscription_id=subscription_id, code="malformed")
        if change.subscription_id != subscription_id:
            return Problem(subscription_id=subscription_id, code="another")
        return change

    found = await _all([one(each) for each in subscription_ids])
    problems = tuple(each for each in found if isinstance(each, Problem))
    if found and [each.code for each in problems] == ["unavailable"] * len(found):
        raise ProviderUnavailable(provider)
    changes = tuple(each for each in found if isinstance(each, SubscriptionChange))
    return Lookup(changes=changes, problems=problems)


async def _all(calls: Sequence[Any]) -> list[Any]:
    # The first error that concerns all of them ends the rest.
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(call) for call in calls]
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None
    return [task.result() for task in tasks]
