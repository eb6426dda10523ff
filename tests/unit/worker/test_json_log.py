"""Log lines: one JSON object each, without secrets and without anybody's data."""

import json
import logging
import subprocess
import sys

import pytest
from pydantic import BaseModel

from edge_workers import json_log
from edge_workers.errors import BackendUnavailable
from edge_workers.json_log import describe_exception

PRIVATE = "Jane Roe, 12 Elm Street"


class Form(BaseModel):
    """Something to fill in wrongly."""

    age: int


def caught(action):
    with pytest.raises(Exception) as info:  # noqa: PT011 (any exception is the point)
        action()
    return info.value


def test_line__has_time_level_event_and_fields(logged):
    json_log.info("task done", task_id="t-1", duration_ms=12)
    [line] = logged()
    assert line.pop("ts").endswith("Z")
    assert line == {"level": "info", "event": "task done", "task_id": "t-1", "duration_ms": 12}


def test_secret__is_blotted_out_wherever_it_stands():
    formatter = json_log.JsonFormatter(secrets=["sb_secret_abc"])
    record = logging.LogRecord("edge_workers", logging.INFO, __file__, 1, "sb_secret_abc", (), None)
    record.fields = {"url": "http://x/?key=sb_secret_abc"}
    line = json.loads(formatter.format(record))
    assert (line["event"], line["url"]) == ("[secret]", "http://x/?key=[secret]")


@pytest.mark.parametrize(
    ("template", "arguments", "kept"), [("read %s", (PRIVATE,), "read %s"), (PRIVATE, (), "")]
)
def test_message_of_a_library__is_told_without_what_it_filled_in(template, arguments, kept):
    record = logging.LogRecord("pdf", logging.ERROR, "/x.py", 7, template, arguments, None)
    line = json.loads(json_log.JsonFormatter().format(record))
    assert (line["logger"], line["where"], line["template"]) == ("pdf", "/x.py:7", kept)
    assert PRIVATE not in json.dumps(line)


@pytest.mark.parametrize(
    "action",
    [
        lambda: int(PRIVATE),
        lambda: {}[PRIVATE],
        lambda: Form(age=PRIVATE),
        lambda: json.loads('{"a": ' + PRIVATE),
        lambda: PRIVATE.encode("ascii") + PRIVATE.encode("latin-1") + int(PRIVATE).to_bytes(),
    ],
    ids=["ValueError", "KeyError", "ValidationError", "JSONDecodeError", "nested"],
)
def test_exception__is_described_without_the_value_it_choked_on(action):
    described = describe_exception(caught(action))
    assert described["type"]
    assert described["traceback"]
    assert PRIVATE not in json.dumps(described)


def test_validation_error__tells_the_place_and_the_rule():
    described = describe_exception(caught(lambda: Form(age=PRIVATE)))
    assert described["problems"] == ["('age',): int_parsing"]


def test_our_own_exception__keeps_its_message_and_its_cause():
    def fail() -> None:
        try:
            raise ConnectionResetError
        except ConnectionResetError as error:
            raise BackendUnavailable("claim_tasks: ReadError") from error

    described = describe_exception(caught(fail))
    assert described["message"] == "claim_tasks: ReadError"
    assert described["caused_by"] == ["ConnectionResetError"]


def test_configured_process__writes_only_json_on_stderr():
    program = (
        "import logging, warnings; from edge_workers import json_log\n"
        "json_log.configure(secrets=['hunter2'])\n"
        "warnings.warn('mind the hunter2')\n"
        "logging.getLogger('httpx').info('too much detail')\n"
        "json_log.info('hello')\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0
    library, own = [json.loads(line) for line in done.stderr.splitlines()]
    assert library["event"] == "library message"
    assert own["event"] == "hello"
    assert "hunter2" not in done.stderr
    assert done.stdout == ""
