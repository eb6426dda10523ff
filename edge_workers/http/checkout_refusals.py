"""What a checkout is refused with, whoever refused it: the database, a provider, or Auth."""

import json
import re

from supabase import PostgrestAPIError

from edge_workers.billing.provider_errors import (
    ProviderError,
    ProviderNotConfigured,
    ProviderTimeout,
)
from edge_workers.http.answers import ApiError

_CODES = {
    400: "invalid-request",
    403: "account-not-active",
    404: "not-found",
    409: "conflict",
    422: "invalid-request",
    429: "too-many-requests",
}


def of_database(error: PostgrestAPIError) -> ApiError:
    """What the database said, if it was a business error; else that our backend failed."""
    match = re.fullmatch(r"PT(4\d\d)", error.code or "")
    if match is None:
        return unavailable()
    status = int(match[1])
    detail = _detail_of(error)
    reason, seconds = detail.get("reason"), detail.get("retry_after_seconds")
    return ApiError(
        status,
        reason if isinstance(reason, str) else _CODES.get(status, "refused"),
        error.message or "This is not possible.",
        error.hint or "",
        headers={"retry-after": str(seconds)} if isinstance(seconds, int) else None,
    )


def of_provider(error: ProviderError) -> ApiError:
    """503 without keys, 504 for a provider that was too slow, 502 for everything else."""
    status = 502
    if isinstance(error, ProviderNotConfigured):
        status = 503
    elif isinstance(error, ProviderTimeout):
        status = 504
    return ApiError(status, error.code, str(error), error.hint)


def unavailable() -> ApiError:
    """Our own backend did not answer."""
    return ApiError(
        503,
        "unavailable",
        "The service is not available right now.",
        "Try again in a minute with the same idempotency key.",
        headers={"retry-after": "30"},
    )


def not_signed_in() -> ApiError:
    """There is no access token, or Auth does not know it."""
    return ApiError(
        401,
        "not-signed-in",
        "You are not signed in.",
        "Send the access token of the user: Authorization: Bearer …",
        headers={"www-authenticate": "Bearer"},
    )


def _detail_of(error: PostgrestAPIError) -> dict[str, object]:
    try:
        detail = json.loads(error.details or "{}")
    except (TypeError, ValueError):
        return {}
    return detail if isinstance(detail, dict) else {}
