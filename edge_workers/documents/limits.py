"""How much of the machine one document may use."""

from dataclasses import dataclass

MEBIBYTE = 1024 * 1024


@dataclass(frozen=True)
class Limits:
    """What a document may cost before it is rejected.

    A résumé needs a few pages, some thousand characters, a tenth of a second and about 100 MiB;
    these limits leave room for a hundred times that and still protect the worker.
    """

    max_bytes: int = 10 * MEBIBYTE
    """Size of the file; the same as the storage bucket's limit."""
    max_pages: int = 30
    max_characters: int = 200_000
    """Characters of text in the whole document."""
    seconds: float = 20.0
    """Time on the clock; the processor time is limited to the same."""
    memory_bytes: int = 768 * MEBIBYTE
    """Address space of the reading process."""
    max_unpacked_bytes: int = 64 * MEBIBYTE
    """What the members of a DOCX may unpack to, all together."""
    max_members: int = 2_000
    """Members of a DOCX package."""
