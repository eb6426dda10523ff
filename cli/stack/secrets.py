"""The secrets of one local stack: made once, kept in its state directory, mode 0600."""

from __future__ import annotations

import json
import secrets
from dataclasses import asdict, dataclass, fields

from cli.output import CliError
from cli.stack.layout import Layout, write_private

_AFRESH = "resumebase down, then move the state directory away, then resumebase up"


@dataclass(frozen=True)
class StackSecrets:
    """Keys and passwords; every local stack has its own."""

    jwt_secret: str
    publishable_key: str
    secret_key: str
    supabase_admin_password: str
    postgres_password: str
    gateway_password: str
    razorpay_webhook_secret: str
    stripe_webhook_secret: str

    def __repr__(self) -> str:
        return "StackSecrets(…)"


def generate() -> StackSecrets:
    """Make a new set of secrets; each has at least 190 bits of randomness."""
    return StackSecrets(
        jwt_secret=secrets.token_urlsafe(48),
        publishable_key="sb_publishable_" + secrets.token_urlsafe(24),
        secret_key="sb_secret_" + secrets.token_urlsafe(24),
        supabase_admin_password=secrets.token_urlsafe(24),
        postgres_password=secrets.token_urlsafe(24),
        gateway_password=secrets.token_urlsafe(24),
        razorpay_webhook_secret=secrets.token_urlsafe(24),
        stripe_webhook_secret="whsec_" + secrets.token_urlsafe(24),
    )


def load(layout: Layout) -> StackSecrets | None:
    """Return the secrets of a state directory, or None if it has none yet.

    Raises CliError `secrets-damaged` when the file cannot be used.
    """
    try:
        raw = json.loads(layout.secrets_file.read_text(encoding="utf-8"))
        values = {field.name: raw[field.name] for field in fields(StackSecrets)}
        for name, value in values.items():
            if not isinstance(value, str) or not value:
                raise ValueError(f"{name} is no text")
        return StackSecrets(**values)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CliError(
            "secrets-damaged",
            f"{layout.secrets_file} cannot be used: {error}",
            "Restore the file: without it the database of this stack cannot be opened. "
            f"To start afresh: {_AFRESH}",
        ) from error


def load_or_create(layout: Layout) -> StackSecrets:
    """Return the secrets of a state directory, making them on first use.

    Raises CliError as `load` does, and `secrets-missing` when there is a database but no secrets.
    """
    found = load(layout)
    if found is not None:
        return found
    if layout.postgres_data.exists():
        raise CliError(
            "secrets-missing",
            f"{layout.secrets_file} is gone, but there is a database that needs it.",
            f"Restore the file. To start afresh: {_AFRESH}",
        )
    made = generate()
    write_private(layout.secrets_file, json.dumps(asdict(made), indent=2) + "\n")
    return made
