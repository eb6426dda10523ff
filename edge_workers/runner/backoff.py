"""Growing, jittered pauses, and waiting that a shutdown can interrupt."""

import asyncio
import random


class Backoff:
    """Pauses that double from `first` to `longest` seconds, each shortened by up to a half.

    The jitter keeps workers that lost the same backend from returning to it in step.
    """

    def __init__(self, first: float, longest: float) -> None:
        self._first = first
        self._longest = longest
        self._current = first

    def next_pause(self) -> float:
        """The pause to take now, in seconds; the one after it is longer."""
        pause = self._current
        self._current = min(self._current * 2, self._longest)
        return pause * random.uniform(0.5, 1)

    def reset(self) -> None:
        """Start over: the thing that was waited for has come."""
        self._current = self._first


async def wait_for_event(event: asyncio.Event, seconds: float) -> bool:
    """Wait for the event, at most so long; tells whether it is set."""
    try:
        async with asyncio.timeout(max(seconds, 0)):
            await event.wait()
    except TimeoutError:
        return event.is_set()
    return True
