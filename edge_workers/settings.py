"""Environment → frozen settings. Nothing else in the workers reads `os.environ`."""

import base64
import binascii
import json
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from edge_workers.errors import ConfigurationError

_WHERE_KEYS_ARE = "`resumebase status --json` prints the local one; hosted: Settings → API Keys"


def _check_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("is not an address like https://project.supabase.co")
    if parts.username or parts.password:
        raise ValueError("carries a user name or password; give the key in SUPABASE_SECRET_KEY")
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError("must be the project's address alone, without a path such as /rest/v1")
    return f"{parts.scheme}://{parts.netloc}"


def _jwt_role(token: str) -> str | None:
    """The `role` claim of a legacy key, unverified: it only decides what the error says."""
    try:
        payload = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (IndexError, binascii.Error, ValueError):
        return None
    role = claims.get("role") if isinstance(claims, dict) else None
    return role if isinstance(role, str) else None


def _check_secret_key(value: SecretStr) -> SecretStr:
    key = value.get_secret_value()
    if not key.strip():
        raise ValueError(f"is empty. {_WHERE_KEYS_ARE}")
    if key.startswith("sb_publishable_"):
        raise ValueError(
            "holds a publishable key (sb_publishable_…), which browsers use; "
            f"workers need the secret key (sb_secret_…). {_WHERE_KEYS_ARE}"
        )
    role = _jwt_role(key)
    if role is not None and role != "service_role":
        raise ValueError(
            f"holds the legacy `{role}` key; workers need a secret key (sb_secret_…) "
            f"or the legacy service_role key. {_WHERE_KEYS_ARE}"
        )
    if role is None and not key.startswith("sb_secret_"):
        raise ValueError(f"is not a secret key (sb_secret_…). {_WHERE_KEYS_ARE}")
    if any(not "!" <= char <= "~" for char in key):
        raise ValueError("contains spaces, line breaks or characters that no key has")
    return value


def _check_page(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("is not the address of a page, like https://app.example.com/thanks")
    return value


def _split(value: object) -> object:
    """Take `a, b` for a list, as variables of the environment have it."""
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


_Page = Annotated[str, AfterValidator(_check_page)]
_Url = Annotated[str, AfterValidator(_check_url)]
_SecretKey = Annotated[SecretStr, AfterValidator(_check_secret_key)]


class _FromEnvironment(BaseSettings):
    """Frozen settings of which every field can be given by its name as well, as tests do."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        populate_by_name=True,
        # An input in an error message could be the secret key.
        hide_input_in_errors=True,
    )

    @classmethod
    def from_environment(cls, **overrides: Any) -> Self:
        """Read the settings from the environment; `overrides` (by field name) win.

        Raises ConfigurationError, which names each wrong variable and what to do about it and
        never quotes a value.
        """
        try:
            return cls(**overrides)
        except ValidationError as error:
            details = error.errors(include_input=False, include_url=False)
            prefix = cls.model_config.get("env_prefix", "")
            lines = "\n".join(_explain(dict(each), prefix) for each in details)
            raise ConfigurationError(lines) from None


class BackendSettings(_FromEnvironment):
    """How to reach Supabase as a server does; durations are in seconds."""

    supabase_url: _Url = Field(validation_alias="SUPABASE_URL")
    supabase_secret_key: _SecretKey = Field(validation_alias="SUPABASE_SECRET_KEY", repr=False)
    request_timeout_seconds: float = Field(default=10, gt=0)

    @property
    def backend_connections(self) -> int:
        """How many connections to Supabase there may be at once."""
        return 8


class Settings(BackendSettings):
    """What a worker needs to know, read once at its start.

    Durations are in seconds. `Settings.from_environment()` is how programs make one; every field
    can be given by its name as well, which is how tests make one.
    """

    model_config = SettingsConfigDict(env_prefix="RESUMEBASE_WORKER_")

    concurrency: int = Field(default=4, ge=1, le=64)
    lease_seconds: int = Field(default=60, ge=5, le=3600)
    task_timeout_seconds: float = Field(default=300, gt=0)
    poll_min_seconds: float = Field(default=0.1, gt=0)
    poll_max_seconds: float = Field(default=1, gt=0)
    retry_min_seconds: float = Field(default=0.25, gt=0)
    retry_max_seconds: float = Field(default=15, gt=0)
    maintenance_seconds: float = Field(default=30, gt=0)
    shutdown_grace_seconds: float = Field(default=10, ge=0)
    drain_patience_seconds: float = Field(default=30, ge=0)

    @property
    def backend_connections(self) -> int:
        """Two for each task and a few for the queue itself."""
        return self.concurrency * 2 + 4

    @model_validator(mode="after")
    def _check_bounds(self) -> Self:
        if self.poll_min_seconds > self.poll_max_seconds:
            raise ValueError(
                "RESUMEBASE_WORKER_POLL_MIN_SECONDS is above RESUMEBASE_WORKER_POLL_MAX_SECONDS"
            )
        if self.retry_min_seconds > self.retry_max_seconds:
            raise ValueError(
                "RESUMEBASE_WORKER_RETRY_MIN_SECONDS is above RESUMEBASE_WORKER_RETRY_MAX_SECONDS"
            )
        return self


class HttpSettings(BackendSettings):
    """What the HTTP service needs to know, read once at its start; durations are in seconds.

    A provider waits five seconds for an answer, so a webhook that is not stored by then is refused
    in time for the provider to see it.
    """

    model_config = SettingsConfigDict(env_prefix="RESUMEBASE_HTTP_")

    host: str = Field(default="127.0.0.1", min_length=1)
    port: int = Field(default=54323, ge=0, le=65535)
    request_timeout_seconds: float = Field(default=4, gt=0)
    allowed_origins: Annotated[tuple[_Url, ...], NoDecode, BeforeValidator(_split)] = ()
    """The web pages that may call /checkout and /portal, separated by commas."""
    metrics_token: SecretStr | None = Field(default=None, min_length=16, repr=False)
    """Who sends it may read /metrics; without one, only this machine may."""

    max_connections: int = Field(default=1000, ge=1)
    max_header_bytes: int = Field(default=32 * 1024, ge=1024)
    max_body_bytes: int = Field(default=512 * 1024, ge=1024)
    header_timeout_seconds: float = Field(default=5, gt=0)
    body_timeout_seconds: float = Field(default=10, gt=0)
    keep_alive_seconds: int = Field(default=15, ge=1)
    shutdown_grace_seconds: int = Field(default=10, ge=1)

    store_timeout_seconds: float = Field(default=4, gt=0)
    linger_seconds: float = Field(default=0.002, ge=0, le=1)
    max_inbox_calls: int = Field(default=3, ge=1, le=8)
    max_batch_events: int = Field(default=200, ge=1, le=500)
    max_batch_bytes: int = Field(default=2_000_000, ge=1)
    max_waiting_events: int = Field(default=2000, ge=1)
    max_waiting_bytes: int = Field(default=64_000_000, ge=1)


class BillingSettings(_FromEnvironment):
    """The accounts at the payment providers, and where their checkouts come back to.

    Each provider is optional: what needs one that is not configured says so. A previous webhook
    secret is accepted beside the current one, for as long as events signed with it may be retried.
    """

    razorpay_key_id: str | None = None
    razorpay_key_secret: SecretStr | None = Field(default=None, repr=False)
    razorpay_webhook_secret: SecretStr | None = Field(default=None, repr=False)
    razorpay_webhook_secret_previous: SecretStr | None = Field(default=None, repr=False)
    razorpay_api_url: _Url = "https://api.razorpay.com"
    stripe_secret_key: SecretStr | None = Field(default=None, repr=False)
    stripe_webhook_secret: SecretStr | None = Field(default=None, repr=False)
    stripe_webhook_secret_previous: SecretStr | None = Field(default=None, repr=False)
    stripe_api_url: _Url = "https://api.stripe.com"
    checkout_success_url: _Page | None = None
    checkout_cancel_url: _Page | None = None
    portal_return_url: _Page | None = None
    """Where a customer comes back to from the provider; checkout_success_url without it."""
    provider_timeout_seconds: float = Field(default=10, gt=0)

    def secrets(self) -> tuple[str, ...]:
        """Everything that must not reach a log."""
        values = (getattr(self, name) for name in type(self).model_fields)
        return tuple(each.get_secret_value() for each in values if isinstance(each, SecretStr))

    def webhook_secrets(self, provider: Literal["razorpay", "stripe"]) -> tuple[str, ...]:
        """The secrets that a webhook of the provider may be signed with, the current one first."""
        current, previous = {
            "razorpay": (self.razorpay_webhook_secret, self.razorpay_webhook_secret_previous),
            "stripe": (self.stripe_webhook_secret, self.stripe_webhook_secret_previous),
        }[provider]
        return tuple(each.get_secret_value() for each in (current, previous) if each)


def _explain(error: dict[str, Any], prefix: str) -> str:
    message = str(error["msg"]).removeprefix("Value error, ")
    location = error["loc"]
    if not location:
        return message
    variable = _variable_of(str(location[0]), prefix)
    if error["type"] == "missing":
        return f"{variable} is not set. The `--help` of this command says where it comes from."
    if error["type"] == "value_error":
        return f"{variable} {message}"
    return f"{variable}: {message[0].lower()}{message[1:]}"


def _variable_of(name: str, prefix: str) -> str:
    if name.upper().startswith("SUPABASE_"):
        return name.upper()
    return f"{prefix}{name.upper().removeprefix(prefix)}"
