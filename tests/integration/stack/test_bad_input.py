"""What may be wrong around a stack: each is said with its fix, and data is kept."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import psutil
import pytest

from cli.output import CliError, ExitCode
from cli.stack import preflight
from cli.stack.ports import free_base
from cli.stack.supervisor import Stack

from .conftest import (
    WITHOUT_OWN,
    MakeStack,
    add_migration,
    query,
)


def pids(stack: Stack) -> dict[str, int | None]:
    return {name: service.pid for name, service in stack.status().services.items()}


def test_up__names_the_program_that_has_the_port(stack: Stack) -> None:
    stack.down()
    port = stack.status().services["postgres"].port
    with socket.create_server(("127.0.0.1", port or 0)), pytest.raises(CliError) as caught:
        stack.up(without=WITHOUT_OWN)
    assert caught.value.code == "port-in-use"
    assert f"(pid {os.getpid()})" in caught.value.message
    assert stack.up(without=WITHOUT_OWN).state == "running"


def test_up__stops_postgres_again_when_the_gateway_port_is_taken(stack: Stack) -> None:
    stack.down()
    port = stack.status().services["gateway"].port
    with socket.create_server(("127.0.0.1", port or 0)), pytest.raises(CliError) as caught:
        stack.up(without=WITHOUT_OWN)
    assert caught.value.code == "port-in-use"
    assert stack.status().state == "stopped"
    assert stack.up(without=WITHOUT_OWN).state == "running"


def test_up__does_not_move_a_running_stack_to_other_ports(stack: Stack) -> None:
    moved = Stack(root=stack.root, state_dir=stack.layout.state_dir, port_base=30003)
    with pytest.raises(CliError) as caught:
        moved.up(without=WITHOUT_OWN)
    assert caught.value.code == "stack-running"
    assert stack.status().state == "running"


def test_up__refuses_to_leave_out_what_cannot_be_left_out(make_stack: MakeStack) -> None:
    with pytest.raises(CliError) as caught:
        make_stack().up(without=frozenset({"postgres", "worker"}))
    assert caught.value.exit_code == ExitCode.USAGE
    assert "postgres" in caught.value.message


def test_up__without_space_touches_nothing(
    make_stack: MakeStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = make_stack()
    monkeypatch.setattr(preflight, "NEW_STACK_BYTES", 2**60)
    with pytest.raises(CliError) as caught:
        stack.up(without=WITHOUT_OWN)
    assert caught.value.code == "no-disk-space"
    assert not stack.layout.postgres_home.exists()


def test_up__refuses_data_of_another_postgres_and_keeps_it(stack: Stack) -> None:
    stack.down()
    version = stack.layout.postgres_data / "PG_VERSION"
    version.write_text("16\n")
    with pytest.raises(CliError) as caught:
        stack.up(without=WITHOUT_OWN)
    assert caught.value.code == "postgres-version"
    version.write_text("17\n")
    status = stack.up(without=WITHOUT_OWN)
    assert query(status, "select body from public.notes where id = 1") == [("seeded",)]


def test_up__with_half_installed_node_modules_says_how_to_mend_them(
    make_stack: MakeStack, project: Path
) -> None:
    (project / "node_modules").unlink()
    (project / "node_modules" / "@supabase").mkdir(parents=True)
    with pytest.raises(CliError) as caught:
        make_stack().up(without=WITHOUT_OWN)
    assert caught.value.code == "node-modules-incomplete"
    assert "make setup" in caught.value.hint


def test_failing_migration__is_named_and_keeps_what_was_there(stack: Stack) -> None:
    status, project = stack.status(), stack.root
    before = pids(stack)
    add_migration(project, "20260102000000_good.sql", "create table public.good (id int);")
    add_migration(project, "20260103000000_bad.sql", "create table public.bad (id nonsense);")
    with pytest.raises(CliError) as caught:
        stack.up(without=WITHOUT_OWN)
    assert caught.value.code == "migration-failed"
    assert "20260103000000_bad.sql" in caught.value.message
    assert 'type "nonsense" does not exist' in caught.value.message
    assert stack.status().state == "running"
    assert pids(stack)["postgres"] == before["postgres"]
    assert query(status, "select body from public.notes where id = 1") == [("seeded",)]
    add_migration(project, "20260103000000_bad.sql", "create table public.bad (id integer);")
    stack.up(without=WITHOUT_OWN)
    assert query(status, "select count(*) from public.good, public.bad") == [(0,)]


def test_failing_migration__at_the_first_up_leaves_nothing_running(
    make_stack: MakeStack, project: Path
) -> None:
    add_migration(project, "20260103000000_bad.sql", "select 1 / 0;")
    stack = make_stack()
    with pytest.raises(CliError, match="division by zero"):
        stack.up(without=WITHOUT_OWN)
    assert stack.status().state == "stopped"
    add_migration(project, "20260103000000_bad.sql", "select 1;")
    assert stack.up(without=WITHOUT_OWN).state == "running"


@pytest.mark.parametrize("service", ["postgres", "gateway"])
def test_up__that_fails_to_move_to_taken_ports_stays_where_it_was(
    stack: Stack, service: str
) -> None:
    stack.down()
    old = stack.status()
    base = free_base()
    moved = Stack(root=stack.root, state_dir=stack.layout.state_dir, port_base=base)
    steps: list[str] = []
    taken = ("127.0.0.1", base + (service == "postgres"))
    with socket.create_server(taken), pytest.raises(CliError) as caught:
        moved.up(without=WITHOUT_OWN, on_step=steps.append)
    assert caught.value.code == "port-in-use"
    assert steps == []
    assert stack.status().api_url == old.api_url
    assert stack.up(without=WITHOUT_OWN).api_url == old.api_url


def test_first_up__on_taken_ports_can_be_repeated(make_stack: MakeStack) -> None:
    stack = make_stack()
    port = stack.status().services["gateway"].port
    with socket.create_server(("127.0.0.1", port or 0)), pytest.raises(CliError) as caught:
        stack.up(without=WITHOUT_OWN)
    assert caught.value.code == "port-in-use"
    assert not stack.layout.postgres_home.exists()
    assert stack.up(without=WITHOUT_OWN).state == "running"


def test_up__with_a_broken_supabase_config_makes_nothing(
    make_stack: MakeStack, project: Path
) -> None:
    stack = make_stack()
    (project / "supabase" / "config.toml").write_text("[api\n")
    with pytest.raises(CliError) as caught:
        stack.up(without=WITHOUT_OWN)
    assert caught.value.code == "supabase-config-invalid"
    assert not stack.layout.state_dir.exists()


@pytest.mark.parametrize("text", ["{half", '{"layout": 99}', '{"layout": 1, "port_base": "x"}'])
def test_down__works_with_a_config_that_cannot_be_used(stack: Stack, text: str) -> None:
    running = [pid for pid in pids(stack).values() if pid]
    config = stack.layout.config_file
    good = config.read_text()
    config.write_text(text)
    try:
        assert stack.down() is True
        assert not [pid for pid in running if psutil.pid_exists(pid)]
        assert config.read_text() == text
        for command in (stack.status, stack.up):
            with pytest.raises(CliError) as caught:
                command()
            assert "resumebase down" in caught.value.hint
    finally:
        config.write_text(good)


def test_config_moved_away__costs_only_the_ports(make_stack: MakeStack) -> None:
    stack = make_stack()
    first = stack.up(without=WITHOUT_OWN)
    stack.layout.config_file.unlink()
    assert stack.down() is True
    base = free_base()
    again = Stack(root=stack.root, state_dir=stack.layout.state_dir, port_base=base)
    status = again.up(without=WITHOUT_OWN)
    assert status.secret_key == first.secret_key
    assert query(status, "select body from public.notes") == [("seeded",)]


def test_libpq_variables__for_another_server_do_not_matter(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    before = pids(stack)
    elsewhere = {
        "PGHOSTADDR": "192.0.2.1",
        "PGSERVICE": "nowhere",
        "PGSERVICEFILE": str(tmp_path / "none"),
        "PGOPTIONS": "-c no.such=1 -c nonsense=1",
        "PGTARGETSESSIONATTRS": "standby",
        "PGSSLMODE": "verify-full",
        "PGREQUIREAUTH": "none",
        "PGCLIENTENCODING": "nonsense",
    }
    for name, value in elsewhere.items():
        monkeypatch.setenv(name, value)
    assert stack.status().state == "running"
    assert stack.up(without=WITHOUT_OWN).state == "running"
    assert pids(stack) == before
    assert {name: os.environ[name] for name in elsewhere} == elsewhere
