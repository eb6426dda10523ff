"""The process that reads one document: `python -I -m edge_workers.documents.child`.

It takes its limits and the media type as arguments, the document on stdin, and prints one JSON
object on stdout: {"resume", "text", "page_count", "warnings"} or {"rejected", "blanks"}. Before it
touches the document it gives up the right to more memory and time, to files and to new processes.
"""

import json
import resource
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from typing import Any

from edge_workers.documents.furniture import without_furniture
from edge_workers.documents.layout import reading_order
from edge_workers.documents.limits import Limits
from edge_workers.documents.media_type import PDF
from edge_workers.documents.page import Line
from edge_workers.documents.rejections import Rejected, Rejection
from edge_workers.documents.resume import read_resume
from edge_workers.documents.segments import segments_of, usual_weight

MAX_OPEN_FILES = 64

Read = Callable[[bytes, Limits], tuple[list[Line], int]]


def main() -> None:
    """Read the document on stdin under the limits that the arguments give."""
    media_type, limits = sys.argv[1], Limits(**json.loads(sys.argv[2]))
    # Imported before the limits apply, so that Python may still write its byte code cache.
    read = _reader(media_type)
    _limit(limits)
    try:
        answer = _answer(read, sys.stdin.buffer.read(limits.max_bytes + 1), limits)
    except Rejected as rejected:
        answer = {"rejected": rejected.reason.name, "blanks": rejected.blanks}
    except MemoryError:
        answer = {"rejected": Rejection.TOO_MUCH_MEMORY.name, "blanks": {}}
    sys.stdout.buffer.write(json.dumps(answer).encode())


def _reader(media_type: str) -> Read:
    """Return what reads a media type; the other kind's library is not even imported."""
    if media_type == PDF:
        from edge_workers.documents.pdf_reader import read_pdf

        def read_pdf_lines(data: bytes, limits: Limits) -> tuple[list[Line], int]:
            pages = read_pdf(data, limits)
            if all(page.is_picture for page in pages):
                raise Rejected(Rejection.SCANNED)
            weight = usual_weight(pages)
            segments = [segments_of(page, weight) for page in pages]
            return reading_order(without_furniture(pages, segments)), len(pages)

        return read_pdf_lines
    from edge_workers.documents.docx_reader import read_docx

    return read_docx


def _limit(limits: Limits) -> None:
    """Give up rights for the rest of this process. What a system does not know is skipped."""
    seconds = max(1, int(limits.seconds))
    for name, value in (
        ("RLIMIT_AS", (limits.memory_bytes, limits.memory_bytes)),
        ("RLIMIT_DATA", (limits.memory_bytes, limits.memory_bytes)),
        # One second between the signal that names the reason and the one that cannot be caught.
        ("RLIMIT_CPU", (seconds, seconds + 1)),
        ("RLIMIT_CORE", (0, 0)),
        ("RLIMIT_FSIZE", (0, 0)),
        ("RLIMIT_NPROC", (0, 0)),
        ("RLIMIT_NOFILE", (MAX_OPEN_FILES, MAX_OPEN_FILES)),
    ):
        # macOS has no RLIMIT_AS that can be set; the clock and the other limits still hold there.
        with suppress(AttributeError, ValueError, OSError):
            resource.setrlimit(getattr(resource, name), value)


def _answer(read: Read, data: bytes, limits: Limits) -> dict[str, Any]:
    lines, page_count = read(data, limits)
    if not lines:
        raise Rejected(Rejection.NO_TEXT)
    reading = asdict(read_resume(lines))
    reading["text"] = reading["text"][: limits.max_characters]
    return {**reading, "page_count": page_count}


if __name__ == "__main__":
    main()
