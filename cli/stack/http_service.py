"""The HTTP service of a stack: `resumebase webhook serve`, kept as a child."""

from __future__ import annotations

import http.client
import signal
from collections.abc import Mapping

from cli.stack.own_process import OwnProcess

NAME = "http"
START_SECONDS = 30.0
# It answers what it has taken first.
STOP_SIGNALS = ((signal.SIGTERM, 15.0), (signal.SIGKILL, 5.0))


def process(port: int, variables: Mapping[str, str]) -> OwnProcess:
    """Return the service on 127.0.0.1:`port` as it should run."""
    return OwnProcess(
        name=NAME,
        command=("webhook", "serve"),
        variables={
            **variables,
            "RESUMEBASE_HTTP_HOST": "127.0.0.1",
            "RESUMEBASE_HTTP_PORT": str(port),
        },
        is_up=lambda _said: answers(port),
        patience_seconds=START_SECONDS,
        must_answer=True,
    )


def answers(port: int) -> bool:
    """Tell whether the service on `port` is alive."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2.0)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
