"""The shape of `status --json` is a contract, and one dead service shows."""

from __future__ import annotations

import pytest

from cli.stack.layout import SERVICES
from cli.stack.status import ServiceState, ServiceStatus, StackStatus, overall


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        (("stopped", "stopped", "stopped"), "stopped"),
        (("running", "running", "stopped"), "running"),
        (("running", "running", "running"), "running"),
        (("running", "stopped", "stopped"), "degraded"),
        (("running", "dead", "running"), "degraded"),
        (("running", "unresponsive", "stopped"), "degraded"),
        (("dead", "dead", "dead"), "degraded"),
        (("running", "running", "running", "stopped"), "running"),
        (("running", "running", "running", "unresponsive"), "degraded"),
    ],
)
def test_overall__is_degraded_as_soon_as_one_service_fails(
    states: tuple[ServiceState, ...], expected: str
) -> None:
    services = {name: ServiceStatus(state) for name, state in zip(SERVICES, states, strict=False)}
    assert overall(services) == expected


def test_as_dict__has_exactly_the_documented_keys() -> None:
    status = StackStatus(
        state="running",
        api_url="http://127.0.0.1:1",
        db_url="postgresql://postgres@127.0.0.1:2/postgres",
        publishable_key="p",
        secret_key="s",
        jwt_secret="j",
        webhooks_url="http://127.0.0.1:3",
        services={"postgres": ServiceStatus("running", 1, 2)},
        webhook_secrets={"razorpay": "r", "stripe": "w"},
    )
    assert list(status.as_dict()) == [
        *("env", "state", "api_url", "db_url", "publishable_key", "secret_key", "jwt_secret"),
        *("webhooks_url", "services", "webhook_secrets"),
    ]
    assert status.as_dict()["services"] == {"postgres": {"state": "running", "pid": 1, "port": 2}}
