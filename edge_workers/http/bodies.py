"""Reading a request's body with a limit, however it is sent."""

import asyncio

from starlette.datastructures import Headers
from starlette.types import Message, Receive, Scope

from edge_workers.http.answers import ApiError

_DISCARD_FACTOR = 4
"""So many times the limit is read and dropped, because a client that still sends hears nothing."""
_CLOSE = {"connection": "close"}


class ClientGone(Exception):
    """The client went away before its request was whole: there is nobody to answer."""


async def read_body(scope: Scope, receive: Receive, *, limit: int, seconds: float) -> bytes:
    """Return the raw body.

    Raises ApiError 413 for more than `limit` bytes, whether or not a length was announced, 408
    when it takes longer than `seconds`, and ClientGone.
    """
    announced = Headers(scope=scope).get("content-length", "")
    most = limit * _DISCARD_FACTOR
    if len(announced) > 12 or (announced.isdigit() and int(announced) > most):
        raise too_large(limit)
    try:
        async with asyncio.timeout(seconds):
            return await _read(receive, limit, most)
    except TimeoutError:
        raise ApiError(
            408, "request-timeout", "The body did not arrive in time.", headers=_CLOSE
        ) from None


async def _read(receive: Receive, limit: int, most: int) -> bytes:
    chunks: list[bytes] = []
    size = 0
    while True:
        message: Message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        chunk = message.get("body", b"")
        size += len(chunk)
        if size <= limit:
            chunks.append(chunk)
        if size > most:
            raise too_large(limit)
        if not message.get("more_body", False):
            break
    if size > limit:
        raise too_large(limit)
    return b"".join(chunks)


def too_large(limit: int) -> ApiError:
    """Return the refusal of a body above `limit` bytes."""
    return ApiError(413, "too-large", f"The body has more than {limit} bytes.", headers=_CLOSE)
