"""The HTTP service as a process: settings, client, signals and logs put together."""

import asyncio
import errno
import logging
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import uvicorn
import uvloop
from starlette.types import ASGIApp

from edge_workers import json_log
from edge_workers.errors import ConfigurationError
from edge_workers.http.app import PROVIDERS, create_app
from edge_workers.http.metrics import Metrics
from edge_workers.http.protocol import limited_protocol
from edge_workers.runner.shutdown import Shutdown
from edge_workers.settings import BillingSettings, HttpSettings
from edge_workers.supabase_client import open_supabase_client


def run_http_service(settings: HttpSettings, billing: BillingSettings) -> Mapping[str, int]:
    """Serve until SIGTERM or SIGINT; then finish what was begun. Logs JSON lines to stderr.

    Gives how many webhooks ended in which way. Raises ConfigurationError when it cannot listen.
    """
    json_log.configure(secrets=_secrets(settings, billing))
    # Its warnings are about requests that anybody may send, and its errors say the same as ours.
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
    runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)
    with _listening(settings) as listener, runner:
        return runner.run(_serve(settings, billing, listener))


async def _serve(
    settings: HttpSettings, billing: BillingSettings, listener: socket.socket
) -> Mapping[str, int]:
    shutdown = Shutdown()
    shutdown.listen_to_signals()
    metrics = Metrics()
    async with open_supabase_client(settings) as client:
        server = build_server(settings, create_app(settings, billing, client, metrics=metrics))
        stopping = asyncio.create_task(_stop_when_requested(server, shutdown))
        providers = [each for each in PROVIDERS if billing.webhook_secrets(each)]
        json_log.info(
            "http started",
            host=settings.host,
            port=listener.getsockname()[1],
            supabase_url=settings.supabase_url,
            providers=providers,
        )
        if not providers:
            json_log.warning(
                "no webhook can be checked",
                hint="Set RAZORPAY_WEBHOOK_SECRET or STRIPE_WEBHOOK_SECRET, see docs/billing.md.",
            )
        await server.serve(sockets=[listener])
        stopping.cancel()
    json_log.info("http stopped", webhooks=dict(metrics.outcomes))
    return metrics.outcomes


class _Server(uvicorn.Server):
    """Uvicorn's server, stopped by our signals: its own end the process with the signal."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def build_server(settings: HttpSettings, app: ASGIApp) -> uvicorn.Server:
    """Return a server with the limits of the settings; `should_exit` makes it stop in order."""
    return _Server(
        uvicorn.Config(
            app,
            http=limited_protocol(settings),
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=settings.keep_alive_seconds,
            timeout_graceful_shutdown=settings.shutdown_grace_seconds,
        )
    )


async def _stop_when_requested(server: uvicorn.Server, shutdown: Shutdown) -> None:
    await shutdown.requested.wait()
    server.should_exit = True


@contextmanager
def _listening(settings: HttpSettings) -> Iterator[socket.socket]:
    try:
        family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
        listener = socket.create_server((settings.host, settings.port), family=family, backlog=1024)
    except OSError as error:
        taken = error.errno == errno.EADDRINUSE
        why = "Another program listens there" if taken else error.strerror
        raise ConfigurationError(
            f"Cannot listen on port {settings.port} of {settings.host}: {why}. "
            "Set RESUMEBASE_HTTP_PORT and RESUMEBASE_HTTP_HOST, or --port and --host."
        ) from None
    with listener:
        yield listener


def _secrets(settings: HttpSettings, billing: BillingSettings) -> list[str]:
    own = (settings.supabase_secret_key, settings.metrics_token)
    return [*(each.get_secret_value() for each in own if each), *billing.secrets()]
