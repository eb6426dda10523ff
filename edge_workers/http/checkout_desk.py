"""The checkout desk: who is asking, what they buy, and where they pay or manage it.

What is bought at which price is decided in the database; the provider is asked between two calls of
it. A crash in between loses nothing: asking again with the same key goes on where it stopped.
"""

import re
from typing import Any, Literal
from uuid import UUID

import httpx
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, model_validator
from supabase import AsyncClient, PostgrestAPIError
from supabase_auth.errors import AuthError

from edge_workers.billing.changes import Provider
from edge_workers.billing.provider_api import Checkout, Opened
from edge_workers.billing.provider_errors import ProviderError, ProviderNotConfigured
from edge_workers.billing.providers import Providers
from edge_workers.errors import BackendRefused, BackendUnavailable
from edge_workers.http import checkout_refusals as refusals
from edge_workers.http.answers import ApiError
from edge_workers.settings import BillingSettings

_TOKEN = re.compile(r"[A-Za-z0-9_=-]+\.[A-Za-z0-9_=-]+\.[A-Za-z0-9_=-]+")
_MAX_TOKEN_LENGTH = 8192


class _Request(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class CheckoutRequest(_Request):
    """What a client may say of a purchase. Prices, amounts and people are not its to say."""

    provider: Provider
    kind: Literal["plan", "tokens"]
    code: str = Field(pattern=r"^[a-z][a-z0-9_]{1,39}$")
    interval: Literal["month", "year"] | None = None
    currency: str | None = Field(default=None, pattern=r"^[A-Z]{3}$")
    idempotency_key: str | None = Field(default=None, pattern=r"^[!-~]{1,200}$")

    @model_validator(mode="after")
    def _check_interval(self) -> "CheckoutRequest":
        if (self.kind == "plan") != (self.interval is not None):
            raise ValueError("a plan has an interval, month or year; tokens have none")
        return self


class PortalRequest(_Request):
    """What a client wants of the portal: a page to go to, or the end of a subscription."""

    provider: Provider | None = None
    action: Literal["open", "cancel"] = "open"
    subscription_id: UUID | None = None
    """Which one to cancel; the one in effect without it."""


class CheckoutAnswer(BaseModel):
    """What a web client needs to let its user pay. The amount is in minor units."""

    id: UUID
    provider: Provider
    kind: Literal["plan", "tokens"]
    code: str
    status: Literal["open", "completed", "expired", "failed"]
    amount: int
    currency: str
    url: str | None
    key_id: str | None = None
    order_id: str | None = None
    subscription_id: str | None = None
    session_id: str | None = None


class ManagedSubscription(BaseModel):
    """The subscription that a user can manage; `id` is ours."""

    id: UUID
    plan_code: str
    status: str
    current_period_end: AwareDatetime | None
    cancel_at_period_end: bool
    provider_subscription_id: str = Field(exclude=True)


class PortalAnswer(BaseModel):
    """Where to manage a subscription: a page of the provider if it has one, and our own actions."""

    provider: Provider
    url: str | None = None
    subscription: ManagedSubscription | None
    actions: list[Literal["open", "cancel"]] = []
    status: Literal["requested", "done"] | None = None
    """What came of a cancel: asked of the provider, or nothing left to ask for."""


class _Portal(BaseModel):
    provider: Provider
    customer_id: str | None
    subscription: ManagedSubscription | None


class CheckoutDesk:
    """Serves the users of one installation; every method raises ApiError and nothing else."""

    def __init__(self, supabase: AsyncClient, billing: BillingSettings) -> None:
        self._supabase = supabase
        self._worker = supabase.schema("worker")
        self._providers = Providers(billing)

    async def user_of(self, authorization: str | None) -> UUID:
        """Whose access token this is; Auth says whether it is still good."""
        token = (authorization or "").removeprefix("Bearer ")
        if len(token) > _MAX_TOKEN_LENGTH or not _TOKEN.fullmatch(token):
            raise refusals.not_signed_in()
        try:
            answer = await self._supabase.auth.get_user(token)
        except (BackendUnavailable, httpx.RequestError):
            raise refusals.unavailable() from None
        except (AuthError, BackendRefused, ValidationError):
            raise refusals.not_signed_in() from None
        if answer is None or answer.user is None:
            raise refusals.not_signed_in()
        return UUID(answer.user.id)

    async def checkout(self, user_id: UUID, wanted: CheckoutRequest) -> CheckoutAnswer:
        """Begin a purchase, or go on with the one that has this key."""
        try:
            provider = self._require_set_up(wanted.provider)
            checkout = await self._begin(user_id, wanted)
            if checkout.checkout_id is None:
                opened = await self._providers.call(
                    wanted.provider, provider.open_checkout, checkout
                )
                checkout = await self._open(checkout, opened)
        except ProviderError as error:
            raise refusals.of_provider(error) from None
        return self._answer(checkout)

    async def portal(self, user_id: UUID, wanted: PortalRequest) -> PortalAnswer:
        """Say where a user manages what was bought, or have a subscription ended."""
        facts = await self._rpc(
            "billing_portal", p_user_id=str(user_id), p_provider=wanted.provider
        )
        portal = _Portal.model_validate(facts)
        if wanted.action == "cancel":
            return await self._cancel(user_id, wanted, portal)
        subscription = portal.subscription
        try:
            provider = self._providers.of(portal.provider)
            url = await self._providers.call(
                portal.provider,
                provider.manage_url,
                portal.customer_id,
                subscription.provider_subscription_id if subscription else None,
            )
        except ProviderError as error:
            raise refusals.of_provider(error) from None
        answer = PortalAnswer(provider=portal.provider, url=url, subscription=subscription)
        if url:
            answer.actions.append("open")
        if subscription and not subscription.cancel_at_period_end:
            answer.actions.append("cancel")
        return answer

    async def _cancel(self, user_id: UUID, wanted: PortalRequest, portal: _Portal) -> PortalAnswer:
        subscription_id = wanted.subscription_id or (portal.subscription and portal.subscription.id)
        if subscription_id is None:
            raise ApiError(404, "not-found", "There is no subscription to cancel.")
        queued = await self._rpc(
            "cancel_own_subscription",
            p_user_id=str(user_id),
            p_subscription_id=str(subscription_id),
        )
        return PortalAnswer(
            provider=portal.provider,
            subscription=portal.subscription,
            status="requested" if queued["task_id"] else "done",
        )

    def _require_set_up(self, provider: Provider) -> Any:
        made = self._providers.of(provider)
        settings = self._providers.settings
        if provider == "stripe" and not (
            settings.checkout_success_url and settings.checkout_cancel_url
        ):
            raise ProviderNotConfigured("stripe", ("CHECKOUT_SUCCESS_URL", "CHECKOUT_CANCEL_URL"))
        return made

    async def _begin(self, user_id: UUID, wanted: CheckoutRequest) -> Checkout:
        facts = await self._rpc(
            "begin_checkout",
            p_user_id=str(user_id),
            p_provider=wanted.provider,
            p_kind="subscription" if wanted.kind == "plan" else "tokens",
            p_code=wanted.code,
            p_interval=wanted.interval,
            p_currency=wanted.currency,
            p_idempotency_key=wanted.idempotency_key,
        )
        return Checkout.model_validate(facts)

    async def _open(self, checkout: Checkout, opened: Opened) -> Checkout:
        facts = await self._rpc(
            "open_checkout",
            p_id=str(checkout.id),
            p_checkout_id=opened.checkout_id,
            p_customer_id=opened.customer_id,
            p_url=opened.url,
        )
        return Checkout.model_validate(facts)

    def _answer(self, checkout: Checkout) -> CheckoutAnswer:
        answer = CheckoutAnswer(
            id=checkout.id,
            provider=checkout.provider,
            kind="plan" if checkout.kind == "subscription" else "tokens",
            code=checkout.code,
            status=checkout.status,
            amount=checkout.amount,
            currency=checkout.currency,
            url=checkout.url,
        )
        if checkout.provider == "stripe":
            answer.session_id = checkout.checkout_id
            return answer
        answer.key_id = self._providers.settings.razorpay_key_id
        if checkout.kind == "tokens":
            answer.order_id = checkout.checkout_id
        else:
            answer.subscription_id = checkout.checkout_id
        return answer

    async def _rpc(self, function: str, **params: Any) -> dict[str, Any]:
        try:
            response = await self._worker.rpc(function, params).execute()
        except (BackendUnavailable, BackendRefused, httpx.RequestError):
            raise refusals.unavailable() from None
        except PostgrestAPIError as error:
            raise refusals.of_database(error) from None
        if not isinstance(response.data, dict):
            raise refusals.unavailable()
        return response.data
