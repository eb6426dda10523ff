"""What becomes of a task when a payment provider does not do what it is asked."""

from collections.abc import Iterator
from contextlib import contextmanager

from edge_workers.billing.changes import MalformedEvent
from edge_workers.billing.provider_errors import ProviderError, ProviderUnavailable
from edge_workers.errors import RetryLater, TaskFailed


@contextmanager
def as_task_failure() -> Iterator[None]:
    """Turn trouble with a provider into RetryLater if it may pass, into TaskFailed if not."""
    try:
        yield
    except ProviderUnavailable as error:
        raise RetryLater(str(error)) from None
    except ProviderError as error:
        raise TaskFailed(f"{error} {error.hint}".strip()) from None
    except MalformedEvent:
        raise TaskFailed("The provider sent a subscription that is not as documented.") from None
