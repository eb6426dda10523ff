"""What goes wrong between us and a payment provider, as one tree.

ProviderError
├── ProviderNotConfigured   this installation has no account there
├── ProviderUnavailable     it did not answer sensibly; the same call may succeed later
│   └── ProviderTimeout     … or not in time
└── ProviderRefused         it understood the call and refused it
    ├── ProviderKeysRefused …because of our keys
    └── ProviderMissing     …because it does not know the thing

Messages are ours: what a provider says may quote a key or a person.
"""

import re

from edge_workers.billing.changes import Provider
from edge_workers.errors import ResumebaseError

NAMES: dict[Provider, str] = {"razorpay": "Razorpay", "stripe": "Stripe"}

_REASON = re.compile(r"[A-Za-z0-9_.]{1,60}")


class ProviderError(ResumebaseError):
    """Base of them all; `code` is short and stable, `hint` says what an operator can do."""

    code = "provider-error"

    def __init__(self, provider: Provider, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.provider = provider
        self.hint = hint


class ProviderNotConfigured(ProviderError):
    """There are no keys, or no pages to come back to, for this provider."""

    code = "provider-not-configured"

    def __init__(self, provider: Provider, missing: tuple[str, ...]) -> None:
        super().__init__(
            provider,
            f"{NAMES[provider]} is not set up here.",
            hint=f"Set {' and '.join(missing)} where the service runs.",
        )


class ProviderUnavailable(ProviderError):
    """The provider could not be reached, was busy, or answered what nobody can read."""

    code = "provider-unavailable"

    def __init__(self, provider: Provider) -> None:
        super().__init__(
            provider,
            f"{NAMES[provider]} did not answer as it should.",
            hint="Try again in a minute with the same idempotency key.",
        )


class ProviderTimeout(ProviderUnavailable):
    """The provider took too long: it may or may not have done what was asked."""

    code = "provider-timeout"


class ProviderRefused(ProviderError):
    """The provider refused; `reason` is its own code for why, when it gave a plain one."""

    code = "provider-refused"

    def __init__(self, provider: Provider, reason: object = None) -> None:
        super().__init__(
            provider,
            f"{NAMES[provider]} refused the request.",
            hint="An operator finds the request in the provider's dashboard.",
        )
        is_plain = isinstance(reason, str) and _REASON.fullmatch(reason)
        self.reason = reason if is_plain else None


class ProviderKeysRefused(ProviderRefused):
    """The provider does not accept our keys."""

    code = "provider-keys-refused"


class ProviderMissing(ProviderRefused):
    """The provider knows nothing under this id."""

    code = "provider-missing"
