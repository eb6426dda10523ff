"""Claiming: batches, drains, outages and the maintenance round."""

import asyncio

import pytest
from pydantic import SecretStr

from edge_workers.errors import BackendUnavailable, ConfigurationError
from edge_workers.handlers.handler import Context
from edge_workers.queue_client import Task
from edge_workers.runner.shutdown import Shutdown

from .backend import Fault
from .bench import Echo, echo, until, work


def test_drain__finishes_all_ready_tasks_and_ends(backend):
    tasks = [backend.enqueue("echo", say=number) for number in range(5)]
    outcomes = work(backend, {"echo": echo}, concurrency=2)
    assert [task.result for task in tasks] == [{"said": number} for number in range(5)]
    assert outcomes == {"done": 5}


def test_drain__leaves_kinds_it_does_not_handle_alone(backend):
    mine, other = backend.enqueue("echo"), backend.enqueue("other")
    work(backend, {"echo": echo})
    assert (mine.state, other.state) == ("done", "ready")


def test_drain__ends_at_once_on_an_empty_queue(backend):
    assert work(backend, {"echo": echo}) == {}


def test_drain__waits_for_the_tasks_that_run_here(backend):
    async def outlast_empty_claims(_task: Task, _context: Context) -> Echo:
        await until(backend, lambda: len(backend.called("claim_tasks")) >= 4)
        return Echo(said="done")

    backend.enqueue("slow")
    assert work(backend, {"slow": outlast_empty_claims}, shutdown_grace_seconds=0) == {"done": 1}


def test_drain__does_not_wait_for_tasks_scheduled_for_later(backend):
    async def fail(_task: Task, _context: Context) -> Echo:
        raise OSError("not today")

    task = backend.enqueue("fail")
    assert work(backend, {"fail": fail}) == {"retry": 1}
    assert task.state == "scheduled"


def test_claim__asks_for_all_free_places_in_one_call(backend):
    for number in range(3):
        backend.enqueue("echo", say=number)
    work(backend, {"echo": echo}, concurrency=8)
    first = backend.called("claim_tasks")[0].params
    assert first == {
        "p_worker": "bench",
        "p_kinds": ["echo"],
        "p_limit": 8,
        "p_lease_seconds": 60,
    }


def test_claim__never_takes_more_than_the_places_that_are_free(backend):
    go = asyncio.Event()

    async def wait(_task: Task, _context: Context) -> Echo:
        await go.wait()
        return Echo(said=None)

    async def look_for_a_while(shutdown: Shutdown) -> None:
        await until(backend, lambda: leased() == 3)
        await until(backend, lambda: len(backend.called("run_maintenance")) >= 10)
        assert leased() == 3
        go.set()
        await until(backend, lambda: all(task.state == "done" for task in tasks))
        shutdown.request("test")

    def leased() -> int:
        return sum(task.state == "leased" for task in tasks)

    tasks = [backend.enqueue("wait") for _ in range(9)]
    work(
        backend,
        {"wait": wait},
        meanwhile=look_for_a_while,
        concurrency=3,
        maintenance_seconds=0.01,
    )


def test_claim__fills_a_place_as_soon_as_it_is_free(backend):
    async def wait_for_all(shutdown: Shutdown) -> None:
        await until(backend, lambda: all(task.state == "done" for task in tasks))
        shutdown.request("test")

    tasks = [backend.enqueue("echo") for _ in range(5)]
    # Only the end of a task can bring the next claim: the pauses outlast the test's deadline.
    patience = {"poll_min_seconds": 1000, "poll_max_seconds": 1000}
    work(backend, {"echo": echo}, meanwhile=wait_for_all, concurrency=1, **patience)


def test_idle_worker__pauses_between_claims(backend):
    async def look_for_a_while(shutdown: Shutdown) -> None:
        await until(backend, lambda: len(backend.called("run_maintenance")) >= 10)
        shutdown.request("test")

    patience = {"poll_min_seconds": 1000, "poll_max_seconds": 1000}
    work(backend, {"echo": echo}, meanwhile=look_for_a_while, maintenance_seconds=0.01, **patience)
    assert len(backend.called("claim_tasks")) == 1


def test_idle_worker__picks_up_a_task_that_comes_later(backend):
    async def later(shutdown: Shutdown) -> None:
        await until(backend, lambda: len(backend.called("claim_tasks")) >= 3)
        task = backend.enqueue("echo", say="late")
        await until(backend, lambda: task.state == "done")
        shutdown.request("test")

    assert work(backend, {"echo": echo}, meanwhile=later) == {"done": 1}


def test_maintenance__runs_before_the_first_claim(backend):
    work(backend, {"echo": echo})
    names = [call.name for call in backend.calls]
    assert names.index("run_maintenance") < names.index("claim_tasks")


def test_maintenance__frees_what_a_dead_worker_held_before_a_drain(backend):
    task = backend.enqueue("echo", say="again")
    backend.answer(
        "claim_tasks", {"p_worker": "dead", "p_kinds": ["echo"], "p_limit": 1, "p_lease_seconds": 0}
    )
    work(backend, {"echo": echo})
    assert (task.state, task.worker, task.attempt) == ("done", "bench", 2)


def test_maintenance__comes_again_while_the_worker_lives(backend):
    async def wait_for_three(shutdown: Shutdown) -> None:
        await until(backend, lambda: len(backend.called("run_maintenance")) >= 3)
        shutdown.request("test")

    work(backend, {"echo": echo}, meanwhile=wait_for_three, maintenance_seconds=0.01)


@pytest.mark.parametrize("fault", [Fault.ERROR_500, Fault.REFUSE, Fault.RESET_BEFORE])
def test_maintenance__failing_keeps_nobody_from_working(backend, fault):
    backend.faults["run_maintenance"].append(fault)
    task = backend.enqueue("echo")
    work(backend, {"echo": echo})
    assert task.state == "done"


def test_outage__is_survived_and_told_once(backend, logged):
    async def kill_and_restart(shutdown: Shutdown) -> None:
        await until(backend, lambda: bool(backend.called("claim_tasks")))
        backend.stop()
        while not logged("backend unavailable"):
            await asyncio.sleep(0)
        task = backend.enqueue("echo", say="after the outage")
        backend.start()
        await until(backend, lambda: task.state == "done")
        shutdown.request("test")

    assert work(backend, {"echo": echo}, meanwhile=kill_and_restart) == {"done": 1}
    assert len(logged("backend unavailable")) == 1
    assert len(logged("backend available again")) == 1


@pytest.mark.parametrize(
    "fault", [Fault.ERROR_500, Fault.RESET_BEFORE, Fault.RESET_AFTER, Fault.GARBAGE]
)
def test_claim__that_goes_wrong_is_repeated(backend, fault):
    backend.faults["claim_tasks"].extend([fault] * 3)
    task = backend.enqueue("echo")
    if fault is Fault.RESET_AFTER:
        # Its answer is lost with the lease in it, so only the reaper can bring the task back.
        work(backend, {"echo": echo}, lease_seconds=0)
        backend.faults.clear()
    work(backend, {"echo": echo})
    assert task.state == "done"


def test_drain__gives_up_on_a_backend_that_stays_away(backend):
    backend.stop()
    with pytest.raises(BackendUnavailable, match="gave up"):
        work(backend, {"echo": echo}, drain_patience_seconds=0.05)


def test_first_claim__refused_is_a_matter_of_configuration(backend):
    backend.faults["claim_tasks"].append(Fault.REFUSE)
    with pytest.raises(ConfigurationError, match="SUPABASE_SECRET_KEY") as caught:
        work(backend, {"echo": echo})
    assert "private" not in str(caught.value)


def test_first_claim__with_a_wrong_key_says_so(backend):
    wrong = SecretStr("sb_secret_of_another_project")
    with pytest.raises(ConfigurationError, match="401: the key is not accepted") as caught:
        work(backend, {"echo": echo}, supabase_secret_key=wrong)
    assert wrong.get_secret_value() not in str(caught.value)


def test_later_claim__refused_is_sat_out_like_an_outage(backend, logged):
    async def refuse_for_a_while(shutdown: Shutdown) -> None:
        await until(backend, lambda: bool(backend.called("claim_tasks")))
        backend.faults["claim_tasks"].extend([Fault.REFUSE] * 3)
        task = backend.enqueue("echo")
        await until(backend, lambda: task.state == "done")
        shutdown.request("test")

    assert work(backend, {"echo": echo}, meanwhile=refuse_for_a_while) == {"done": 1}
    assert len(logged("backend unavailable")) == 1


def test_outage__does_not_delay_a_shutdown(backend, logged):
    async def stop_in_the_outage(shutdown: Shutdown) -> None:
        while not logged("backend unavailable"):
            await asyncio.sleep(0)
        shutdown.request("test")

    backend.stop()
    # The pause is far longer than the test's own deadline.
    patience = {"retry_min_seconds": 1000, "retry_max_seconds": 1000}
    work(backend, {"echo": echo}, meanwhile=stop_in_the_outage, **patience)
