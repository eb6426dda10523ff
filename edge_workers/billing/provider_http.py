"""The HTTP session that the SDKs of the providers use: timeouts, and no detours."""

from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import requests

CONNECT_SECONDS = 5.0


class ProviderSession(requests.Session):
    """A session that waits `timeout_seconds` at most for each answer and follows no redirects."""

    def __init__(self, api_url: str, *, timeout_seconds: float) -> None:
        super().__init__()
        self._timeout = (min(CONNECT_SECONDS, timeout_seconds), timeout_seconds)
        # A proxy for the outside world cannot reach a provider that runs on this machine.
        self.trust_env = not _is_loopback(urlsplit(api_url).hostname or "")

    def request(self, method: Any, url: Any, **options: Any) -> requests.Response:  # type: ignore[override]
        """Send one request; the SDKs call this with options of their own."""
        options["timeout"] = self._timeout
        options["allow_redirects"] = False
        return super().request(method, url, **options)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
