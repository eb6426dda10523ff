"""The routes of the HTTP service, put together."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from importlib import import_module
from typing import get_args

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send
from supabase import AsyncClient

from edge_workers.billing.changes import Provider
from edge_workers.http import checkout_routes
from edge_workers.http.answers import install_error_answers
from edge_workers.http.health import Health
from edge_workers.http.inbox import Inbox
from edge_workers.http.metrics import Metrics
from edge_workers.http.recorder import GroupLimits, GroupRecorder
from edge_workers.http.webhooks import ReadWebhook, WebhookEndpoint
from edge_workers.settings import BillingSettings, HttpSettings

PROVIDERS: tuple[Provider, ...] = get_args(Provider)


def create_app(
    settings: HttpSettings,
    billing: BillingSettings,
    client: AsyncClient,
    *,
    metrics: Metrics | None = None,
    readers: Mapping[Provider, ReadWebhook] | None = None,
) -> ASGIApp:
    """Return the service as an ASGI application; its lifespan starts and flushes the recorder.

    Routes find `settings`, `billing` and `supabase` in the state of their application. `readers`
    are the modules of the providers, unless others are given.
    """
    metrics = metrics or Metrics()
    readers = readers or {provider: _reader(provider) for provider in PROVIDERS}
    inbox = Inbox(client)
    recorder = GroupRecorder(inbox.record, _limits(settings), on_call=metrics.count_call)
    metrics.watch_waiting(lambda: recorder.waiting)

    app = _framework(recorder)
    app.state.settings = settings
    app.state.billing = billing
    app.state.supabase = client
    webhooks = {
        f"/webhooks/{provider}": WebhookEndpoint(
            provider,
            readers[provider],
            billing.webhook_secrets(provider),
            settings=settings,
            recorder=recorder,
            metrics=metrics,
        )
        for provider in PROVIDERS
    }
    for path, endpoint in webhooks.items():
        app.router.routes.append(Route(path, endpoint, methods=["POST"]))
    app.router.routes.extend(Health(settings, inbox, metrics).routes())
    app.include_router(checkout_routes.router)
    _admit_web_pages(app, settings)
    return _past_the_framework(app, webhooks)


def _framework(recorder: GroupRecorder) -> FastAPI:
    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        recorder.start()
        yield
        await recorder.close()

    app = FastAPI(title="resumebase", openapi_url=None, redirect_slashes=False, lifespan=lifespan)
    install_error_answers(app)
    return app


def _admit_web_pages(app: FastAPI, settings: HttpSettings) -> None:
    app.add_middleware(
        CORSMiddleware,
        allow_origins=settings.allowed_origins,
        allow_methods=["POST"],
        allow_headers=["authorization", "content-type", "idempotency-key"],
        max_age=600,
    )


def _past_the_framework(app: ASGIApp, webhooks: Mapping[str, ASGIApp]) -> ASGIApp:
    """Give webhooks, which need nothing of the framework, the short way to their endpoint."""

    async def dispatch(scope: Scope, receive: Receive, send: Send) -> None:
        webhook = webhooks.get(scope["path"]) if scope["type"] == "http" else None
        if webhook is not None and scope["method"] == "POST":
            await webhook(scope, receive, send)
        else:
            await app(scope, receive, send)

    return dispatch


def _reader(provider: Provider) -> ReadWebhook:
    # Imported here, each by its name: Stripe's library takes a moment to load.
    reader: ReadWebhook = import_module(f"edge_workers.billing.{provider}").read_webhook
    return reader


def _limits(settings: HttpSettings) -> GroupLimits:
    return GroupLimits(
        linger=settings.linger_seconds,
        max_batch_events=settings.max_batch_events,
        max_batch_bytes=settings.max_batch_bytes,
        max_waiting_events=settings.max_waiting_events,
        max_waiting_bytes=settings.max_waiting_bytes,
        timeout=settings.store_timeout_seconds,
        max_calls=settings.max_inbox_calls,
    )
