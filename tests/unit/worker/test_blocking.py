"""Blocking calls: off the event loop, with their errors, and without delaying the exit."""

import asyncio
import subprocess
import sys
import threading

import pytest

from edge_workers.handlers.blocking import run_blocking


def test_run_blocking__gives_the_result_from_another_thread():
    async def run() -> int:
        return await run_blocking(threading.get_ident)

    assert asyncio.run(run()) != threading.get_ident()


def test_run_blocking__passes_arguments_and_raises_what_the_call_raises():
    async def run() -> int:
        return await run_blocking(int, "zz", base=16)

    with pytest.raises(ValueError, match="invalid literal"):
        asyncio.run(run())


def test_run_blocking__cancelled_leaves_the_call_behind():
    release, ended = threading.Event(), threading.Event()

    def block() -> None:
        release.wait(10)
        ended.set()

    async def run() -> None:
        task = asyncio.create_task(run_blocking(block))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(run())
    assert not ended.is_set()
    # Its report finds the loop closed, which must not raise in the thread.
    release.set()
    assert ended.wait(10)


def test_run_blocking__does_not_hold_the_process_back_from_ending():
    program = (
        "import asyncio, threading\n"
        "from edge_workers.handlers.blocking import run_blocking\n"
        "async def main():\n"
        "    task = asyncio.create_task(run_blocking(threading.Event().wait))\n"
        "    await asyncio.sleep(0)\n"
        "    task.cancel()\n"
        "asyncio.run(main())\n"
    )
    done = subprocess.run([sys.executable, "-c", program], timeout=20, capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")
