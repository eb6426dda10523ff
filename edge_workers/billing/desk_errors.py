"""What the checkout desk says no with: a status, a stable code, and what to do about it."""

import json
import re
from collections.abc import Mapping
from http import HTTPStatus

from supabase import PostgrestAPIError

from edge_workers.billing.provider_errors import (
    ProviderError,
    ProviderNotConfigured,
    ProviderTimeout,
)

_CODES = {
    400: "invalid_request",
    403: "account_not_active",
    404: "not_found",
    409: "conflict",
    422: "invalid_request",
    429: "too_many_requests",
}


class DeskRefusal(Exception):
    """An answer that is no success; nothing in it is secret."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        hint: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.hint = hint
        self.headers = dict(headers or {})


def of_database(error: PostgrestAPIError) -> DeskRefusal:
    """What the database said, if it was a business error of ours; else that it failed."""
    match = re.fullmatch(r"PT(4\d\d)", error.code or "")
    if match is None:
        return unavailable()
    status = int(match[1])
    detail = _detail_of(error)
    code = detail.get("reason")
    seconds = detail.get("retry_after_seconds")
    return DeskRefusal(
        status,
        code if isinstance(code, str) else _CODES.get(status, "refused"),
        error.message or HTTPStatus(status).phrase,
        hint=error.hint or "",
        headers={"Retry-After": str(seconds)} if isinstance(seconds, int) else None,
    )


def of_provider(error: ProviderError) -> DeskRefusal:
    """503 without keys, 504 for a provider that was too slow, 502 for everything else."""
    status = 502
    if isinstance(error, ProviderNotConfigured):
        status = 503
    elif isinstance(error, ProviderTimeout):
        status = 504
    return DeskRefusal(status, error.code, str(error), hint=error.hint)


def unavailable() -> DeskRefusal:
    """Our own backend did not answer."""
    return DeskRefusal(
        503,
        "unavailable",
        "The service is not available right now.",
        hint="Try again in a minute with the same idempotency key.",
        headers={"Retry-After": "30"},
    )


def _detail_of(error: PostgrestAPIError) -> dict[str, object]:
    try:
        detail = json.loads(error.details or "{}")
    except (TypeError, ValueError):
        return {}
    return detail if isinstance(detail, dict) else {}
