"""Whatever is killed, `status` says so and `up` mends it without losing data."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess

import httpx
import pytest

from cli.stack import processes
from cli.stack.account import postgres_account
from cli.stack.processes import Record
from cli.stack.supervisor import Stack

from .conftest import WITHOUT_OWN, connect, query, wait_for


def record_of(stack: Stack, name: str) -> Record:
    record = processes.load(stack.layout.run_dir, name)
    assert record is not None
    return record


def kill(stack: Stack, name: str) -> Record:
    record = record_of(stack, name)
    os.kill(record.pid, signal.SIGKILL)
    assert processes.wait_gone(record, 5.0)
    return record


@pytest.mark.parametrize("name", ["postgres", "gateway"])
def test_sigkill__shows_in_status_and_is_mended_by_up(stack: Stack, name: str) -> None:
    with connect(stack.status()) as connection:
        connection.execute("insert into public.notes values (50, 'kept') on conflict do nothing")
    killed = kill(stack, name)
    status = stack.status()
    assert status.state == "degraded"
    assert status.services[name].state == "dead"
    assert status.services[name].pid is None
    mended = stack.up(without=WITHOUT_OWN)
    assert mended.state == "running"
    assert mended.services[name].pid != killed.pid
    assert query(mended, "select body from public.notes where id = 50") == [("kept",)]
    rows = httpx.get(
        f"{mended.api_url}/rest/v1/notes",
        params={"id": "eq.50"},
        headers={"apikey": mended.secret_key},
    )
    assert rows.json() == [{"id": 50, "body": "kept"}]


def test_sigkill__of_everything_is_mended_as_well(stack: Stack) -> None:
    for name in ("gateway", "postgres"):
        kill(stack, name)
    assert stack.status().state == "degraded"
    assert stack.up(without=WITHOUT_OWN).state == "running"


def test_postgres__killed_while_clients_are_busy_starts_again(stack: Stack) -> None:
    connections = [connect(stack.status()) for _ in range(5)]
    try:
        for connection in connections:
            connection.execute("create temporary table t as select generate_series(1, 1000)")
        kill(stack, "postgres")
        assert stack.up(without=WITHOUT_OWN).state == "running"
    finally:
        for connection in connections:
            connection.close()


def test_frozen_gateway__is_unresponsive_and_replaced_by_up(stack: Stack) -> None:
    frozen = record_of(stack, "gateway")
    os.kill(frozen.pid, signal.SIGSTOP)
    status = stack.status()
    assert (status.services["gateway"].state, status.state) == ("unresponsive", "degraded")
    assert stack.up(without=WITHOUT_OWN).state == "running"
    assert not processes.is_alive(frozen)


def test_stale_record__of_a_recycled_pid_is_never_signalled(stack: Stack) -> None:
    """The pid in the record now belongs to this very test: it must survive `down` and `up`."""
    kill(stack, "gateway")
    stale = Record("gateway", os.getpid(), "another boot:1")
    processes.save(stack.layout.run_dir, stale)
    assert stack.status().services["gateway"].state == "dead"
    stack.down()
    processes.save(stack.layout.run_dir, stale)
    assert stack.up(without=WITHOUT_OWN).state == "running"


def test_stale_pid_file__with_the_pid_of_another_program_does_not_stop_postgres(
    stack: Stack,
) -> None:
    """Of the same user: Postgres itself knows that a process of another one is no server."""
    kill(stack, "postgres")
    pid_file = stack.layout.postgres_data / "postmaster.pid"
    lines = pid_file.read_text().splitlines()
    account = postgres_account()
    other = subprocess.Popen(
        ["sleep", "600"], cwd="/", **(account.popen_options() if account else {})
    )
    try:
        pid_file.write_text("\n".join([str(other.pid), *lines[1:]]) + "\n")
        assert stack.up(without=WITHOUT_OWN).state == "running"
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_lost_records__do_not_make_a_second_postgres(stack: Stack) -> None:
    running = record_of(stack, "postgres")
    stack_gateway = record_of(stack, "gateway")
    processes.forget(stack.layout.run_dir, "postgres")
    assert stack.status().services["postgres"].state == "dead"
    status = stack.up(without=WITHOUT_OWN)
    assert status.services["postgres"].pid == running.pid
    assert status.services["gateway"].pid == stack_gateway.pid


def test_damaged_records__are_taken_for_none(stack: Stack) -> None:
    stack.down()
    for name in ("postgres", "gateway"):
        (stack.layout.run_dir / f"{name}.json").write_text("{half")
    assert stack.up(without=WITHOUT_OWN).state == "running"


def test_deleted_folders__are_made_again(stack: Stack) -> None:
    stack.down()
    shutil.rmtree(stack.layout.run_dir)
    shutil.rmtree(stack.layout.logs_dir)
    assert stack.up(without=WITHOUT_OWN).state == "running"


def test_half_made_database__is_finished_by_the_next_up(stack: Stack) -> None:
    """As after a crash between the roles and the end of the bootstrap."""
    stack.down()
    marker = stack.layout.postgres_data / "resumebase.bootstrapped"
    marker.unlink()
    status = stack.up(without=WITHOUT_OWN)
    assert status.state == "running"
    assert marker.exists()
    assert query(status, "select count(*) from public.notes where id = 1") == [(1,)]


def test_down__after_a_crash_cleans_up(stack: Stack) -> None:
    kill(stack, "gateway")
    assert stack.down() is True
    assert stack.status().state == "stopped"
    wait_for(lambda: not list(stack.layout.run_dir.iterdir()), "the records to be gone")
    processes.save(stack.layout.run_dir, Record("postgres", os.getpid(), "another boot:1"))
    assert stack.down() is False


@pytest.mark.parametrize("name", ["postgres", "gateway"])
def test_down__finds_a_service_whose_record_was_lost(stack: Stack, name: str) -> None:
    running = record_of(stack, name)
    processes.forget(stack.layout.run_dir, name)
    assert stack.down() is True
    assert not processes.is_alive(running)


def test_up__replaces_a_gateway_whose_record_was_lost(stack: Stack) -> None:
    running = record_of(stack, "gateway")
    processes.forget(stack.layout.run_dir, "gateway")
    assert stack.up(without=WITHOUT_OWN).state == "running"
    assert not processes.is_alive(running)
