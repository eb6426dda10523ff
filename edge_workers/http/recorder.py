"""Concurrent events share one call to the inbox, so that throughput does not hang on round trips.

While a call is on its way, what arrives waits for the next one; under load that alone makes groups.
When the last group had more than one event, the next lingers a moment to gather as many again. An
event that comes alone is sent at once.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import httpx

from edge_workers import json_log
from edge_workers.errors import BackendRefused, BackendUnavailable
from edge_workers.http.inbox import EventsRefused

Record = Callable[[Sequence[str]], Awaitable[list[bool]]]
"""Stores encoded events durably and tells for each whether it was new; see Inbox.record."""

_LOST_CALLS = (BackendUnavailable, httpx.RequestError)
_GIVE_UP_AFTER = 2
"""Events tried one by one are given up after so many failures of the backend in a row."""


class EventRefused(Exception):
    """The database does not take this event, whoever sends it again."""


class InboxUnavailable(Exception):
    """The event could not be stored now; `code` says why, for metrics."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True)
class GroupLimits:
    """How large a group and the queue behind it may become; times in seconds."""

    linger: float = 0.002
    max_batch_events: int = 200
    max_batch_bytes: int = 2_000_000
    max_waiting_events: int = 2000
    max_waiting_bytes: int = 64_000_000
    timeout: float = 4
    max_calls: int = 3


@dataclass(frozen=True, eq=False)
class _Waiting:
    event: str
    stored: asyncio.Future[bool]


class GroupRecorder:
    """Stores events in groups. `start` it inside a running loop, and `close` it at the end."""

    def __init__(
        self,
        record: Record,
        limits: GroupLimits,
        *,
        on_call: Callable[[int, float], None] = lambda _events, _seconds: None,
    ) -> None:
        """Make a recorder; `on_call` is told how many events a call had and how long it took."""
        self._record = record
        self._limits = limits
        self._on_call = on_call
        self._queue: deque[_Waiting] = deque()
        self._queued_bytes = 0
        self._last_size = 1
        self._changed = asyncio.Event()
        self._closing = False
        self._calls: set[asyncio.Task[None]] = set()
        self._collector: asyncio.Task[None] | None = None

    @property
    def waiting(self) -> int:
        """How many events wait for a call."""
        return len(self._queue)

    def start(self) -> None:
        """Begin to take events."""
        self._collector = asyncio.create_task(self._collect())

    async def close(self) -> None:
        """Take no more events, and return once every one that was taken has its answer."""
        self._closing = True
        self._changed.set()
        if self._collector is not None:
            await self._collector

    async def store(self, event: str) -> bool:
        """Return once the event is durable: True when it is new, False when it was known.

        Raises EventRefused when it will never be, and InboxUnavailable when it may be later; then
        it may also have been stored without our knowing, and sending it again does no harm.
        """
        if self._closing:
            raise InboxUnavailable("closing")
        is_full = len(self._queue) >= self._limits.max_waiting_events
        if is_full or self._queued_bytes + len(event) > self._limits.max_waiting_bytes:
            raise InboxUnavailable("overloaded")
        waiting = _Waiting(event, asyncio.get_running_loop().create_future())
        self._queue.append(waiting)
        self._queued_bytes += len(event)
        self._changed.set()
        try:
            async with asyncio.timeout(self._limits.timeout):
                return await waiting.stored
        except TimeoutError:
            raise InboxUnavailable("timeout") from None

    async def _collect(self) -> None:
        while await self._something_to_send():
            if self._limits.linger and self._last_size > 1:
                await self._linger()
            if group := self._take_group():
                self._last_size = len(group)
                call = asyncio.create_task(self._send(group))
                self._calls.add(call)
                call.add_done_callback(self._on_sent)
        await asyncio.gather(*self._calls)

    async def _something_to_send(self) -> bool:
        """Wait for an event and a free call; False when there will be none any more."""
        while not (self._queue and len(self._calls) < self._limits.max_calls):
            if self._closing and not self._queue:
                return False
            self._changed.clear()
            await self._changed.wait()
        return True

    async def _linger(self) -> None:
        """Wait for as many events as the last group had, but not for long."""
        try:
            async with asyncio.timeout(self._limits.linger):
                while len(self._queue) < self._last_size and not self._closing:
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            return

    def _take_group(self) -> list[_Waiting]:
        group: list[_Waiting] = []
        size = 0
        while self._queue and len(group) < self._limits.max_batch_events:
            length = len(self._queue[0].event)
            if group and size + length > self._limits.max_batch_bytes:
                break
            waiting = self._queue.popleft()
            self._queued_bytes -= length
            # Whoever stopped waiting was told to send it again, or has gone away.
            if not waiting.stored.done():
                group.append(waiting)
                size += length
        return group

    def _on_sent(self, call: asyncio.Task[None]) -> None:
        self._calls.discard(call)
        self._changed.set()

    async def _send(self, group: Sequence[_Waiting]) -> None:
        try:
            await self._record_group(group)
        except httpx.RequestError as error:
            json_log.warning("webhooks not stored", events=len(group), reason=type(error).__name__)
            _fail(group, InboxUnavailable("unreachable"))
        except (BackendUnavailable, BackendRefused) as error:
            await self._send_apart(group, error)
        except Exception as error:
            json_log.error("webhooks not stored", events=len(group), exception=error)
            _fail(group, InboxUnavailable("failed"))

    async def _send_apart(self, group: Sequence[_Waiting], error: Exception) -> None:
        """After a call was answered with an error: one event must not fail the others."""
        if len(group) == 1 or not _may_be_about_data(error):
            _fail(group, _as_answer(error))
            json_log.warning("webhooks not stored", events=len(group), reason=str(error))
            return
        failures = 0
        for waiting in group:
            if failures == _GIVE_UP_AFTER:
                _fail([waiting], InboxUnavailable("unavailable"))
                continue
            try:
                await self._record_group([waiting])
                failures = 0
            except (*_LOST_CALLS, BackendRefused) as alone:
                failures = failures + 1 if isinstance(alone, _LOST_CALLS) else 0
                _fail([waiting], _as_answer(alone))
                json_log.warning("webhooks not stored", events=1, reason=type(alone).__name__)

    async def _record_group(self, group: Sequence[_Waiting]) -> None:
        clock = asyncio.get_running_loop().time
        begun = clock()
        try:
            answers = await self._record([waiting.event for waiting in group])
        finally:
            self._on_call(len(group), clock() - begun)
        for waiting, is_new in zip(group, answers, strict=True):
            if not waiting.stored.done():
                waiting.stored.set_result(is_new)


def _may_be_about_data(error: Exception) -> bool:
    # The local gateway answers a broken constraint with 500, which BackendUnavailable stands for.
    if isinstance(error, EventsRefused):
        return error.is_about_data
    return isinstance(error, BackendUnavailable)


def _as_answer(error: Exception) -> Exception:
    if isinstance(error, EventsRefused) and error.is_about_data:
        return EventRefused(str(error))
    if isinstance(error, BackendRefused):
        return InboxUnavailable("misconfigured")
    return InboxUnavailable("unavailable")


def _fail(group: Sequence[_Waiting], error: Exception) -> None:
    for waiting in group:
        if not waiting.stored.done():
            waiting.stored.set_exception(error)
