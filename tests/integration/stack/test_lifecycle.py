"""Up, down, and everything a person may do in the wrong order."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import psutil
import pytest

from cli.output import CliError, ExitCode
from cli.stack import preflight, processes
from cli.stack.ports import free_base
from cli.stack.supervisor import Stack

from .conftest import (
    WITHOUT_WORKER,
    MakeStack,
    add_migration,
    connect,
    query,
    wait_for,
)

UP = """
import sys
from pathlib import Path
from cli.stack.supervisor import Stack
stack = Stack(root=Path(sys.argv[1]), state_dir=Path(sys.argv[2]), port_base=int(sys.argv[3]))
status = stack.up(
    without=frozenset({"worker"}), on_step=lambda step: print(step, file=sys.stderr, flush=True)
)
print({name: service.pid for name, service in status.services.items()})
"""


def up_elsewhere(stack: Stack, project: Path, port_base: int) -> subprocess.Popen[str]:
    """Start `up` on the same stack in another process; it says its steps on stderr."""
    return subprocess.Popen(
        [sys.executable, "-c", UP, project, stack.layout.state_dir, str(port_base)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def pids(stack: Stack) -> dict[str, int | None]:
    return {name: service.pid for name, service in stack.status().services.items()}


def test_up__starts_everything_migrates_and_seeds(make_stack: MakeStack) -> None:
    steps: list[str] = []
    status = make_stack().up(without=WITHOUT_WORKER, on_step=steps.append)
    assert status.state == "running"
    assert query(status, "select body from public.notes") == [("seeded",)]
    health = httpx.get(
        f"{status.api_url}/auth/v1/health", headers={"apikey": status.publishable_key}
    )
    assert health.status_code == 200
    assert "creating the database" in steps


def test_up__when_all_is_up_changes_nothing(stack: Stack) -> None:
    before = pids(stack)
    steps: list[str] = []
    stack.up(without=WITHOUT_WORKER, on_step=steps.append)
    assert pids(stack) == before
    assert steps == []


def test_down__stops_every_process_and_keeps_data_and_keys(stack: Stack) -> None:
    first = stack.status()
    with connect(first) as connection:
        connection.execute("insert into public.notes values (20, 'mine')")
    running = [pid for pid in pids(stack).values() if pid]
    assert stack.down() is True
    assert not [pid for pid in running if psutil.pid_exists(pid)]
    assert stack.status().state == "stopped"
    again = stack.up(without=WITHOUT_WORKER)
    assert query(again, "select body from public.notes where id = 20") == [("mine",)]
    assert (again.secret_key, again.db_url) == (first.secret_key, first.db_url)


def test_down__while_nothing_runs_is_fine(make_stack: MakeStack) -> None:
    stack = make_stack()
    assert stack.down() is False
    assert not stack.layout.state_dir.exists()
    stack.up(without=WITHOUT_WORKER)
    stack.down()
    assert stack.down() is False


def test_status__needs_no_stack_and_makes_nothing(make_stack: MakeStack) -> None:
    stack = make_stack()
    status = stack.status()
    assert status.state == "stopped"
    assert {service.state for service in status.services.values()} == {"stopped"}
    assert not stack.layout.state_dir.exists()


def test_two_stacks__run_side_by_side_with_their_own_data_and_keys(
    stack: Stack, make_stack: MakeStack
) -> None:
    one = stack.status()
    other = make_stack("other").up(without=WITHOUT_WORKER)
    with connect(one) as connection:
        connection.execute("insert into public.notes values (30, 'one')")
    assert query(other, "select count(*) from public.notes where id = 30") == [(0,)]
    foreign = httpx.get(f"{other.api_url}/rest/v1/", headers={"apikey": one.secret_key})
    assert foreign.status_code == 401
    stack.down()
    assert make_stack("other").status().state == "running"


def test_up__from_two_processes_at_once_makes_one_stack(
    make_stack: MakeStack, project: Path
) -> None:
    stack = make_stack()
    base = stack.status().services["gateway"].port
    assert base is not None
    children = [up_elsewhere(stack, project, base) for _ in range(2)]
    answers = [child.communicate(timeout=60) for child in children]
    assert [child.returncode for child in children] == [0, 0], answers
    assert answers[0][0] == answers[1][0]
    assert "waiting for" in answers[0][1] + answers[1][1]


def test_up__names_the_program_that_has_the_port(stack: Stack) -> None:
    stack.down()
    port = stack.status().services["postgres"].port
    with socket.create_server(("127.0.0.1", port or 0)), pytest.raises(CliError) as caught:
        stack.up(without=WITHOUT_WORKER)
    assert caught.value.code == "port-in-use"
    assert f"(pid {os.getpid()})" in caught.value.message
    assert stack.up(without=WITHOUT_WORKER).state == "running"


def test_up__stops_postgres_again_when_the_gateway_port_is_taken(stack: Stack) -> None:
    stack.down()
    port = stack.status().services["gateway"].port
    with socket.create_server(("127.0.0.1", port or 0)), pytest.raises(CliError) as caught:
        stack.up(without=WITHOUT_WORKER)
    assert caught.value.code == "port-in-use"
    assert stack.status().state == "stopped"
    assert stack.up(without=WITHOUT_WORKER).state == "running"


def test_up__does_not_move_a_running_stack_to_other_ports(stack: Stack) -> None:
    moved = Stack(root=stack.root, state_dir=stack.layout.state_dir, port_base=30003)
    with pytest.raises(CliError) as caught:
        moved.up(without=WITHOUT_WORKER)
    assert caught.value.code == "stack-running"
    assert stack.status().state == "running"


def test_up__moves_a_stopped_stack_to_other_ports_and_remembers_them(make_stack: MakeStack) -> None:
    stack = make_stack()
    old = stack.up(without=WITHOUT_WORKER)
    stack.down()
    base = free_base()
    moved = Stack(root=stack.root, state_dir=stack.layout.state_dir, port_base=base)
    assert moved.up(without=WITHOUT_WORKER).api_url != old.api_url
    later = make_stack().status()
    assert later.api_url == f"http://127.0.0.1:{base}"
    assert query(later, "select count(*) from public.notes") == [(1,)]


def test_up__refuses_to_leave_out_what_cannot_be_left_out(make_stack: MakeStack) -> None:
    with pytest.raises(CliError) as caught:
        make_stack().up(without=frozenset({"postgres", "worker"}))
    assert caught.value.exit_code == ExitCode.USAGE
    assert "postgres" in caught.value.message


def test_up__interrupted_stops_what_it_started_and_can_be_repeated(
    make_stack: MakeStack, project: Path
) -> None:
    stack = make_stack()
    base = stack.status().services["gateway"].port
    assert base is not None
    child = up_elsewhere(stack, project, base)
    assert child.stderr is not None
    wait_for(lambda: "creating roles" in child.stderr.readline(), "Postgres to be up")
    child.send_signal(signal.SIGINT)
    child.communicate(timeout=60)
    assert child.returncode != 0
    assert stack.status().state == "stopped"
    assert not list(stack.layout.run_dir.iterdir())
    assert query(stack.up(without=WITHOUT_WORKER), "select body from public.notes") == [("seeded",)]


def test_up__killed_in_the_middle_is_finished_by_the_next_one(
    make_stack: MakeStack, project: Path
) -> None:
    stack = make_stack()
    base = stack.status().services["gateway"].port
    assert base is not None
    child = up_elsewhere(stack, project, base)
    assert child.stderr is not None
    wait_for(lambda: "creating roles" in child.stderr.readline(), "Postgres to be up")
    child.kill()
    child.communicate(timeout=60)
    assert query(stack.up(without=WITHOUT_WORKER), "select body from public.notes") == [("seeded",)]


def test_up__without_space_touches_nothing(
    make_stack: MakeStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = make_stack()
    monkeypatch.setattr(preflight, "NEW_STACK_BYTES", 2**60)
    with pytest.raises(CliError) as caught:
        stack.up(without=WITHOUT_WORKER)
    assert caught.value.code == "no-disk-space"
    assert not stack.layout.postgres_home.exists()


def test_up__refuses_data_of_another_postgres_and_keeps_it(stack: Stack) -> None:
    stack.down()
    version = stack.layout.postgres_data / "PG_VERSION"
    version.write_text("16\n")
    with pytest.raises(CliError) as caught:
        stack.up(without=WITHOUT_WORKER)
    assert caught.value.code == "postgres-version"
    version.write_text("17\n")
    status = stack.up(without=WITHOUT_WORKER)
    assert query(status, "select body from public.notes where id = 1") == [("seeded",)]


def test_up__with_half_installed_node_modules_says_how_to_mend_them(
    make_stack: MakeStack, project: Path
) -> None:
    (project / "node_modules").unlink()
    (project / "node_modules" / "@supabase").mkdir(parents=True)
    with pytest.raises(CliError) as caught:
        make_stack().up(without=WITHOUT_WORKER)
    assert caught.value.code == "node-modules-incomplete"
    assert "make setup" in caught.value.hint


def test_failing_migration__is_named_and_keeps_what_was_there(stack: Stack) -> None:
    status, project = stack.status(), stack.root
    before = pids(stack)
    add_migration(project, "20260102000000_good.sql", "create table public.good (id int);")
    add_migration(project, "20260103000000_bad.sql", "create table public.bad (id nonsense);")
    with pytest.raises(CliError) as caught:
        stack.up(without=WITHOUT_WORKER)
    assert caught.value.code == "migration-failed"
    assert "20260103000000_bad.sql" in caught.value.message
    assert 'type "nonsense" does not exist' in caught.value.message
    assert stack.status().state == "running"
    assert pids(stack)["postgres"] == before["postgres"]
    assert query(status, "select body from public.notes where id = 1") == [("seeded",)]
    add_migration(project, "20260103000000_bad.sql", "create table public.bad (id integer);")
    stack.up(without=WITHOUT_WORKER)
    assert query(status, "select count(*) from public.good, public.bad") == [(0,)]


def test_failing_migration__at_the_first_up_leaves_nothing_running(
    make_stack: MakeStack, project: Path
) -> None:
    add_migration(project, "20260103000000_bad.sql", "select 1 / 0;")
    stack = make_stack()
    with pytest.raises(CliError, match="division by zero"):
        stack.up(without=WITHOUT_WORKER)
    assert stack.status().state == "stopped"
    add_migration(project, "20260103000000_bad.sql", "select 1;")
    assert stack.up(without=WITHOUT_WORKER).state == "running"


def test_changed_seed__is_applied_again(stack: Stack) -> None:
    status, project = stack.status(), stack.root
    seed = project / "supabase" / "seed.sql"
    seed.write_text("insert into public.notes values (40, 'new seed') on conflict do nothing;")
    stack.up(without=WITHOUT_WORKER)
    assert query(status, "select body from public.notes where id = 40") == [("new seed",)]


def test_new_migration__is_known_to_the_gateway(stack: Stack) -> None:
    status, project = stack.status(), stack.root
    headers = {"apikey": status.secret_key}
    assert httpx.get(f"{status.api_url}/rest/v1/later", headers=headers).status_code == 404
    add_migration(project, "20260104000000_later.sql", "create table public.later (id int);")
    stack.up(without=WITHOUT_WORKER)
    assert httpx.get(f"{status.api_url}/rest/v1/later", headers=headers).json() == []


def test_changed_config__restarts_the_gateway_with_it(stack: Stack) -> None:
    status, project = stack.status(), stack.root
    credentials = {"email": "a@example.org", "password": "ten chars!"}
    config = project / "supabase" / "config.toml"
    config.write_text(config.read_text().replace("length = 8", "length = 30"))
    before = pids(stack)
    stack.up(without=WITHOUT_WORKER)
    assert pids(stack)["gateway"] != before["gateway"]
    assert pids(stack)["postgres"] == before["postgres"]
    refused = httpx.post(
        f"{status.api_url}/auth/v1/signup",
        headers={"apikey": status.publishable_key},
        json=credentials,
    )
    assert refused.status_code == 422
    assert "password" in refused.text.lower()


def test_destroy__leaves_neither_processes_nor_files(make_stack: MakeStack) -> None:
    stack = make_stack()
    stack.up(without=WITHOUT_WORKER)
    place = stack.layout.postgres_home.resolve()
    running = [pid for pid in pids(stack).values() if pid]
    stack.destroy()
    assert not stack.layout.state_dir.exists()
    assert not place.exists()
    assert not [pid for pid in running if psutil.pid_exists(pid)]
    stack.destroy()


def test_logs__are_there_and_hold_no_secret(stack: Stack) -> None:
    stack.down()
    status = stack.up(without=WITHOUT_WORKER)
    text = "".join(processes.tail(file) for file in stack.log_files().values())
    assert "ready to accept connections" in text
    assert "Server running" in text
    assert status.secret_key not in text
    assert status.jwt_secret not in text


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
        moved.up(without=WITHOUT_WORKER, on_step=steps.append)
    assert caught.value.code == "port-in-use"
    assert steps == []
    assert stack.status().api_url == old.api_url
    assert stack.up(without=WITHOUT_WORKER).api_url == old.api_url


def test_first_up__on_taken_ports_can_be_repeated(make_stack: MakeStack) -> None:
    stack = make_stack()
    port = stack.status().services["gateway"].port
    with socket.create_server(("127.0.0.1", port or 0)), pytest.raises(CliError) as caught:
        stack.up(without=WITHOUT_WORKER)
    assert caught.value.code == "port-in-use"
    assert not stack.layout.postgres_home.exists()
    assert stack.up(without=WITHOUT_WORKER).state == "running"


def test_up__with_a_broken_supabase_config_makes_nothing(
    make_stack: MakeStack, project: Path
) -> None:
    stack = make_stack()
    (project / "supabase" / "config.toml").write_text("[api\n")
    with pytest.raises(CliError) as caught:
        stack.up(without=WITHOUT_WORKER)
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
    first = stack.up(without=WITHOUT_WORKER)
    stack.layout.config_file.unlink()
    assert stack.down() is True
    base = free_base()
    again = Stack(root=stack.root, state_dir=stack.layout.state_dir, port_base=base)
    status = again.up(without=WITHOUT_WORKER)
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
    assert stack.up(without=WITHOUT_WORKER).state == "running"
    assert pids(stack) == before
    assert {name: os.environ[name] for name in elsewhere} == elsewhere
