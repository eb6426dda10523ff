"""One attempt at a task: results, failures, leases, and what is said about them."""

import asyncio

import pytest

from edge_workers.errors import BackendUnavailable, DocumentRejected, RetryLater, TaskFailed
from edge_workers.handlers.handler import Context, Handler
from edge_workers.queue_client import Task
from edge_workers.runner.task_run import NO_ANSWER, OUR_FAULT, TOO_SLOW

from .backend import SECRET_KEY, Backend, Fault
from .bench import Echo, echo, until, work

PRIVATE = "Jane Roe, 12 Elm Street"


def raising(error: Exception) -> Handler:
    async def fail(_task: Task, _context: Context) -> Echo:
        raise error

    return fail


class Endless:
    """A handler that only ends by cancellation, and remembers that it was cancelled."""

    def __init__(self) -> None:
        self.cancelled = False

    async def __call__(self, _task: Task, _context: Context) -> Echo:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        return Echo(said="never")


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (TaskFailed("The file is gone."), "dead"),
        (DocumentRejected("This is a scan."), "dead"),
        (RetryLater("The provider is busy."), "scheduled"),
    ],
)
def test_task_failed__tells_its_user_and_decides_on_another_attempt(backend, error, state):
    task = backend.enqueue("fail")
    work(backend, {"fail": raising(error)})
    assert (task.state, task.error) == (state, str(error))


def test_backend_unavailable_in_a_handler__is_tried_again_without_details(backend):
    task = backend.enqueue("fail")
    work(backend, {"fail": raising(BackendUnavailable("/storage answered 503"))})
    assert (task.state, task.error) == ("scheduled", NO_ANSWER)


@pytest.mark.parametrize("error", [ValueError(PRIVATE), KeyError(PRIVATE), AssertionError(PRIVATE)])
def test_unexpected_error__hides_details_from_the_user_and_from_the_log(backend, logged, error):
    task = backend.enqueue("fail")
    work(backend, {"fail": raising(error)})
    assert (task.state, task.error) == ("scheduled", OUR_FAULT)
    [line] = logged("attempt failed")
    assert line["task_id"] == task.id
    assert line["error"]["type"] == type(error).__name__
    assert any("test_task_run.py" in frame for frame in line["error"]["traceback"])
    assert PRIVATE not in str(logged())


def test_handler_that_cancels_itself__counts_as_our_fault(backend):
    async def cancel(_task: Task, _context: Context) -> Echo:
        raise asyncio.CancelledError

    task = backend.enqueue("cancel")
    work(backend, {"cancel": cancel})
    assert (task.state, task.error) == ("scheduled", OUR_FAULT)


def test_handler_without_a_result__counts_as_our_fault(backend):
    async def nothing(_task: Task, _context: Context) -> Echo:
        return None

    task = backend.enqueue("nothing")
    work(backend, {"nothing": nothing})
    assert (task.state, task.error) == ("scheduled", OUR_FAULT)


def test_one_failing_task__does_not_disturb_the_others(backend):
    backend.enqueue("fail")
    good = [backend.enqueue("echo") for _ in range(3)]
    work(backend, {"fail": raising(ValueError()), "echo": echo}, concurrency=4)
    assert {task.state for task in good} == {"done"}


def test_task_over_its_time__is_stopped_and_tried_again(backend):
    endless = Endless()
    task = backend.enqueue("endless")
    work(backend, {"endless": endless}, task_timeout_seconds=0.05)
    assert (task.state, task.error, endless.cancelled) == ("scheduled", TOO_SLOW, True)


@pytest.mark.parametrize("fault", [Fault.ERROR_500, Fault.RESET_BEFORE, Fault.GARBAGE])
def test_complete__is_repeated_until_it_is_answered(backend, fault):
    backend.faults["complete_task"].extend([fault] * 3)
    task = backend.enqueue("echo", say="kept")
    assert work(backend, {"echo": echo}) == {"done": 1}
    assert task.result == {"said": "kept"}
    assert len(backend.called("complete_task")) == 4


def test_fail__is_repeated_until_it_is_answered(backend):
    backend.faults["fail_task"].extend([Fault.ERROR_500, Fault.RESET_BEFORE])
    task = backend.enqueue("fail")
    assert work(backend, {"fail": raising(TaskFailed("No."))}) == {"dead": 1}
    assert task.error == "No."


def test_complete_with_a_lost_answer__is_not_done_twice(backend):
    backend.faults["complete_task"].append(Fault.RESET_AFTER)
    task = backend.enqueue("echo", say="once")
    # The repetition finds the lease gone, which is all that a worker can know.
    assert work(backend, {"echo": echo}) == {"dropped": 1}
    assert (task.state, task.result) == ("done", {"said": "once"})


def test_complete__ends_with_the_lease(backend):
    backend.faults["complete_task"].extend([Fault.ERROR_500] * 1000)
    task = backend.enqueue("echo")
    assert work(backend, {"echo": echo}, lease_seconds=0.3) == {"undelivered": 1}
    assert task.state == "leased"
    assert not backend.called("fail_task")


def test_result_that_is_refused__fails_with_a_general_sentence(backend, logged):
    backend.faults["complete_task"].append(Fault.REFUSE)
    task = backend.enqueue("echo", say="unwelcome")
    assert work(backend, {"echo": echo}) == {"retry": 1}
    assert task.error == OUR_FAULT
    assert "42501" in str(logged("attempt failed"))
    assert "private" not in str(logged())


def test_stale_result__is_dropped_and_changes_nothing(backend):
    backend.faults["complete_task"].append(Fault.LOSE_LEASE)
    task = backend.enqueue("echo", say="too late")
    assert work(backend, {"echo": echo}) == {"dropped": 1}
    assert (task.state, task.result, task.error) == ("leased", None, None)
    assert not backend.called("fail_task")


def test_stale_failure__is_dropped(backend):
    backend.faults["fail_task"].append(Fault.LOSE_LEASE)
    backend.enqueue("fail")
    assert work(backend, {"fail": raising(TaskFailed("No."))}) == {"dropped": 1}


def test_heartbeat__keeps_a_lease_that_is_shorter_than_the_task(backend):
    async def outlive_the_lease(_task: Task, _context: Context) -> Echo:
        await until(backend, lambda: len(backend.called("extend_lease")) >= 5)
        return Echo(said="still mine")

    task = backend.enqueue("slow")
    assert work(backend, {"slow": outlive_the_lease}, lease_seconds=0.9) == {"done": 1}
    first, *_, last = backend.called("extend_lease")
    # Five beats at each third of 0.9 s: without them the lease would have ended in between.
    assert last.at - first.at > 0.9
    assert task.result == {"said": "still mine"}


def test_heartbeat__survives_failing_calls_within_the_lease(backend, logged):
    async def see_it_mended(_task: Task, _context: Context) -> Echo:
        await until(backend, lambda: len(backend.called("extend_lease")) >= 6)
        return Echo(said="still mine")

    backend.faults["extend_lease"].extend([Fault.ERROR_500, Fault.RESET_BEFORE, Fault.REFUSE])
    backend.enqueue("slow")
    assert work(backend, {"slow": see_it_mended}, lease_seconds=1) == {"done": 1}
    assert len(logged("lease not extended")) == 3


def test_heartbeat__answered_stale_cancels_the_handler_and_reports_nothing(backend):
    endless = Endless()
    backend.faults["extend_lease"].append(Fault.LOSE_LEASE)
    backend.enqueue("endless")
    assert work(backend, {"endless": endless}, lease_seconds=0.3) == {"dropped": 1}
    assert endless.cancelled
    assert not backend.called("complete_task")
    assert not backend.called("fail_task")


@pytest.mark.parametrize("fault", [Fault.ERROR_500, Fault.HANG])
def test_lease__that_cannot_be_extended_ends_the_handler_with_it(backend, fault):
    endless = Endless()
    backend.faults["extend_lease"].extend([fault] * 1000)
    backend.enqueue("endless")
    assert work(backend, {"endless": endless}, lease_seconds=0.3) == {"dropped": 1}
    assert endless.cancelled


def test_log__follows_a_task_by_its_id_and_holds_neither_content_nor_key(
    backend: Backend, logged
) -> None:
    task = backend.enqueue("echo", say=PRIVATE)
    work(backend, {"echo": echo})
    [start] = logged("task started")
    [end] = logged("task done")
    assert start["task_id"] == end["task_id"] == task.id
    assert (end["kind"], end["attempt"], end["level"]) == ("echo", 1, "info")
    assert end["duration_ms"] >= 0
    assert PRIVATE not in str(logged())
    assert SECRET_KEY not in str(logged())
