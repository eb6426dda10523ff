"""Uvicorn's HTTP/1.1 protocol with limits that it does not have itself.

Uvicorn neither ends a connection whose request line never comes, nor one that sends headers for
ever, and answers some errors as text. Bodies are limited where they are read.
"""

import asyncio
import json
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from edge_workers.settings import HttpSettings


def _raw_answer(status: str, code: str, message: str) -> bytes:
    body = json.dumps({"code": code, "message": message, "hint": ""}).encode()
    head = (
        f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\n"
        f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
    )
    return head.encode() + body


_BAD_REQUEST = _raw_answer("400 Bad Request", "bad-request", "This is no HTTP request.")
_TOO_SLOW = _raw_answer("408 Request Timeout", "request-timeout", "The request did not come.")
_LONG_HEAD = _raw_answer(
    "431 Request Header Fields Too Large", "headers-too-large", "The headers are too long."
)
_TOO_MANY = _raw_answer("503 Service Unavailable", "overloaded", "Too many connections.")


class LimitedProtocol(HttpToolsProtocol):
    """Ends connections that are too many, too slow with their headers, or send too many of them."""

    settings: HttpSettings

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._head_timer: asyncio.TimerHandle | None = None
        self._head_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for a request, unless there are too many connections already."""
        super().connection_made(transport)
        if len(self.connections) > self.settings.max_connections:
            self._end(_TOO_MANY)
            return
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the timer."""
        self._stop_head_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read, and count what is not the body of a request that is being answered."""
        if self.transport.is_closing():
            return
        if not self._is_answering():
            self._head_bytes += len(data)
            self._expect_head()
        super().data_received(data)
        if self._is_answering():
            self._stop_head_timer()
        elif self._head_bytes > self.settings.max_header_bytes:
            self._end(_LONG_HEAD)

    def on_response_complete(self) -> None:
        """Begin to count anew for the next request."""
        self._head_bytes = 0
        super().on_response_complete()

    def send_400_response(self, _msg: str) -> None:
        """Answer what is no HTTP, as JSON."""
        self._end(_BAD_REQUEST)

    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _expect_head(self) -> None:
        if self._head_timer is None:
            seconds = self.settings.header_timeout_seconds
            self._head_timer = self.loop.call_later(seconds, self._end, _TOO_SLOW)

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _end(self, answer: bytes) -> None:
        self._stop_head_timer()
        if not self.transport.is_closing():
            self.transport.write(answer)
            self.transport.close()


def limited_protocol(settings: HttpSettings) -> type[LimitedProtocol]:
    """Return the protocol with the limits of these settings, as Uvicorn wants it: a class."""
    return type("ConfiguredProtocol", (LimitedProtocol,), {"settings": settings})
