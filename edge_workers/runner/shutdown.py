"""Stopping in two steps: finish what runs, then hand back what is left."""

import asyncio
import signal

from edge_workers import json_log

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Shutdown:
    """Two events: `requested` (claim nothing more) and `hand_back` (the grace period is over)."""

    def __init__(self) -> None:
        self.requested = asyncio.Event()
        self.hand_back = asyncio.Event()

    def request(self, reason: str) -> None:
        """Ask the worker to stop; asking twice is asking once."""
        if not self.requested.is_set():
            json_log.info("shutdown requested", reason=reason)
            self.requested.set()

    def listen_to_signals(self) -> None:
        """Let SIGTERM and SIGINT ask for a shutdown; the second signal ends the process at once."""
        loop = asyncio.get_running_loop()
        for each in _SIGNALS:
            loop.add_signal_handler(each, self._on_signal, each)

    def _on_signal(self, received: signal.Signals) -> None:
        loop = asyncio.get_running_loop()
        for each in _SIGNALS:
            loop.remove_signal_handler(each)
            # The kernel itself answers the second signal, even if this loop should be stuck.
            signal.signal(each, signal.SIG_DFL)
        self.request(received.name)
