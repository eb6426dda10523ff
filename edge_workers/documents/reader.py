"""Read an untrusted document in a process of its own, which can be stopped at any time."""

import hashlib
import json
import os
import selectors
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from edge_workers.documents import media_type as media_types
from edge_workers.documents.limits import MEBIBYTE, Limits
from edge_workers.documents.rejections import Rejected, Rejection, message_for
from edge_workers.errors import DocumentRejected

if TYPE_CHECKING:
    from edge_workers.documents.model import ParsedDocument

CHILD = "edge_workers.documents.child"
CHUNK = 64 * 1024
OUT_OF_MEMORY = frozenset({signal.SIGABRT, signal.SIGTRAP, signal.SIGILL, signal.SIGKILL})
"""How a process ends that gets no more memory: PDFium aborts, and a system may kill it."""

BYTES_PER_CHARACTER = 16
"""JSON takes at most so many bytes for a character of text: it may occur twice, escaped."""


def parse_document(data: bytes, *, limits: Limits | None = None) -> "ParsedDocument":
    """Read a résumé from the bytes of a PDF or DOCX.

    The content decides what it is, never a file's name. Raises DocumentRejected, whose message
    tells the user what is wrong and what to do. Reading the same bytes again gives the same result.
    """
    limits = limits or Limits()
    try:
        if len(data) > limits.max_bytes:
            raise Rejected(Rejection.TOO_LARGE, limit=limits.max_bytes // MEBIBYTE)
        media_type = media_types.detect(data)
        answer = _Child(media_type, limits).read(data)
        return _result(answer, data, media_type, limits)
    except Rejected as rejected:
        raise DocumentRejected(message_for(rejected.reason, rejected.blanks)) from rejected


def _result(
    answer: dict[str, Any], data: bytes, media_type: str, limits: Limits
) -> "ParsedDocument":
    """Check the child's answer: a document that took the child over could make it say anything."""
    from pydantic import ValidationError

    from edge_workers.documents.model import ParsedDocument, validated_resume

    text = answer.get("text")
    if not isinstance(text, str) or len(text) > limits.max_characters:
        raise Rejected(Rejection.UNREADABLE)
    try:
        return ParsedDocument(
            resume=validated_resume(answer.get("resume")),
            text=text,
            page_count=answer.get("page_count", 0),
            warnings=answer.get("warnings", []),
            sha256=hashlib.sha256(data).hexdigest(),
            size_bytes=len(data),
            media_type=media_type,
        )
    except ValidationError as error:
        raise Rejected(Rejection.UNREADABLE) from error


class _Child:
    """One run of the reading process."""

    def __init__(self, media_type: str, limits: Limits) -> None:
        self.limits = limits
        self.deadline = time.monotonic() + limits.seconds
        # An isolated interpreter, an empty environment: there is nothing in it to steal.
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-m", CHILD, media_type, json.dumps(asdict(limits))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={"LC_ALL": "C.UTF-8"},
            cwd="/",
            start_new_session=True,
        )

    def read(self, data: bytes) -> dict[str, Any]:
        """Return the child's answer to a document. Raises Rejected if there is none."""
        # Costs time, so it is done while the child reads.
        import edge_workers.documents.model  # noqa: F401

        try:
            output = self._exchange(memoryview(data))
            self.process.wait(timeout=max(0.0, self.deadline - time.monotonic()))
        except (TimeoutError, subprocess.TimeoutExpired):
            raise self._too_slow() from None
        finally:
            self._stop()
        return self._checked(output)

    def _too_slow(self) -> Rejected:
        return Rejected(Rejection.TOO_SLOW, limit=max(1, round(self.limits.seconds)))

    def _exchange(self, data: memoryview) -> bytes:
        """Write the document and read the answer at the same time, neither without an end."""
        assert self.process.stdin is not None and self.process.stdout is not None
        stdin, stdout = self.process.stdin, self.process.stdout
        most = self.limits.max_characters * BYTES_PER_CHARACTER + MEBIBYTE
        output = bytearray()
        for pipe in (stdin, stdout):
            os.set_blocking(pipe.fileno(), False)
        with selectors.DefaultSelector() as selector:
            selector.register(stdin, selectors.EVENT_WRITE)
            selector.register(stdout, selectors.EVENT_READ)
            while selector.get_map():
                left = self.deadline - time.monotonic()
                if left <= 0 or not (events := selector.select(left)):
                    raise TimeoutError
                for key, _ in events:
                    if key.fileobj is stdin:
                        data = self._write_some(data)
                        if not data:
                            selector.unregister(stdin)
                            self._close_stdin()
                    elif chunk := os.read(stdout.fileno(), CHUNK):
                        output += chunk
                    else:
                        selector.unregister(stdout)
                    if len(output) > most:
                        raise Rejected(Rejection.UNREADABLE)
        return bytes(output)

    def _write_some(self, data: memoryview) -> memoryview:
        """Write as much as the pipe takes; a child that has ended takes no more."""
        assert self.process.stdin is not None
        try:
            return data[os.write(self.process.stdin.fileno(), data[:CHUNK]) :]
        except BrokenPipeError:
            return data[:0]

    def _close_stdin(self) -> None:
        assert self.process.stdin is not None
        with suppress(BrokenPipeError):
            self.process.stdin.close()

    def _stop(self) -> None:
        """End the child and all that it may have started."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self._close_stdin()
        if self.process.stdout is not None:
            self.process.stdout.close()

    def _checked(self, output: bytes) -> dict[str, Any]:
        """Return the answer in the output, or raise what the way in which it ended means."""
        if self.process.returncode == -signal.SIGXCPU:
            raise self._too_slow()
        if -self.process.returncode in OUT_OF_MEMORY:
            raise Rejected(Rejection.TOO_MUCH_MEMORY)
        try:
            answer = json.loads(output)
            reason = answer.get("rejected")
            blanks = {str(name): int(number) for name, number in answer.get("blanks", {}).items()}
            rejection = Rejection[reason] if reason else None
        except (ValueError, TypeError, AttributeError, KeyError):
            raise Rejected(Rejection.UNREADABLE) from None
        if rejection is not None:
            raise Rejected(rejection, **blanks)
        return dict(answer)
