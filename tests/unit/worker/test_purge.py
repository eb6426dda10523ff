"""The handlers of `purge_account` and `purge_files`: what they remove, and when they do not."""

import uuid

import pytest

from edge_workers.handlers.purging import BATCH_SIZE, Purged
from edge_workers.handlers.registry import HANDLERS
from edge_workers.runner.task_run import NO_ANSWER, OUR_FAULT

from .backend import Backend, Fault
from .bench import work
from .fake_queue import Queued

USER = str(uuid.uuid4())
KINDS = ("purge_account", "purge_files")


def store(backend: Backend, bucket: str, count: int, *, folder: str = USER) -> list[str]:
    paths = [f"{bucket}/{folder}/{uuid.uuid4()}.pdf" for _ in range(count)]
    backend.files.update(dict.fromkeys(paths, b"data"))
    return paths


def purge(backend: Backend, kind: str = "purge_account") -> Queued:
    """Queue a purge as the database does: the task is nobody's, its payload says whose files."""
    task = backend.enqueue(kind)
    task.payload["user_id"] = USER
    return task


@pytest.fixture
def task(backend: Backend) -> Queued:
    return purge(backend)


@pytest.mark.parametrize("kind", KINDS)
def test_files__are_removed_from_every_bucket_and_no_other_folder(backend, kind):
    mine = store(backend, "resumes", 2) + store(backend, "avatars", 1)
    others = store(backend, "resumes", 1, folder=str(uuid.uuid4()))
    task = purge(backend, kind)
    assert work(backend, HANDLERS) == {"done": 1}
    assert task.result == {"status": "purged", "removed": len(mine)}
    assert list(backend.files) == others
    assert set(task.result) == set(Purged.model_fields)


def test_many_files__are_removed_in_batches(backend, task):
    store(backend, "exports", BATCH_SIZE + 1)
    work(backend, HANDLERS)
    assert [len(call.params["names"]) for call in backend.called("remove")] == [BATCH_SIZE, 1]
    assert task.result["removed"] == BATCH_SIZE + 1


def test_account_without_files__needs_no_storage(backend, task):
    work(backend, HANDLERS)
    assert task.result == {"status": "purged", "removed": 0}
    assert not backend.called("remove")


def test_account_that_is_kept__keeps_its_files(backend, task):
    paths = store(backend, "resumes", 1)
    backend.is_kept = True
    work(backend, HANDLERS)
    assert task.result == {"status": "kept", "removed": 0}
    assert list(backend.files) == paths
    assert not backend.called("remove")


@pytest.mark.parametrize(
    "fault", [Fault.ERROR_500, Fault.RESET_BEFORE, Fault.RESET_AFTER], ids=lambda f: f.name
)
def test_storage_without_an_answer__leads_to_another_attempt(backend, task, fault):
    store(backend, "resumes", 1)
    backend.faults["remove"].append(fault)
    work(backend, HANDLERS)
    assert (task.state, task.error) == ("scheduled", NO_ANSWER)
    task.state = "ready"
    work(backend, HANDLERS)
    assert (task.state, task.result["status"], backend.files) == ("done", "purged", {})


def test_storage_that_refuses__is_our_fault(backend, task, logged):
    store(backend, "resumes", 1)
    backend.faults["remove"].append(Fault.REFUSE)
    work(backend, HANDLERS)
    assert (task.state, task.error) == ("scheduled", OUR_FAULT)
    assert "private" not in str(logged())


def test_files_that_stay__end_the_attempt_instead_of_turning_in_circles(backend, task):
    paths = store(backend, "resumes", 2)
    backend.immovable = {paths[0]}
    work(backend, HANDLERS)
    assert (task.state, task.error) == ("scheduled", OUR_FAULT)
    assert list(backend.files) == [paths[0]]


def test_lost_lease__removes_nothing(backend):
    purge(backend)
    paths = store(backend, "resumes", 1)
    backend.faults["files_to_purge"].append(Fault.LOSE_LEASE)
    assert work(backend, HANDLERS) == {"dropped": 1}
    assert list(backend.files) == paths


def test_log__names_no_file(backend, logged):
    purge(backend)
    [path] = store(backend, "resumes", 1)
    work(backend, HANDLERS)
    assert path.rpartition("/")[2] not in str(logged())
