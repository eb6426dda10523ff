"""`cancel_subscription`: a subscription ends at its provider, now or with what is paid."""

from pydantic import BaseModel, ConfigDict

from edge_workers.billing.changes import Normalised, Provider, ProviderId, SubscriptionChange
from edge_workers.billing.lookup import read_subscription
from edge_workers.billing.provider_api import PaymentProvider, asked_now
from edge_workers.billing.provider_errors import (
    ProviderKeysRefused,
    ProviderMissing,
    ProviderRefused,
)
from edge_workers.billing.providers import Providers
from edge_workers.handlers.handler import Context
from edge_workers.handlers.provider_trouble import as_task_failure
from edge_workers.queue_client import Task

_OVER = frozenset({"canceled", "expired"})
_PAID = frozenset({"trialing", "active"})


class Payload(BaseModel):
    """What `private.enqueue_provider_cancel` queued."""

    model_config = ConfigDict(frozen=True)

    provider: Provider
    provider_subscription_id: ProviderId
    at_period_end: bool


async def handle(task: Task, context: Context) -> Normalised:
    """Cancel it and give it as it is then; one that is over or gone already is as good.

    Raises TaskFailed when the provider is not set up here or refuses, RetryLater when it does not
    answer: doing it twice does no harm.
    """
    payload = Payload.model_validate(task.payload)
    with as_task_failure():
        return await _Cancelling(Providers(context.billing), payload).run()


class _Cancelling:
    def __init__(self, providers: Providers, payload: Payload) -> None:
        self._providers = providers
        self._provider = payload.provider
        self._id = payload.provider_subscription_id
        self._at_period_end = payload.at_period_end
        self._api: PaymentProvider = providers.of(payload.provider)

    async def run(self) -> Normalised:
        try:
            return _ended(await self._cancel(at_period_end=self._at_period_end))
        except ProviderKeysRefused:
            raise
        except ProviderRefused:
            return await self._look_why()

    async def _look_why(self) -> Normalised:
        """It was refused: because it is over, unknown, or in no period that could end."""
        try:
            change = await self._fetch()
        except ProviderMissing:
            return Normalised(note="The provider knows no such subscription.")
        if change.status in _OVER or self._at_period_end and change.cancel_at_period_end:
            return _ended(change)
        if not self._at_period_end or change.status in _PAID:
            raise ProviderRefused(self._provider)
        # No period runs that could end, so Razorpay wants it ended at once.
        return _ended(await self._cancel(at_period_end=False))

    async def _cancel(self, *, at_period_end: bool) -> SubscriptionChange:
        asked_at = asked_now()
        entity = await self._providers.call(
            self._provider, self._api.cancel_subscription, self._id, at_period_end=at_period_end
        )
        change = read_subscription(self._provider, entity, asked_at)
        if at_period_end and change.status not in _OVER:
            # Razorpay does not say that it will end, so what was asked for is noted.
            return change.model_copy(update={"cancel_at_period_end": True})
        return change

    async def _fetch(self) -> SubscriptionChange:
        asked_at = asked_now()
        entity = await self._providers.call(self._provider, self._api.fetch_subscription, self._id)
        return read_subscription(self._provider, entity, asked_at)


def _ended(change: SubscriptionChange) -> Normalised:
    return Normalised(changes=(change,))
