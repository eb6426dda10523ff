"""Warnings that anybody can provoke, a few at a time: a flood must not fill the disk."""

import time
from collections.abc import Callable
from typing import Any

from edge_workers import json_log

PERIOD_SECONDS = 1.0


class SparingLog:
    """Logs at most one line per key and period, and says in the next how many it left out.

    Keys come from a small set of our own making.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._until: dict[tuple[str, ...], float] = {}
        self._left_out: dict[tuple[str, ...], int] = {}

    def warning(self, event: str, *key: str, **fields: Any) -> None:
        """Log a warning about `key`, or count it."""
        now = self._clock()
        whole = (event, *key)
        if now < self._until.get(whole, 0):
            self._left_out[whole] = self._left_out.get(whole, 0) + 1
            return
        self._until[whole] = now + PERIOD_SECONDS
        if left_out := self._left_out.pop(whole, 0):
            fields["left_out"] = left_out
        json_log.warning(event, **fields)
