"""From a user's upload to a parsed résumé, over the real stack and with real worker processes."""

import hashlib
import json
import signal
from pathlib import Path

import pytest

from tests.integration.processes import SHORT_LEASE, SlowGateway, drain, wait_until, worker_process
from tests.unit.documents.made import encrypted_pdf, scanned_pdf

from .documents import resume_document, upload_resume

EXAMPLE = Path(__file__).parents[3] / "examples" / "resumes" / "backend-engineer.pdf"
RESUME = resume_document(
    "Jane Roe",
    "jane.roe@example.com | +1 555 010 9999",
    "Experience",
    "Engineer, Acme Corporation, January 2019 - March 2022",
    "Skills",
    "Python, SQL, statics",
)


def test_uploaded_pdf__is_read_and_counts_one_use(stack, user):
    data = EXAMPLE.read_bytes()
    resume_id = upload_resume(user, data, ".pdf")
    before = user.allowance()["used"]
    user.request_parse(resume_id)
    assert user.resume(resume_id)["parse_status"] == "pending"
    lines = drain(stack)
    row = user.resume(resume_id)
    assert (row["parse_status"], row["parse_error"]) == ("completed", None)
    assert row["parsed_data"]["basics"]["email"]
    assert row["parsed_data"]["basics"]["email"] in row["extracted_text"]
    assert row["file_sha256"] == hashlib.sha256(data).hexdigest()
    assert row["file_size_bytes"] == len(data)
    assert user.allowance()["used"] - before == 1
    assert [line["event"] for line in lines][0] == "worker started"
    assert row["parsed_data"]["basics"]["email"] not in json.dumps(lines)


def test_uploaded_docx__is_read(stack, user):
    resume_id = upload_resume(user, RESUME)
    user.request_parse(resume_id)
    drain(stack, "--kinds", "resume_parse", "--concurrency", "2")
    row = user.resume(resume_id)
    assert row["parse_status"] == "completed"
    assert row["parsed_data"]["basics"]["email"] == "jane.roe@example.com"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"%PDF-1.7\nnot really", "damaged"),
        (scanned_pdf(), "scan"),
        (encrypted_pdf(), "password"),
        (b"GIF89a, no document at all", "PDF or DOCX"),
    ],
    ids=["broken", "scan", "encrypted", "no document"],
)
def test_unreadable_file__fails_with_a_reason_and_gives_the_use_back(stack, user, data, reason):
    resume_id = upload_resume(user, data, ".pdf")
    before = user.allowance()["used"]
    user.request_parse(resume_id)
    assert user.allowance()["used"] - before == 1
    drain(stack)
    row = user.resume(resume_id)
    assert row["parse_status"] == "failed"
    assert reason in row["parse_error"]
    assert row["parse_error"].endswith(".")
    assert row["parsed_data"] is None
    assert user.allowance()["used"] == before


def test_deleted_file__fails_with_a_reason(stack, user):
    resume_id = upload_resume(user, RESUME)
    user.request_parse(resume_id)
    user.client.storage.from_("resumes").remove([user.resume(resume_id)["file_path"]])
    drain(stack)
    row = user.resume(resume_id)
    assert row["parse_error"] == "The file is no longer there. Upload it again."


def test_tasks_of_several_users__each_reach_their_owner(stack, user, stranger):
    wanted = {}
    for person, name in ((user, "one"), (stranger, "two")):
        document = resume_document("Jo Roe", f"{name}@example.com", "Skills", "Python, SQL")
        wanted[name] = (person, upload_resume(person, document))
        person.request_parse(wanted[name][1])
    drain(stack, "--concurrency", "4")
    for name, (person, resume_id) in wanted.items():
        parsed = person.resume(resume_id)["parsed_data"]
        assert parsed["basics"]["email"] == f"{name}@example.com"


def test_killed_worker__leaves_its_task_to_the_next(stack, user):
    resume_id = upload_resume(user, RESUME)
    before = user.allowance()["used"]
    user.request_parse(resume_id)
    with SlowGateway(stack).running() as slow:
        with worker_process(stack, url=slow.url, **SHORT_LEASE) as victim:
            assert slow.holding.wait(30)
            victim.kill()
            victim.wait()
        assert user.resume(resume_id)["parse_status"] == "processing"
        with worker_process(stack, **SHORT_LEASE):
            wait_until(lambda: user.resume(resume_id)["parse_status"] == "completed")
    assert user.allowance()["used"] - before == 1


def test_worker_that_wakes_up_after_its_lease__changes_nothing(stack, user):
    resume_id = upload_resume(user, RESUME)
    user.request_parse(resume_id)
    with (
        SlowGateway(stack).running() as slow,
        worker_process(stack, url=slow.url, **SHORT_LEASE) as sleeper,
    ):
        assert slow.holding.wait(30)
        sleeper.send_signal(signal.SIGSTOP)
        with worker_process(stack, **SHORT_LEASE):
            wait_until(lambda: user.resume(resume_id)["parse_status"] == "completed")
        finished = user.resume(resume_id)
        slow.let_go.set()
        sleeper.send_signal(signal.SIGCONT)
        sleeper.terminate()
        _, errors = sleeper.communicate(timeout=30)
    assert user.resume(resume_id) == finished
    events = [json.loads(line)["event"] for line in errors.splitlines()]
    assert "task dropped" in events
    assert "task done" not in events


def test_stopped_worker__hands_its_task_back_without_using_up_an_attempt(stack, user):
    resume_id = upload_resume(user, RESUME)
    user.request_parse(resume_id)
    with SlowGateway(stack).running() as slow:
        grace = {"RESUMEBASE_WORKER_SHUTDOWN_GRACE_SECONDS": "0"}
        with worker_process(stack, url=slow.url, **grace) as process:
            assert slow.holding.wait(30)
            process.terminate()
            _, errors = process.communicate(timeout=30)
    assert process.returncode == 0, errors
    assert user.resume(resume_id)["parse_status"] == "pending"
    [released] = [
        each for each in map(json.loads, errors.splitlines()) if "released" in each["event"]
    ]
    after = [line for line in drain(stack) if line.get("task_id") == released["task_id"]]
    assert [(line["event"], line["attempt"]) for line in after] == [
        ("task started", 1),
        ("task done", 1),
    ]


@pytest.mark.parametrize("key", ["publishable_key", "secret_key"])
def test_key_that_does_not_fit__ends_the_worker_with_an_explanation(stack, key):
    wrong = getattr(stack, key) if key == "publishable_key" else "sb_secret_of_another_project"
    with worker_process(stack, SUPABASE_SECRET_KEY=wrong) as process:
        _, errors = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "SUPABASE_SECRET_KEY" in errors
    assert wrong not in errors


def test_unknown_kind__is_refused_with_the_known_ones(stack):
    with worker_process(stack, "--kinds", "resume_parse,dishes") as process:
        _, errors = process.communicate(timeout=30)
    assert process.returncode != 0
    assert "dishes" in errors
    assert "resume_parse" in errors
