"""Structured logs: one JSON object per line on stderr.

Every line has `ts`, `level` and `event`; lines about a task add `task_id`, `kind` and `attempt`.
Nothing that a user wrote and no secret may reach a log, so exceptions are described by
`describe_exception`, which repeats a message only where it cannot quote data.
"""

import json
import logging
import sys
import traceback
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any, TextIO

import httpx
from pydantic import ValidationError

from edge_workers.errors import ResumebaseError

_logger = logging.getLogger("edge_workers")

# Their messages name code, addresses and the system's answers. ValueError, KeyError and the like
# quote the value they choked on, which may be a line of somebody's résumé.
_QUOTABLE = (
    ResumebaseError,
    OSError,
    httpx.TransportError,
    ImportError,
    AttributeError,
    NameError,
    TypeError,
    ArithmeticError,
    MemoryError,
    RecursionError,
)


class JsonFormatter(logging.Formatter):
    """Renders a record as one line of JSON and blots out the given secrets wherever they stand."""

    def __init__(self, *, secrets: Iterable[str] = ()) -> None:
        super().__init__()
        self._secrets = tuple(secret for secret in secrets if secret)

    def format(self, record: logging.LogRecord) -> str:
        moment = datetime.fromtimestamp(record.created, UTC)
        line: dict[str, Any] = {
            "ts": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
        }
        fields = getattr(record, "fields", None)
        if fields is None:
            # A library's template, not what it filled in: that could be anything.
            place = f"{record.pathname}:{record.lineno}"
            line |= {"event": "library message", "logger": record.name, "where": place}
            line["template"] = str(record.msg) if record.args else ""
        else:
            line |= {"event": record.getMessage(), **fields}
        if record.exc_info and record.exc_info[1] is not None:
            line["error"] = describe_exception(record.exc_info[1])
        text = json.dumps(line, ensure_ascii=False, default=str)
        for secret in self._secrets:
            text = text.replace(secret, "[secret]")
        return text


def configure(*, secrets: Iterable[str] = (), stream: TextIO | None = None) -> None:
    """Send everything this process logs to `stream` (stderr by default) as JSON lines."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter(secrets=secrets))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    _logger.setLevel(logging.INFO)
    logging.captureWarnings(True)


def info(event: str, **fields: Any) -> None:
    """Log something that is as it should be."""
    _logger.info(event, extra={"fields": fields})


def warning(event: str, **fields: Any) -> None:
    """Log something that went wrong and mends itself."""
    _logger.warning(event, extra={"fields": fields})


def error(event: str, *, exception: BaseException | None = None, **fields: Any) -> None:
    """Log something that somebody should look at, with the exception's traceback if given."""
    _logger.error(event, exc_info=exception, extra={"fields": fields})


def describe_exception(exception: BaseException) -> dict[str, Any]:
    """Type, place and causes of an exception, without any value from a document or a row."""
    described: dict[str, Any] = {"type": type(exception).__qualname__}
    if isinstance(exception, ValidationError):
        # The places only: a place is a field's name, an input is what the user sent.
        details = exception.errors(include_input=False, include_url=False, include_context=False)
        described["problems"] = [f"{each['loc']}: {each['type']}" for each in details[:10]]
    elif isinstance(exception, _QUOTABLE):
        described["message"] = str(exception)
    described["traceback"] = [
        f"{frame.filename}:{frame.lineno} {frame.name}"
        for frame in traceback.extract_tb(exception.__traceback__)
    ]
    causes = list(_causes(exception))
    if causes:
        described["caused_by"] = [type(cause).__qualname__ for cause in causes]
    return described


def _causes(exception: BaseException) -> Iterator[BaseException]:
    seen = {id(exception)}
    cause = exception.__cause__ or exception.__context__
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        yield cause
        cause = cause.__cause__ or cause.__context__
