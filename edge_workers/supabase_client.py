"""The only place where a secret key becomes a client.

The client acts as `service_role`, which row level security does not bind. It never signs in, never
holds a user's session, and sends nothing but the secret key as authorization.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_address
from urllib.parse import urlsplit

import httpx
from supabase import AsyncClient, AsyncClientOptions, create_async_client

from edge_workers.errors import BackendRefused, BackendUnavailable
from edge_workers.settings import BackendSettings

# Too many requests and request timeout are the backend's state, not the request's fault.
_TRY_AGAIN_STATUSES = frozenset({408, 425, 429})


@asynccontextmanager
async def open_supabase_client(settings: BackendSettings) -> AsyncIterator[AsyncClient]:
    """A Supabase client for workers, closed at the end of the block.

    Whichever part of the client made the request: an answer that says "not now" (5xx, 429, 408)
    raises BackendUnavailable, and 401 raises BackendRefused. Connection errors stay
    `httpx.RequestError`.
    """
    async with _http_client(settings) as http_client:
        yield await create_async_client(
            settings.supabase_url,
            settings.supabase_secret_key.get_secret_value(),
            AsyncClientOptions(
                auto_refresh_token=False,
                persist_session=False,
                # The runner retries by the life of a lease, so the client must not do it as well.
                postgrest_client_retry=False,
                httpx_client=http_client,
                # Instead of the default, which tells operating system and versions.
                headers={"X-Client-Info": "resumebase-worker"},
            ),
        )


def _http_client(settings: BackendSettings) -> httpx.AsyncClient:
    url = urlsplit(settings.supabase_url)
    connections = settings.backend_connections
    return httpx.AsyncClient(
        http2=url.scheme == "https",
        timeout=httpx.Timeout(settings.request_timeout_seconds, connect=5),
        limits=httpx.Limits(max_connections=connections, max_keepalive_connections=connections),
        # httpx drops `Authorization` on a redirect to another host, but not `apikey`.
        follow_redirects=False,
        # A proxy for the outside world must not be handed the key of a local stack.
        trust_env=not _is_loopback(url.hostname or ""),
        event_hooks={"response": [_raise_when_not_served]},
    )


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


async def _raise_when_not_served(response: httpx.Response) -> None:
    status = response.status_code
    if status < 500 and status != 401 and status not in _TRY_AGAIN_STATUSES:
        return
    # The body may quote a row, so only its code is worth repeating.
    await response.aread()
    code = _error_code(response)
    if code == f"PT{status}":
        # A rule of ours, such as a rate limit: the caller gets to hear which.
        return
    answer = f"{response.request.url.path} answered {status}{f' (code {code})' if code else ''}"
    if status == 401:
        raise BackendRefused(f"{answer}: the key is not accepted")
    raise BackendUnavailable(answer)


def _error_code(response: httpx.Response) -> str:
    try:
        body = response.json()
    except ValueError:
        return ""
    code = body.get("code") if isinstance(body, dict) else None
    return code if isinstance(code, str) and code.isalnum() else ""
