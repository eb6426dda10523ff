"""What the tests of an operator's commands share: running one, and whom it is about."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from .checkout import Answer

Run = Callable[..., Answer]


@dataclass(frozen=True)
class User:
    id: UUID
    email: str


def well(answer: Answer) -> Answer:
    assert answer.code == 0, answer
    return answer
