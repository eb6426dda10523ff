"""Living through a backend that does not answer: one line when it goes, one when it is back."""

from time import monotonic

from edge_workers import json_log
from edge_workers.runner.backoff import Backoff


class Outage:
    """Knows whether the backend is away, since when, and how long to wait before the next try."""

    def __init__(self, *, first_pause: float, longest_pause: float) -> None:
        self._backoff = Backoff(first_pause, longest_pause)
        self._since: float | None = None

    def lasted(self) -> float:
        """Seconds since the backend was missed first; 0 while it is there."""
        return 0.0 if self._since is None else monotonic() - self._since

    def missed(self, cause: Exception) -> float:
        """The backend did not answer. Gives the seconds to wait before trying again."""
        if self._since is None:
            self._since = monotonic()
            json_log.warning("backend unavailable", cause=str(cause))
        return self._backoff.next_pause()

    def over(self) -> None:
        """The backend answered."""
        if self._since is not None:
            json_log.info("backend available again", outage_seconds=round(self.lasted(), 1))
        self._since = None
        self._backoff.reset()
