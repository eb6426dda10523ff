"""Calling code that blocks without stopping the event loop, and without delaying the exit."""

import asyncio
import threading
from collections.abc import Callable
from functools import partial
from typing import ParamSpec, TypeVar

_P = ParamSpec("_P")
_T = TypeVar("_T")


async def run_blocking(function: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
    """Run `function` in a thread of its own and give what it gives.

    Unlike `asyncio.to_thread`, the thread is a daemon: when the await is cancelled and the process
    ends, as at a shutdown, nobody waits for the call to come back.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[_T] = loop.create_future()
    call = partial(function, *args, **kwargs)
    threading.Thread(
        target=_run, args=(call, future, loop), name=function.__name__, daemon=True
    ).start()
    return await future


def _run(
    call: Callable[[], _T], future: asyncio.Future[_T], loop: asyncio.AbstractEventLoop
) -> None:
    report: Callable[[], None]
    try:
        report = partial(future.set_result, call())
    except BaseException as error:
        report = partial(future.set_exception, error)

    def report_if_wanted() -> None:
        if not future.done():
            report()

    try:
        loop.call_soon_threadsafe(report_if_wanted)
    except RuntimeError:
        # The loop was closed meanwhile: there is nobody left to tell.
        return
