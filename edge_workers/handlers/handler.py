"""What a task handler is given and what it gives."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from pydantic import BaseModel
from supabase import AsyncClient

from edge_workers.queue_client import Task
from edge_workers.settings import BillingSettings, Settings


@dataclass(frozen=True)
class Context:
    """What all handlers share: the Supabase client of the worker, its settings, and the accounts at
    the payment providers, of which there may be none."""

    supabase: AsyncClient
    settings: Settings
    billing: BillingSettings = field(default_factory=BillingSettings)


# A handler returns the result that completes the task, or raises: TaskFailed with a message for
# the user, RetryLater if another attempt may help, BackendUnavailable as it comes. Anything else
# counts as our own fault: the user reads a general sentence, and the queue tries again. A handler
# may be cancelled at any await and may run twice for one task, so it leaves no half-done effects.
Handler: TypeAlias = Callable[[Task, Context], Awaitable[BaseModel]]
