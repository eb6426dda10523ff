"""The worker is a child like the others, on the product's own migrations."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator

import psutil
import pytest

from cli.output import CliError
from cli.stack import processes
from cli.stack.ports import free_base
from cli.stack.processes import Record
from cli.stack.supervisor import Stack

from .conftest import REPOSITORY, WITHOUT_WORKER, MakeStack


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    stack = Stack(
        root=REPOSITORY,
        state_dir=tmp_path_factory.mktemp("product") / "state",
        port_base=free_base(),
    )
    stack.up()
    yield stack
    stack.destroy()


def worker_of(stack: Stack) -> Record:
    record = processes.load(stack.layout.run_dir, "worker")
    assert record is not None
    return record


def test_worker__runs_and_says_so_in_its_log(product: Stack) -> None:
    status = product.up()
    assert status.state == "running"
    assert status.services["worker"].state == "running"
    events = [json.loads(line) for line in product.log_files()["worker"].read_text().splitlines()]
    started = [event for event in events if event["event"] == "worker started"]
    assert started[-1]["supabase_url"] == status.api_url


def test_worker__gets_its_key_by_environment_only(product: Stack) -> None:
    status = product.up()
    process = psutil.Process(worker_of(product).pid)
    assert status.secret_key not in " ".join(process.cmdline())
    assert process.environ()["SUPABASE_SECRET_KEY"] == status.secret_key
    assert status.secret_key not in product.log_files()["worker"].read_text()


def test_worker__killed_is_dead_in_status_and_mended_by_up(product: Stack) -> None:
    killed = worker_of(product)
    os.kill(killed.pid, signal.SIGKILL)
    assert processes.wait_gone(killed, 5.0)
    assert product.status().state == "degraded"
    assert product.status().services["worker"].state == "dead"
    assert product.up().state == "running"
    assert worker_of(product).pid != killed.pid


def test_worker__left_out_is_stopped_and_the_rest_runs_on(product: Stack) -> None:
    product.up()
    before = product.status()
    after = product.up(without=WITHOUT_WORKER)
    assert after.services["worker"].state == "stopped"
    assert after.state == "running"
    assert after.services["gateway"].pid == before.services["gateway"].pid
    assert product.up().services["worker"].state == "running"


def test_worker__runs_again_after_reset(product: Stack) -> None:
    before = product.up().services["worker"].pid
    after = product.reset()
    assert after.services["worker"].state == "running"
    assert after.services["worker"].pid != before


def test_down__lets_the_worker_end_by_itself(product: Stack) -> None:
    product.up()
    product.down()
    last = json.loads(product.log_files()["worker"].read_text().splitlines()[-1])
    assert last["event"] == "worker stopped"
    assert product.status().state == "stopped"


def test_worker__that_ends_at_once_fails_up_with_its_words(
    make_stack: MakeStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RESUMEBASE_WORKER_CONCURRENCY", "many")
    stack = make_stack()
    with pytest.raises(CliError) as caught:
        stack.up()
    assert caught.value.code == "worker-failed"
    assert "concurrency" in caught.value.message.lower()
    assert "--without worker" in caught.value.hint
    assert stack.status().state == "stopped"
