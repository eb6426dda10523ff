"""The task kinds: one per file, and this is the list of them."""

from collections.abc import Mapping
from types import MappingProxyType

from edge_workers.handlers import resume_parse
from edge_workers.handlers.handler import Handler

HANDLERS: Mapping[str, Handler] = MappingProxyType(
    {
        "resume_parse": resume_parse.handle,
    }
)
