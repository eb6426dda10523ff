"""The inbox of webhooks, as this service sees it: `worker.record_webhook_events`."""

from collections.abc import Sequence
from uuid import UUID

import httpx
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError
from supabase import AsyncClient

from edge_workers.billing.webhooks import InboxEvent
from edge_workers.errors import BackendRefused, BackendUnavailable

_FUNCTION = "record_webhook_events"
# Classes of SQLSTATE that say something about the data: exceptions of ours for clients, data
# exceptions, broken constraints, limits of Postgres. Everything else is about the installation.
_ABOUT_DATA = ("PT4", "22", "23", "54")


class EventsRefused(BackendRefused):
    """The database does not take these events; `is_about_data` when it is for what they hold."""

    def __init__(self, code: str) -> None:
        super().__init__(f"{_FUNCTION} was refused with code {code}")
        self.is_about_data = code.startswith(_ABOUT_DATA)


class Recorded(BaseModel):
    """What became of the event at this place of the list."""

    model_config = ConfigDict(frozen=True)

    event_index: int
    webhook_event_id: UUID
    is_new: bool


_RECORDED = TypeAdapter(list[Recorded])


def encode_event(event: InboxEvent) -> str:
    """Return the event as JSON, ready for a group; raises ValueError for text that is no UTF-8."""
    return event.model_dump_json()


class Inbox:
    """Stores events by the Supabase client, many in one call."""

    def __init__(self, client: AsyncClient) -> None:
        worker = client.schema("worker")
        # Not by `rpc()`, which would decode and encode every payload once more.
        self._session = worker.session
        self._url = str(worker.base_url.joinpath("rpc", _FUNCTION))
        self._headers = {**worker.headers, "content-type": "application/json"}

    async def record(self, events: Sequence[str]) -> list[bool]:
        """Store events made by `encode_event`; tells for each whether it was new.

        All or none are durable when this returns or raises EventsRefused. Raises
        BackendUnavailable when the same call may work later, and httpx.RequestError when nobody
        answered: then they may be stored or not. Storing twice is storing once.
        """
        body = f'{{"p_events":[{",".join(events)}]}}'.encode()
        response = await self._session.post(self._url, content=body, headers=self._headers)
        if not response.is_success:
            raise EventsRefused(_code_of(response))
        try:
            recorded = _RECORDED.validate_json(response.content)
        except ValidationError:
            raise BackendUnavailable(f"{_FUNCTION}: the answer was not understood") from None
        is_new = {each.event_index: each.is_new for each in recorded}
        if is_new.keys() != set(range(len(events))):
            raise BackendUnavailable(f"{_FUNCTION} did not answer for every event")
        return [is_new[index] for index in range(len(events))]


def _code_of(response: httpx.Response) -> str:
    """Return the code of a refusal; message and details may quote a row."""
    try:
        body = response.json()
    except ValueError:
        return str(response.status_code)
    code = body.get("code") if isinstance(body, dict) else None
    return code if isinstance(code, str) and code.isalnum() else str(response.status_code)
