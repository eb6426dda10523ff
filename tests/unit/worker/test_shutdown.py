"""Stopping: running tasks finish within the grace period or are handed back, none is lost."""

import asyncio

from edge_workers.handlers.handler import Context
from edge_workers.queue_client import Task
from edge_workers.runner.shutdown import Shutdown

from .backend import Fault
from .bench import Echo, echo, until, work


async def endless(_task: Task, _context: Context) -> Echo:
    await asyncio.Event().wait()
    return Echo(said="never")


def test_shutdown__lets_a_running_task_finish_within_the_grace_period(backend):
    started, stopping = asyncio.Event(), asyncio.Event()

    async def finish_when_stopping(_task: Task, _context: Context) -> Echo:
        started.set()
        await stopping.wait()
        return Echo(said="in time")

    async def stop(shutdown: Shutdown) -> None:
        await started.wait()
        shutdown.request("test")
        stopping.set()

    task = backend.enqueue("slow")
    assert work(backend, {"slow": finish_when_stopping}, meanwhile=stop) == {"done": 1}
    assert task.result == {"said": "in time"}


def test_shutdown__hands_back_what_outlasts_the_grace_period(backend):
    async def stop(shutdown: Shutdown) -> None:
        await until(backend, lambda: all(task.state == "leased" for task in tasks))
        shutdown.request("test")

    tasks = [backend.enqueue("endless") for _ in range(3)]
    outcomes = work(backend, {"endless": endless}, meanwhile=stop, shutdown_grace_seconds=0.05)
    assert outcomes == {"released": 3}
    assert [(task.state, task.attempt) for task in tasks] == [("ready", 0)] * 3


def test_shutdown__claims_nothing_more(backend):
    async def stop(shutdown: Shutdown) -> None:
        await until(backend, lambda: running.state == "leased")
        shutdown.request("test")

    running = backend.enqueue("endless")
    waiting = backend.enqueue("endless")
    work(
        backend,
        {"endless": endless},
        meanwhile=stop,
        concurrency=1,
        shutdown_grace_seconds=0.05,
    )
    assert (waiting.state, waiting.worker) == ("ready", None)


def test_shutdown__hands_back_what_a_claim_under_way_still_brings(backend):
    async def stop(shutdown: Shutdown) -> None:
        await until(backend, lambda: len(backend.called("claim_tasks")) == 1)
        shutdown.request("test")
        backend.let_go.set()

    backend.faults["claim_tasks"].append(Fault.HANG)
    task = backend.enqueue("echo")
    assert work(backend, {"echo": echo}, meanwhile=stop) == {"released": 1}
    assert (task.state, task.attempt) == ("ready", 0)


def test_shutdown__keeps_leases_alive_during_the_grace_period(backend):
    started = asyncio.Event()

    async def outlive_the_lease(_task: Task, _context: Context) -> Echo:
        started.set()
        await until(backend, lambda: len(backend.called("extend_lease")) >= 5)
        return Echo(said="kept")

    async def stop(shutdown: Shutdown) -> None:
        await started.wait()
        shutdown.request("test")

    backend.enqueue("slow")
    outcomes = work(backend, {"slow": outlive_the_lease}, meanwhile=stop, lease_seconds=0.9)
    assert outcomes == {"done": 1}


def test_shutdown__in_an_outage_ends_although_nothing_can_be_handed_back(backend):
    async def stop(shutdown: Shutdown) -> None:
        await until(backend, lambda: task.state == "leased")
        backend.stop()
        shutdown.request("test")

    task = backend.enqueue("endless")
    outcomes = work(backend, {"endless": endless}, meanwhile=stop, shutdown_grace_seconds=0.05)
    assert outcomes == {"undelivered": 1}
