"""Events share calls, and none of them pays for another."""

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any

import httpx
import pytest

from edge_workers.errors import BackendUnavailable
from edge_workers.http.inbox import EventsRefused
from edge_workers.http.recorder import EventRefused, GroupLimits, GroupRecorder, InboxUnavailable

DEADLINE_SECONDS = 10
FOR_EVER = 1000.0


class FakeInbox:
    """Remembers what it was asked to store; `gate` holds calls back, `refuse` makes them fail."""

    def __init__(self) -> None:
        self.calls: list[list[str]] = []
        self.stored: list[str] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.errors: dict[str, Exception] = {}
        self.changed = asyncio.Event()

    async def record(self, events: Sequence[str]) -> list[bool]:
        self.calls.append(list(events))
        self.changed.set()
        await self.gate.wait()
        for event in events:
            if event in self.errors:
                raise self.errors[event]
        is_new = [event not in self.stored for event in events]
        self.stored += [event for event in events if event not in self.stored]
        return is_new

    async def called(self, times: int) -> None:
        async with asyncio.timeout(DEADLINE_SECONDS):
            while len(self.calls) < times:
                self.changed.clear()
                await self.changed.wait()


class Started:
    """A started recorder on a fake inbox, closed at the end of the block."""

    def __init__(self, **limits: Any) -> None:
        self.limits = GroupLimits(**{"linger": 0, "max_calls": 1, **limits})
        self.observed: list[int] = []

    async def __aenter__(self) -> tuple[GroupRecorder, FakeInbox]:
        self.inbox = FakeInbox()
        self.recorder = GroupRecorder(
            self.inbox.record,
            self.limits,
            on_call=lambda events, seconds: self.observed.append(events) if seconds >= 0 else None,
        )
        self.recorder.start()
        return self.recorder, self.inbox

    async def __aexit__(self, *_: object) -> None:
        self.inbox.gate.set()
        await self.recorder.close()


def run(scenario: Coroutine[Any, Any, None]) -> None:
    async def limited() -> None:
        async with asyncio.timeout(DEADLINE_SECONDS):
            await scenario

    asyncio.run(limited())


async def begin(recorder: GroupRecorder, *events: str) -> list[asyncio.Task[bool]]:
    """Hand events over, and return once they wait."""
    tasks = [asyncio.create_task(recorder.store(event)) for event in events]
    await asyncio.sleep(0)
    return tasks


async def outcome(task: asyncio.Task[bool]) -> bool | str:
    try:
        return await task
    except InboxUnavailable as error:
        return error.code
    except EventRefused:
        return "refused"


async def outcomes(tasks: Sequence[asyncio.Task[bool]]) -> list[bool | str]:
    return [await outcome(task) for task in tasks]


def test_lone_event__is_sent_at_once_however_long_the_linger() -> None:
    async def scenario() -> None:
        async with Started(linger=1, timeout=0.5) as (recorder, inbox):
            assert await recorder.store("a") is True
            assert await recorder.store("b") is True
            assert inbox.calls == [["a"], ["b"]]

    run(scenario())


def test_known_event__is_a_duplicate() -> None:
    async def scenario() -> None:
        async with Started() as (recorder, _inbox):
            assert await recorder.store("a") is True
            assert await recorder.store("a") is False

    run(scenario())


def test_events_during_a_call__share_the_next_one() -> None:
    async def scenario() -> None:
        async with Started() as (recorder, inbox):
            inbox.gate.clear()
            first = await begin(recorder, "a")
            await inbox.called(1)
            others = await begin(recorder, "b", "c", "a")
            assert recorder.waiting == 3
            inbox.gate.set()
            assert await outcomes([*first, *others]) == [True, True, True, False]
            assert inbox.calls == [["a"], ["b", "c", "a"]]

    run(scenario())


def test_calls__go_side_by_side_up_to_their_limit() -> None:
    async def scenario() -> None:
        async with Started(max_calls=2) as (recorder, inbox):
            inbox.gate.clear()
            tasks = []
            for number, event in enumerate("ab", start=1):
                tasks += await begin(recorder, event)
                await inbox.called(number)
            tasks += await begin(recorder, "c", "d")
            assert recorder.waiting == 2
            inbox.gate.set()
            assert await outcomes(tasks) == [True] * 4
            assert inbox.calls == [["a"], ["b"], ["c", "d"]]

    run(scenario())


def test_after_a_group__the_next_waits_for_as_many_and_no_longer() -> None:
    async def scenario() -> None:
        async with Started(linger=1, timeout=FOR_EVER) as (recorder, inbox):
            assert await outcomes(await begin(recorder, "a", "b")) == [True, True]
            tasks = await begin(recorder, "c")
            for _ in range(5):
                await asyncio.sleep(0)
            assert inbox.calls == [["a", "b"]]
            tasks += await begin(recorder, "d")
            assert await outcomes(tasks) == [True, True]
            assert inbox.calls == [["a", "b"], ["c", "d"]]

    run(scenario())


def test_linger__ends_when_nobody_comes() -> None:
    async def scenario() -> None:
        async with Started(linger=0.01) as (recorder, inbox):
            await outcomes(await begin(recorder, "a", "b"))
            assert await recorder.store("c") is True
            assert inbox.calls[1:] == [["c"]]

    run(scenario())


@pytest.mark.parametrize(
    ("limits", "groups"),
    [
        ({"max_batch_events": 2}, [["a"], ["bb", "cc"], ["dddd", "e"]]),
        ({"max_batch_bytes": 4}, [["a"], ["bb", "cc"], ["dddd"], ["e"]]),
        # One that is too large for any group goes alone.
        ({"max_batch_bytes": 3}, [["a"], ["bb"], ["cc"], ["dddd"], ["e"]]),
    ],
)
def test_group__has_its_limits_and_keeps_the_order(
    limits: dict[str, int], groups: list[list[str]]
) -> None:
    async def scenario() -> None:
        started = Started(**limits)
        async with started as (recorder, inbox):
            inbox.gate.clear()
            tasks = await begin(recorder, "a")
            await inbox.called(1)
            tasks += await begin(recorder, "bb", "cc", "dddd", "e")
            inbox.gate.set()
            assert await outcomes(tasks) == [True] * 5
            assert inbox.calls == groups
        assert started.observed == [len(group) for group in groups]

    run(scenario())


def test_refused_event__fails_alone() -> None:
    async def scenario() -> None:
        async with Started() as (recorder, inbox):
            inbox.errors = {"bad": EventsRefused("PT422"), "odd": EventsRefused("22P05")}
            tasks = await begin(recorder, "a", "bad", "b", "odd", "c")
            assert await outcomes(tasks) == [True, "refused", True, "refused", True]
            assert sorted(inbox.stored) == ["a", "b", "c"]

    run(scenario())


@pytest.mark.parametrize("code", ["42501", "PGRST202", "404"])
def test_refusal_of_the_installation__is_no_fault_of_any_event(code: str) -> None:
    async def scenario() -> None:
        async with Started() as (recorder, inbox):
            inbox.errors = {"b": EventsRefused(code)}
            tasks = await begin(recorder, "a", "b")
            assert await outcomes(tasks) == ["misconfigured", "misconfigured"]
            assert inbox.calls == [["a", "b"]]

    run(scenario())


def test_lost_connection__fails_the_group_and_is_not_tried_again() -> None:
    async def scenario() -> None:
        async with Started() as (recorder, inbox):
            inbox.errors = {"a": httpx.ConnectError("down")}
            assert await outcomes(await begin(recorder, "a", "b")) == ["unreachable"] * 2
            assert inbox.calls == [["a", "b"]]
            inbox.errors = {}
            assert await recorder.store("a") is True

    run(scenario())


def test_failure_of_the_backend__is_given_up_after_two_events_in_a_row() -> None:
    async def scenario() -> None:
        async with Started() as (recorder, inbox):
            events = ["a", "b", "c", "d", "e"]
            inbox.errors = {event: BackendUnavailable("500") for event in events}
            assert await outcomes(await begin(recorder, *events)) == ["unavailable"] * 5
            assert inbox.calls == [events, ["a"], ["b"]]

    run(scenario())


def test_event_that_makes_the_backend_fail__fails_alone() -> None:
    async def scenario() -> None:
        async with Started() as (recorder, inbox):
            inbox.errors = {each: BackendUnavailable("500") for each in ("bad", "worse")}
            tasks = await begin(recorder, "bad", "a", "worse", "b")
            assert await outcomes(tasks) == ["unavailable", True, "unavailable", True]

    run(scenario())


def test_unforeseen_error__is_no_answer_of_success_and_the_next_call_works() -> None:
    async def scenario() -> None:
        async with Started() as (recorder, inbox):
            inbox.errors = {"a": RuntimeError("a bug")}
            assert await outcomes(await begin(recorder, "a", "b")) == ["failed"] * 2
            assert await recorder.store("c") is True

    run(scenario())


def test_hanging_backend__is_unavailable_after_the_time_limit() -> None:
    async def scenario() -> None:
        async with Started(timeout=0.05) as (recorder, inbox):
            inbox.gate.clear()
            sent = await begin(recorder, "a")
            await inbox.called(1)
            queued = await begin(recorder, "b")
            assert await outcomes([*sent, *queued]) == ["timeout", "timeout"]
            later = await begin(recorder, "c")
            inbox.gate.set()
            assert await outcomes(later) == [True]
            # What nobody waits for any more is not sent: the provider was told to send it again.
            assert inbox.calls == [["a"], ["c"]]

    run(scenario())


@pytest.mark.parametrize("limits", [{"max_waiting_events": 2}, {"max_waiting_bytes": 2}])
def test_full_queue__refuses_and_takes_again_once_there_is_room(limits: dict[str, int]) -> None:
    async def scenario() -> None:
        async with Started(**limits) as (recorder, inbox):
            inbox.gate.clear()
            taken = await begin(recorder, "a")
            await inbox.called(1)
            taken += await begin(recorder, "b", "c")
            assert await outcomes(await begin(recorder, "d")) == ["overloaded"]
            inbox.gate.set()
            assert await outcomes(taken) == [True] * 3
            assert await outcomes(await begin(recorder, "d")) == [True]

    run(scenario())


def test_client_that_goes_away__changes_nothing_for_the_others() -> None:
    async def scenario() -> None:
        async with Started() as (recorder, inbox):
            inbox.gate.clear()
            [sent] = await begin(recorder, "a")
            await inbox.called(1)
            [gone, stays] = await begin(recorder, "b", "c")
            sent.cancel()
            gone.cancel()
            await asyncio.sleep(0)
            inbox.gate.set()
            assert await outcome(stays) is True
            assert inbox.calls == [["a"], ["c"]]

    run(scenario())


def test_close__answers_everything_that_was_taken_and_takes_no_more() -> None:
    async def scenario() -> None:
        async with Started(linger=1, timeout=FOR_EVER) as (recorder, inbox):
            assert await outcomes(await begin(recorder, "x", "y")) == [True, True]
            inbox.gate.clear()
            tasks = await begin(recorder, "a", "b")
            await inbox.called(2)
            tasks += await begin(recorder, "c")
            closing = asyncio.create_task(recorder.close())
            await asyncio.sleep(0)
            assert await outcomes(await begin(recorder, "d")) == ["closing"]
            assert not closing.done()
            inbox.gate.set()
            await closing
            assert await outcomes(tasks) == [True] * 3
            assert "d" not in inbox.stored

    run(scenario())


def test_close__with_nothing_to_do_returns() -> None:
    async def scenario() -> None:
        async with Started():
            return

    run(scenario())
