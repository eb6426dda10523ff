"""The handler of `resume_parse`: its file, its limits, its result."""

import hashlib
import io
import uuid
from typing import Any

import docx
import pytest

from edge_workers.errors import DocumentRejected, TaskFailed
from edge_workers.handlers import resume_parse
from edge_workers.handlers.registry import HANDLERS
from edge_workers.runner.task_run import NO_ANSWER, OUR_FAULT

from .backend import Backend, Fault
from .bench import work
from .fake_queue import Queued

USER = str(uuid.uuid4())


def document(*paragraphs: str) -> bytes:
    written = docx.Document()
    for paragraph in paragraphs:
        written.add_paragraph(paragraph)
    buffer = io.BytesIO()
    written.save(buffer)
    return buffer.getvalue()


RESUME = document(
    "Jane Roe",
    "jane.roe@example.com | +1 555 010 9999",
    "Experience",
    "Engineer, Acme Corporation, January 2019 - March 2022",
    "Built bridges.",
    "Skills",
    "Python, SQL, statics",
)


def upload(backend: Backend, data: bytes | None, *, folder: str = USER) -> str:
    path = f"{folder}/{uuid.uuid4()}.docx"
    if data is not None:
        backend.files[f"resumes/{path}"] = data
    return path


def request(backend: Backend, path: str, **payload: Any) -> Queued:
    queued = {"resume_id": str(uuid.uuid4()), "file_path": path, "file_name": "cv.docx"}
    return backend.enqueue("resume_parse", user_id=USER, **{**queued, **payload})


def test_document__becomes_json_resume_and_text(backend):
    task = request(backend, upload(backend, RESUME))
    assert work(backend, HANDLERS) == {"done": 1}
    assert task.result["parsed_data"]["basics"]["email"] == "jane.roe@example.com"
    assert "Built bridges." in task.result["extracted_text"]
    assert task.result["file_sha256"] == hashlib.sha256(RESUME).hexdigest()
    assert task.result["file_size_bytes"] == len(RESUME)
    assert isinstance(task.result["warnings"], list)
    assert set(task.result) == set(resume_parse.Result.model_fields)


def test_document_without_a_name__is_read_as_well(backend):
    task = request(backend, upload(backend, RESUME), file_name=None)
    work(backend, HANDLERS)
    assert task.state == "done"


def test_missing_file__is_told_to_its_user_and_not_tried_again(backend):
    task = request(backend, upload(backend, None))
    work(backend, HANDLERS)
    assert (task.state, task.error) == (
        "dead",
        "The file is no longer there. Upload it again.",
    )


@pytest.mark.parametrize(
    "data",
    [b"", b"just text", b"%PDF-1.7\nbroken", b"x" * (10 * 1024 * 1024 + 1), document()],
    ids=["empty", "no document", "broken", "too large", "without text"],
)
def test_unreadable_file__is_rejected_with_a_sentence_for_its_user(backend, data):
    task = request(backend, upload(backend, data))
    work(backend, HANDLERS)
    assert task.state == "dead"
    assert task.error
    assert task.error.endswith(".")
    assert task.error != OUR_FAULT


def test_rejection__is_a_task_failure_that_no_other_attempt_can_mend():
    assert issubclass(DocumentRejected, TaskFailed)
    assert not DocumentRejected.retryable


def test_folder_of_another_user__is_never_opened(backend):
    path = upload(backend, RESUME, folder=str(uuid.uuid4()))
    task = request(backend, path)
    work(backend, HANDLERS)
    assert task.state == "dead"
    assert not backend.called("download")


@pytest.mark.parametrize(
    "path",
    [
        f"{USER}/../{uuid.uuid4()}/{uuid.uuid4()}.pdf",
        f"{USER}/%2e%2e/{uuid.uuid4()}.pdf",
        f"{USER}/{uuid.uuid4()}.exe",
        f"{USER}/{uuid.uuid4()}.pdf\n",
        "",
    ],
)
def test_path_out_of_shape__is_never_opened(backend, path):
    task = request(backend, path)
    work(backend, HANDLERS)
    assert (task.state, task.error) == ("scheduled", OUR_FAULT)
    assert not backend.called("download")


@pytest.mark.parametrize("fault", [Fault.ERROR_500, Fault.RESET_BEFORE])
def test_storage_without_an_answer__leads_to_another_attempt(backend, fault):
    backend.faults["download"].append(fault)
    task = request(backend, upload(backend, RESUME))
    work(backend, HANDLERS)
    assert (task.state, task.error) == ("scheduled", NO_ANSWER)


def test_storage_that_refuses__is_our_fault(backend, logged):
    backend.faults["download"].append(Fault.REFUSE)
    task = request(backend, upload(backend, RESUME))
    work(backend, HANDLERS)
    assert (task.state, task.error) == ("scheduled", OUR_FAULT)
    assert "private" not in str(logged())


def test_log__holds_nothing_of_the_document(backend, logged):
    request(backend, upload(backend, RESUME))
    work(backend, HANDLERS)
    for words in ("Jane", "Acme", "example.com", "cv.docx"):
        assert words not in str(logged())
