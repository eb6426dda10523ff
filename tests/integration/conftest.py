"""People who use the product through its API, and a worker that serves them."""

from collections.abc import Iterator

import pytest

from cli.demo.user import DemoUser
from cli.stack.status import StackStatus


@pytest.fixture
def nobody(stack: StackStatus) -> Iterator[DemoUser]:
    """A client that has not signed in."""
    with DemoUser(stack.api_url, stack.publishable_key) as visitor:
        yield visitor


@pytest.fixture
def user(stack: StackStatus) -> Iterator[DemoUser]:
    with DemoUser(stack.api_url, stack.publishable_key) as someone:
        someone.sign_up("Ada")
        yield someone


@pytest.fixture
def stranger(stack: StackStatus) -> Iterator[DemoUser]:
    with DemoUser(stack.api_url, stack.publishable_key) as someone:
        someone.sign_up("Mallory")
        yield someone
