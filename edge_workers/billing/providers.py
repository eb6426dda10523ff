"""Both payment providers behind one door, for code that must not block."""

import asyncio
from collections.abc import Callable
from importlib import import_module
from typing import ParamSpec, TypeVar

from edge_workers.billing.changes import Provider
from edge_workers.billing.provider_api import PaymentProvider
from edge_workers.billing.provider_errors import ProviderTimeout
from edge_workers.handlers.blocking import run_blocking
from edge_workers.settings import BillingSettings

_P = ParamSpec("_P")
_T = TypeVar("_T")


class Providers:
    """The providers that the settings know keys for, each made when it is first asked for."""

    def __init__(self, settings: BillingSettings) -> None:
        self.settings = settings
        self._made: dict[Provider, PaymentProvider] = {}

    def of(self, provider: Provider) -> PaymentProvider:
        """The provider. Raises ProviderNotConfigured without keys for it."""
        if provider not in self._made:
            self._made[provider] = _maker(provider)(self.settings)
        return self._made[provider]

    async def call(
        self,
        provider: Provider,
        function: Callable[_P, _T],
        *args: _P.args,
        **kwargs: _P.kwargs,
    ) -> _T:
        """Call a method of the provider in a thread. Raises ProviderTimeout when it takes long.

        What the provider does after that is unknown, and nobody waits for it.
        """
        try:
            async with asyncio.timeout(self.settings.provider_timeout_seconds):
                return await run_blocking(function, *args, **kwargs)
        except TimeoutError:
            raise ProviderTimeout(provider) from None


def _maker(provider: Provider) -> Callable[[BillingSettings], PaymentProvider]:
    # Late: a process that never talks to a provider does not load its SDK.
    module = import_module(f"edge_workers.billing.{provider}_api")
    made: Callable[[BillingSettings], PaymentProvider] = module.make
    return made
