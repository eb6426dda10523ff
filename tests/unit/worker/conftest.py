"""What the worker tests share: a backend that may misbehave, and the lines a worker logs."""

import io
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from edge_workers.json_log import JsonFormatter

from .backend import SECRET_KEY, Backend


@pytest.fixture
def backend() -> Iterator[Backend]:
    running = Backend()
    yield running
    running.let_go.set()
    running.stop()


@pytest.fixture
def logged() -> Iterator[Callable[..., list[dict[str, Any]]]]:
    """A function that gives the log lines of one event, or all, as a process would write them."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter(secrets=[SECRET_KEY]))
    logger = logging.getLogger("edge_workers")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)

    def lines(event: str | None = None) -> list[dict[str, Any]]:
        parsed = [json.loads(line) for line in stream.getvalue().splitlines()]
        return [line for line in parsed if event is None or line["event"] == event]

    yield lines
    logger.removeHandler(handler)
