"""Free ports for the stacks of tests."""

import socket
from contextlib import ExitStack

PORTS_OF_A_STACK = 3


def free_port_base() -> int:
    """Return the first of three ports in a row that nobody uses on loopback."""
    while True:
        with ExitStack() as probes:
            first = probes.enter_context(socket.socket())
            first.bind(("127.0.0.1", 0))
            base = int(first.getsockname()[1])
            try:
                for offset in range(1, PORTS_OF_A_STACK):
                    probes.enter_context(socket.socket()).bind(("127.0.0.1", base + offset))
            except (OSError, OverflowError):
                continue
            return base
