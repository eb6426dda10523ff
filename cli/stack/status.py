"""What a stack looks like from outside: the contract of `up --json` and `status --json`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from cli.stack.layout import REQUIRED

ServiceState = Literal["running", "unresponsive", "dead", "stopped"]
StackState = Literal["running", "degraded", "stopped"]


@dataclass(frozen=True)
class ServiceStatus:
    """One service: `dead` means it should run and does not; `stopped` that it need not."""

    state: ServiceState
    pid: int | None = None
    port: int | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the documented keys of a service, ready for JSON."""
        return {"state": self.state, "pid": self.pid, "port": self.port}


@dataclass(frozen=True)
class StackStatus:
    """The state, addresses and keys of a stack. Keys are empty before its first `up`."""

    state: StackState
    api_url: str
    db_url: str
    publishable_key: str
    secret_key: str
    jwt_secret: str
    webhooks_url: str
    services: Mapping[str, ServiceStatus]
    webhook_secrets: Mapping[str, str]
    env: str = "local"

    def as_dict(self) -> dict[str, Any]:
        """Return exactly the documented keys, ready for JSON."""
        return {
            "env": self.env,
            "state": self.state,
            "api_url": self.api_url,
            "db_url": self.db_url,
            "publishable_key": self.publishable_key,
            "secret_key": self.secret_key,
            "jwt_secret": self.jwt_secret,
            "webhooks_url": self.webhooks_url,
            "services": {name: service.as_dict() for name, service in self.services.items()},
            "webhook_secrets": dict(self.webhook_secrets),
        }


def overall(services: Mapping[str, ServiceStatus]) -> StackState:
    """Sum up: degraded as soon as a service that should run does not.

    REQUIRED services should run whenever any other does, also while `up` is still at work.
    """
    states = {name: service.state for name, service in services.items()}
    if set(states.values()) == {"stopped"}:
        return "stopped"
    well = all(states.get(name) == "running" for name in REQUIRED)
    return "running" if well and set(states.values()) <= {"running", "stopped"} else "degraded"
