"""Both providers on this machine, and the accounts that our service has there."""

import asyncio
import json
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import psycopg
import pytest
from psycopg.rows import dict_row
from pydantic import SecretStr
from supabase import AsyncClient

from cli.demo.user import DemoUser
from cli.stack.status import StackStatus
from edge_workers.http.app import create_app
from edge_workers.settings import BillingSettings, HttpSettings
from edge_workers.supabase_client import open_supabase_client

from . import fake_razorpay, fake_stripe
from .fake_api import running
from .fake_razorpay import FakeRazorpay
from .fake_stripe import FakeStripe
from .provider_rows import KINDS, end_all
from .working import work as work_queue

SECRETS = (fake_razorpay.KEY_SECRET, fake_stripe.SECRET_KEY)

Post = Callable[..., httpx.Response]
Work = Callable[..., dict[str, int]]


@pytest.fixture
def razorpay() -> Iterator[FakeRazorpay]:
    with running(FakeRazorpay()) as fake:
        yield fake


@pytest.fixture
def stripe() -> Iterator[FakeStripe]:
    with running(FakeStripe()) as fake:
        yield fake


@pytest.fixture
def billing(razorpay: FakeRazorpay, stripe: FakeStripe) -> BillingSettings:
    return BillingSettings(
        razorpay_key_id=fake_razorpay.KEY_ID,
        razorpay_key_secret=SecretStr(fake_razorpay.KEY_SECRET),
        razorpay_api_url=razorpay.url,
        stripe_secret_key=SecretStr(fake_stripe.SECRET_KEY),
        stripe_api_url=stripe.url,
        checkout_success_url="https://app.example.com/thanks?session={CHECKOUT_SESSION_ID}",
        checkout_cancel_url="https://app.example.com/plans",
        provider_timeout_seconds=5,
    )


@dataclass(frozen=True)
class Backend:
    """An event loop for all tests, and in it the service's connection to the stack."""

    runner: asyncio.Runner
    settings: HttpSettings
    client: AsyncClient


@pytest.fixture(scope="session")
def backend(stack: StackStatus) -> Iterator[Backend]:
    settings = HttpSettings(supabase_url=stack.api_url, supabase_secret_key=stack.secret_key)
    opened = open_supabase_client(settings)
    with asyncio.Runner() as runner:
        yield Backend(runner, settings, runner.run(opened.__aenter__()))
        runner.run(opened.__aexit__(None, None, None))


@pytest.fixture
def post(backend: Backend, billing: BillingSettings) -> Post:
    """A function that posts to the real service, which runs in this process."""

    def run(
        path: str,
        body: object = None,
        *,
        user: DemoUser | None = None,
        token: str | None = None,
        key: str | None = None,
        settings: BillingSettings = billing,
        content: bytes | None = None,
    ) -> httpx.Response:
        headers = {"idempotency-key": key} if key else {}
        token = token or (token_of(user) if user else None)
        if token:
            headers["authorization"] = f"Bearer {token}"
        content = json.dumps(body).encode() if content is None else content
        return backend.runner.run(_post(backend, settings, path, content, headers))

    return run


async def _post(
    backend: Backend, billing: BillingSettings, path: str, content: bytes, headers: dict[str, str]
) -> httpx.Response:
    transport = httpx.ASGITransport(create_app(backend.settings, billing, backend.client))
    async with httpx.AsyncClient(
        transport=transport, base_url="http://service", trust_env=False, verify=False
    ) as service:
        return await service.post(path, content=content, headers=headers)


def token_of(user: DemoUser) -> str:
    session = user.client.auth.get_session()
    assert session is not None
    return session.access_token


@pytest.fixture
def ask(stack: StackStatus) -> Iterator[Callable[..., list[dict[str, Any]]]]:
    """A function that asks the database as its owner, and commits."""
    with psycopg.connect(stack.db_url, row_factory=dict_row, autocommit=True) as connection:

        def run(sql: str, *values: object) -> list[dict[str, Any]]:
            cursor = connection.execute(sql, values)
            return cursor.fetchall() if cursor.description else []

        yield run


@pytest.fixture(scope="module")
def one_visitor(stack: StackStatus) -> Iterator[DemoUser]:
    with DemoUser(stack.api_url, stack.publishable_key) as someone:
        someone.sign_up("Grace")
        yield someone


@pytest.fixture
def visitor(one_visitor: DemoUser, ask: Any) -> DemoUser:
    """A user that several tests share: signing up takes longer than most of them."""
    ask("delete from private.rate_limits where key like '%%' || %s", one_visitor.user_id)
    ask("delete from private.checkouts where user_id = %s", one_visitor.user_id)
    return one_visitor


@pytest.fixture
def tag() -> str:
    """Part of the ids of a test: those of a provider are never given twice."""
    return secrets.token_hex(6)


@pytest.fixture
def work(stack: StackStatus, billing: BillingSettings, ask: Any) -> Work:
    """A function that runs a worker until the queue is empty; gives how attempts ended."""
    end_all(ask)

    def run(settings: BillingSettings = billing) -> dict[str, int]:
        return work_queue(stack, settings, KINDS)

    return run


def add_subscription(ask: Any, user: DemoUser, provider: str, name: str, **more: Any) -> Any:
    """Make the row of a subscription to pro that has run since 2020, and give it."""
    status, superseded = more.get("status", "active"), more.get("superseded_at")
    (row,) = ask(
        "insert into subscriptions (user_id, provider, provider_subscription_id, plan_code, "
        "status, current_period_end, superseded_at, provider_customer_id, start_date, "
        "last_event_at) values (%s, %s, %s, 'pro', %s, now() + interval '1 day', %s, %s, "
        "'2020-01-01', '2020-01-01') returning *",
        user.user_id,
        provider,
        name,
        status,
        superseded,
        more.get("customer"),
    )
    return row


def error(response: httpx.Response, status: int, code: str) -> dict[str, str]:
    """Check that an answer is this refusal, and gives no key away."""
    assert response.status_code == status, response.text
    body: dict[str, str] = response.json()
    assert body.keys() == {"code", "message", "hint"}
    assert body["code"] == code, body
    assert body["message"]
    assert not any(secret in response.text for secret in SECRETS)
    return body
