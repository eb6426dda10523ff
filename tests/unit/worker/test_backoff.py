"""Pauses: they grow to a bound, differ between workers, and start over."""

import asyncio

from edge_workers.runner.backoff import Backoff, wait_for_event


def test_pauses__double_up_to_the_longest_with_at_most_half_taken_off():
    backoff = Backoff(1, 8)
    pauses = [backoff.next_pause() for _ in range(6)]
    for pause, full in zip(pauses, [1, 2, 4, 8, 8, 8], strict=True):
        assert full / 2 <= pause <= full


def test_pauses__differ_between_two_workers():
    assert [Backoff(1, 8).next_pause() for _ in range(2)] != [1.0, 1.0]
    assert len({Backoff(1, 8).next_pause() for _ in range(20)}) > 1


def test_reset__starts_over():
    backoff = Backoff(1, 8)
    for _ in range(5):
        backoff.next_pause()
    backoff.reset()
    assert backoff.next_pause() <= 1


def test_wait_for_event__ends_with_the_event_or_with_the_time():
    async def run() -> tuple[bool, bool]:
        event = asyncio.Event()
        too_early = await wait_for_event(event, 0.001)
        event.set()
        return too_early, await wait_for_event(event, 1000)

    assert asyncio.run(run()) == (False, True)
