"""`reconcile`: how up to a hundred subscriptions and checkouts of one provider stand there."""

from edge_workers.billing.lookup import Lookup, look_up
from edge_workers.billing.providers import Providers
from edge_workers.handlers.handler import Context
from edge_workers.handlers.provider_trouble import as_task_failure
from edge_workers.queue_client import QueueClient, Task


async def handle(task: Task, context: Context) -> Lookup:
    """Fetch what `worker.subscriptions_to_reconcile` names.

    Raises TaskFailed when the provider is not set up here or refuses our keys, and RetryLater when
    it answers for no subscription at all.
    """
    queue = QueueClient(context.supabase, worker_name="reconcile")
    wanted = await queue.subscriptions_to_reconcile(task)
    with as_task_failure():
        return await look_up(
            Providers(context.billing),
            wanted.provider,
            wanted.subscription_ids,
            [(each.checkout_id, each.kind) for each in wanted.checkouts],
        )
