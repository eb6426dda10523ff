"""Sending sample events to the webhook service of an environment, signed as a provider signs."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import import_module
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx

from cli.billing_variables import find_billing_variables
from cli.connection import connect
from cli.environments import Environment
from cli.operator_options import ProviderName
from cli.output import CliError, ExitCode
from cli.target import LOOPBACK
from cli.webhook_samples import Sample

if TYPE_CHECKING:
    from cli.operator_database import OperatorDatabase

SEND_SECONDS = 30
POLL_SECONDS = 0.1


@dataclass(frozen=True)
class Destination:
    """Where the webhooks of a provider go, and what they are signed with."""

    provider: ProviderName
    url: str
    secret: str


def find_destination(
    environment: Environment, provider: ProviderName, url: str | None
) -> Destination:
    """Return where to send, and the secret to sign with; `url` is the service's, without a path.

    Raises CliError `production-refused`, `no-webhooks-url` (usage), `no-webhook-secret` (auth).
    """
    if environment.is_production:
        raise CliError(
            "production-refused",
            f"{environment.name} is a production environment: made-up payments never go there.",
            "Send to a local stack, or to a hosted one with production = false.",
            ExitCode.CANCELLED,
        )
    connection = connect(environment)
    if url is None and connection.webhooks_port is not None:
        url = f"http://127.0.0.1:{connection.webhooks_port}"
    if url is None:
        raise CliError(
            "no-webhooks-url",
            f"Nobody said where {environment.name} takes webhooks.",
            "Add --url https://… with the address of its `resumebase webhook serve`.",
            ExitCode.USAGE,
        )
    name = f"{provider.upper()}_WEBHOOK_SECRET"
    secret = find_billing_variables(environment, connection.webhook_secrets).get(name)
    if not secret:
        raise CliError(
            "no-webhook-secret",
            f"There is no webhook secret of {provider} for {environment.name}.",
            f"Put {name} into .env.{environment.name} (see .env.example).",
            ExitCode.AUTH,
        )
    return Destination(provider, f"{url.rstrip('/')}/webhooks/{provider}", secret)


def send(destination: Destination, samples: Iterable[Sample]) -> Iterator[dict[str, Any]]:
    """Post each event and yield how it was answered: {type, event_id, status, answer}.

    Raises CliError `webhooks-unreachable`.
    """
    provider: Any = import_module(f"edge_workers.billing.{destination.provider}")
    # A proxy for the outside world cannot reach a stack on this machine.
    outside = urlsplit(destination.url).hostname not in LOOPBACK
    with httpx.Client(timeout=SEND_SECONDS, trust_env=outside) as client:
        for sample in samples:
            signed: dict[str, str] = provider.sign(
                sample.body,
                destination.secret,
                event_id=sample.event_id,
                at=datetime.now(UTC),
            )
            headers = {"content-type": "application/json", **signed}
            try:
                answer = client.post(destination.url, content=sample.body, headers=headers)
            except httpx.HTTPError as error:
                raise CliError(
                    "webhooks-unreachable",
                    f"{destination.url} does not answer: {error or type(error).__name__}",
                    "Start the service: resumebase up, or resumebase webhook serve.",
                ) from error
            yield {
                "type": sample.type,
                "event_id": sample.event_id,
                "status": answer.status_code,
                "answer": _content(answer),
            }


def _content(answer: httpx.Response) -> Any:
    try:
        return answer.json()
    except ValueError:
        return answer.text[:500]


OUTCOMES = """
    select e.event_id,
        case when e.parked_at is not null then 'parked' else e.status end as status,
        e.status = 'received' and (
            e.parked_at is null
            or exists (
                select 1
                from queue.tasks t
                where t.kind = 'webhook' and t.payload ->> 'webhook_event_id' = e.id::text
            )
        ) as is_open
    from private.webhook_events e
    where e.provider = %s and e.event_id = any(%s)
"""


def wait_for_outcomes(
    db: OperatorDatabase, provider: ProviderName, samples: Iterable[Sample], seconds: float
) -> dict[str, str]:
    """Wait until the worker has dealt with the events; returns what became of each, by event id.

    An event that is parked, and that nothing has woken, counts as dealt with: it may wait for
    something that never comes.
    """
    ids = [sample.event_id for sample in samples]
    deadline = time.monotonic() + seconds
    while True:
        rows = db.rows(OUTCOMES, provider, ids)
        if not any(row["is_open"] for row in rows):
            return {row["event_id"]: row["status"] for row in rows}
        if time.monotonic() > deadline:
            raise CliError(
                "no-worker",
                f"Events still wait after {seconds:g} seconds.",
                "Is a worker running? See: resumebase status, and: resumebase logs worker",
            )
        time.sleep(POLL_SECONDS)
