"""A fresh user of the session's stack."""

from collections.abc import Iterator

import pytest

from cli.stack.status import StackStatus

from .user import User, new_user


@pytest.fixture
def user(stack: StackStatus) -> Iterator[User]:
    with new_user(stack) as signed_in:
        yield signed_in
