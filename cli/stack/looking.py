"""Looking at one service of a stack: is it there, and does it answer?"""

from __future__ import annotations

from cli.stack import gateway, http_service, postgres, processes
from cli.stack.layout import Layout, StackConfig
from cli.stack.secrets import StackSecrets
from cli.stack.status import ServiceState, ServiceStatus


def ports_of(config: StackConfig) -> dict[str, int]:
    """Return the port of each service that has one."""
    return {
        gateway.NAME: config.api_port,
        postgres.NAME: config.postgres_port,
        http_service.NAME: config.webhooks_port,
    }


def service_status(
    layout: Layout, name: str, config: StackConfig, secrets: StackSecrets | None
) -> ServiceStatus:
    """Look at a service now: its recorded process, and whether it answers on its port."""
    port = ports_of(config).get(name)
    record = processes.load(layout.run_dir, name)
    if record is None or not processes.is_alive(record) or secrets is None:
        return ServiceStatus("dead" if name in config.services else "stopped", None, port)
    answers = {
        gateway.NAME: lambda: gateway.answers(config.api_port, secrets.publishable_key),
        postgres.NAME: lambda: postgres.answers(
            config.postgres_port, secrets.supabase_admin_password
        ),
        http_service.NAME: lambda: http_service.answers(config.webhooks_port),
    }.get(name)
    state: ServiceState = "running" if answers is None or answers() else "unresponsive"
    return ServiceStatus(state, record.pid, port)
