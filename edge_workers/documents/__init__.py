"""Reads résumés: bytes → pages → lines → reading order → sections → JSON Resume.

    from edge_workers.documents import parse_document
    parsed = parse_document(data)        # ParsedDocument, or DocumentRejected for the user

The names are imported when first used: the reading process imports this package too, and must not
pay for pydantic.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edge_workers.documents.limits import Limits
    from edge_workers.documents.model import ParsedDocument
    from edge_workers.documents.reader import parse_document
    from edge_workers.errors import DocumentRejected

__all__ = ["DocumentRejected", "Limits", "ParsedDocument", "parse_document"]

_MODULES = {
    "DocumentRejected": "edge_workers.errors",
    "Limits": "edge_workers.documents.limits",
    "ParsedDocument": "edge_workers.documents.model",
    "parse_document": "edge_workers.documents.reader",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_MODULES[name]), name)
