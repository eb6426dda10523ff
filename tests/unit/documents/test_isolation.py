"""A document is read in a process that can do no harm and cannot go on for ever."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict

import psutil
import pytest

from edge_workers.documents import Limits, parse_document, reader
from edge_workers.documents.media_type import PDF
from edge_workers.documents.rejections import Rejected
from edge_workers.errors import DocumentRejected

from . import made

ONLY_LINUX = pytest.mark.skipif(sys.platform != "linux", reason="asks the kernel about limits")
SIMPLE = made.pdf_of_lines(["Jane Doe", "jane@example.com"])


@pytest.fixture
def child() -> Iterator[reader._Child]:
    child = reader._Child(PDF, Limits())
    yield child
    child._stop()


def test_the_child__has_no_secrets_in_its_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SUPABASE_SECRET_KEY", "sb_secret_do_not_tell")
    child = reader._Child(PDF, Limits())
    try:
        environment = psutil.Process(child.process.pid).environ()
    finally:
        child._stop()
    assert "sb_secret_do_not_tell" not in environment.values()
    assert set(environment) <= {"LC_ALL"}


def test_the_child__has_a_session_of_its_own(child: reader._Child) -> None:
    assert os.getsid(child.process.pid) == child.process.pid != os.getsid(0)


def test_the_child__does_not_import_what_it_does_not_need() -> None:
    code = (
        "import sys; from edge_workers.documents import child; child._reader(sys.argv[1]);"
        "print(*sys.modules)"
    )
    command = [sys.executable, "-I", "-c", code, PDF]
    modules = subprocess.run(command, capture_output=True, check=True, text=True).stdout.split()
    assert "pypdfium2" in modules
    assert not {"pydantic", "supabase", "httpx", "docx", "lxml", "typer"} & set(modules)


@ONLY_LINUX
def test_the_child__is_limited_before_it_reads() -> None:
    limits = Limits(seconds=7, memory_bytes=512 * 1024 * 1024)
    command = [sys.executable, "-I", "-m", reader.CHILD, PDF, json.dumps(asdict(limits))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        proc = psutil.Process(process.pid)
        deadline = time.monotonic() + 20
        # It waits for its input once it is limited.
        while proc.rlimit(psutil.RLIMIT_NOFILE)[0] > 64 and time.monotonic() < deadline:
            os.sched_yield()
        assert proc.rlimit(psutil.RLIMIT_AS) == (limits.memory_bytes, limits.memory_bytes)
        assert proc.rlimit(psutil.RLIMIT_CPU) == (7, 8)
        assert proc.rlimit(psutil.RLIMIT_FSIZE) == (0, 0)
        assert proc.rlimit(psutil.RLIMIT_CORE) == (0, 0)
        process.communicate(SIMPLE)
        assert process.returncode == 0


def test_a_child_that_takes_too_long__is_killed_and_the_user_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    started: list[subprocess.Popen[bytes]] = []
    start = subprocess.Popen

    def stopped(*arguments: object, **options: object) -> subprocess.Popen[bytes]:
        process = start(*arguments, **options)  # type: ignore[call-overload]
        os.kill(process.pid, signal.SIGSTOP)
        started.append(process)
        return process

    monkeypatch.setattr(reader.subprocess, "Popen", stopped)
    with pytest.raises(DocumentRejected, match="longer than 1 seconds"):
        parse_document(SIMPLE, limits=Limits(seconds=0.5))
    assert started[0].returncode == -signal.SIGKILL


@ONLY_LINUX
def test_a_document_that_needs_too_much_memory__is_rejected() -> None:
    limits = Limits(memory_bytes=200 * 1024 * 1024)
    with pytest.raises(DocumentRejected, match="more memory"):
        parse_document(made.flate_bomb(300), limits=limits)


@pytest.mark.parametrize(
    "output",
    [
        b"",
        b"[]",
        b"no json",
        b'{"rejected": "NO_SUCH_REASON"}',
        b'{"rejected": "TOO_MANY_PAGES", "blanks": {"count": "many"}}',
    ],
)
def test_an_answer_that_makes_no_sense__is_a_rejection(child: reader._Child, output: bytes) -> None:
    child._stop()
    child.process.returncode = 0
    with pytest.raises(Rejected):
        child._checked(output)


def test_an_answer_with_foreign_fields__is_a_rejection() -> None:
    answer = {"resume": {"is_admin": True}, "text": "x", "page_count": 1, "warnings": []}
    with pytest.raises(Rejected):
        reader._result(answer, SIMPLE, PDF, Limits())


def test_documents_read_at_the_same_time__do_not_disturb_each_other() -> None:
    people = ["Jane Doe", "John Smith", "Ada Lovelace", "Alan Turing"]
    with ThreadPoolExecutor(4) as pool:
        documents = [made.pdf_of_lines([name, "a@example.com"]) for name in people]
        names = [parsed.resume["basics"]["name"] for parsed in pool.map(parse_document, documents)]
    assert names == people
