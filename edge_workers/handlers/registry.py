"""The task kinds: one per file, and this is the list of them."""

from collections.abc import Mapping
from types import MappingProxyType

from edge_workers.handlers import (
    cancel_subscription,
    purge_account,
    purge_files,
    reconcile,
    resume_parse,
    webhook,
)
from edge_workers.handlers.handler import Handler

HANDLERS: Mapping[str, Handler] = MappingProxyType(
    {
        "cancel_subscription": cancel_subscription.handle,
        "purge_account": purge_account.handle,
        "purge_files": purge_files.handle,
        "reconcile": reconcile.handle,
        "resume_parse": resume_parse.handle,
        "webhook": webhook.handle,
    }
)
