"""What the service counts, in a registry of its own."""

from collections import Counter as Counts
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.process_collector import ProcessCollector

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
_EVENTS = (1, 2, 5, 10, 20, 50, 100, 200, 500)


class Metrics:
    """Counters of one running service."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.outcomes: Counts[str] = Counts()
        """How many webhooks ended in which way, over all providers."""
        self._webhooks = Counter(
            "resumebase_webhooks",
            "Webhooks by provider and outcome: stored, duplicate, refused, unavailable.",
            ["provider", "outcome"],
            registry=self.registry,
        )
        self._refusals = Counter(
            "resumebase_webhook_refusals",
            "Webhooks that were not stored, by the code of the answer.",
            ["provider", "code"],
            registry=self.registry,
        )
        self._seconds = Histogram(
            "resumebase_webhook_duration_seconds",
            "From the first byte of a webhook's headers being read to its answer.",
            ["provider"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._call_events = Histogram(
            "resumebase_inbox_call_events",
            "Events that shared one call to the inbox.",
            buckets=_EVENTS,
            registry=self.registry,
        )
        self._call_seconds = Histogram(
            "resumebase_inbox_call_seconds",
            "How long calls to the inbox took.",
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._waiting = Gauge(
            "resumebase_inbox_waiting_events",
            "Events that wait for a call to the inbox.",
            registry=self.registry,
        )
        ProcessCollector(registry=self.registry)

    def count_webhook(self, provider: str, outcome: str, seconds: float, code: str = "") -> None:
        """Count an answer; `code` when the event was not stored."""
        self.outcomes[outcome] += 1
        self._webhooks.labels(provider, outcome).inc()
        self._seconds.labels(provider).observe(seconds)
        if code:
            self._refusals.labels(provider, code).inc()

    def count_call(self, events: int, seconds: float) -> None:
        """Count a call to the inbox, successful or not."""
        self._call_events.observe(events)
        self._call_seconds.observe(seconds)

    def watch_waiting(self, waiting: Callable[[], int]) -> None:
        """Ask `waiting` for the number of queued events whenever somebody looks."""
        self._waiting.set_function(waiting)

    def render(self) -> bytes:
        """Return all of it in Prometheus' text format."""
        return generate_latest(self.registry)
