"""A flood of refusals is a few lines, and none of it is forgotten."""

from collections.abc import Callable
from typing import Any

import pytest

from edge_workers import json_log
from edge_workers.http.sparing_log import PERIOD_SECONDS, SparingLog


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    monkeypatch.setattr(json_log, "warning", lambda _event, **fields: found.append(fields))
    return found


@pytest.fixture
def moment() -> dict[str, float]:
    return {"now": 0.0}


@pytest.fixture
def log(moment: dict[str, float]) -> SparingLog:
    clock: Callable[[], float] = lambda: moment["now"]  # noqa: E731
    return SparingLog(clock)


def test_flood__is_one_line_a_period_that_counts_the_others(
    log: SparingLog, moment: dict[str, float], lines: list[dict[str, Any]]
) -> None:
    for _ in range(5):
        log.warning("refused", "wrong", code="wrong")
    moment["now"] = PERIOD_SECONDS
    log.warning("refused", "wrong", code="wrong")
    moment["now"] = 3 * PERIOD_SECONDS
    log.warning("refused", "wrong", code="wrong")
    assert lines == [{"code": "wrong"}, {"code": "wrong", "left_out": 4}, {"code": "wrong"}]


def test_other_key__has_a_line_of_its_own(log: SparingLog, lines: list[dict[str, Any]]) -> None:
    log.warning("refused", "wrong", code="wrong")
    log.warning("refused", "stale", code="stale")
    assert [line["code"] for line in lines] == ["wrong", "stale"]
