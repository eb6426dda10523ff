"""Up, down, and what they do when they are repeated, interrupted or run at the same time."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import httpx
import psutil

from cli.stack import processes
from cli.stack.ports import free_base
from cli.stack.supervisor import Stack

from .conftest import (
    WITHOUT_OWN,
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
    without=frozenset({"worker", "http"}),
    on_step=lambda step: print(step, file=sys.stderr, flush=True),
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
    status = make_stack().up(without=WITHOUT_OWN, on_step=steps.append)
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
    stack.up(without=WITHOUT_OWN, on_step=steps.append)
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
    again = stack.up(without=WITHOUT_OWN)
    assert query(again, "select body from public.notes where id = 20") == [("mine",)]
    assert (again.secret_key, again.db_url) == (first.secret_key, first.db_url)


def test_down__while_nothing_runs_is_fine(make_stack: MakeStack) -> None:
    stack = make_stack()
    assert stack.down() is False
    assert not stack.layout.state_dir.exists()
    stack.up(without=WITHOUT_OWN)
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
    other = make_stack("other").up(without=WITHOUT_OWN)
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


def test_up__moves_a_stopped_stack_to_other_ports_and_remembers_them(make_stack: MakeStack) -> None:
    stack = make_stack()
    old = stack.up(without=WITHOUT_OWN)
    stack.down()
    base = free_base()
    moved = Stack(root=stack.root, state_dir=stack.layout.state_dir, port_base=base)
    assert moved.up(without=WITHOUT_OWN).api_url != old.api_url
    later = make_stack().status()
    assert later.api_url == f"http://127.0.0.1:{base}"
    assert query(later, "select count(*) from public.notes") == [(1,)]


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
    assert query(stack.up(without=WITHOUT_OWN), "select body from public.notes") == [("seeded",)]


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
    assert query(stack.up(without=WITHOUT_OWN), "select body from public.notes") == [("seeded",)]


def test_changed_seed__is_applied_again(stack: Stack) -> None:
    status, project = stack.status(), stack.root
    seed = project / "supabase" / "seed.sql"
    seed.write_text("insert into public.notes values (40, 'new seed') on conflict do nothing;")
    stack.up(without=WITHOUT_OWN)
    assert query(status, "select body from public.notes where id = 40") == [("new seed",)]


def test_new_migration__is_known_to_the_gateway(stack: Stack) -> None:
    status, project = stack.status(), stack.root
    headers = {"apikey": status.secret_key}
    assert httpx.get(f"{status.api_url}/rest/v1/later", headers=headers).status_code == 404
    add_migration(project, "20260104000000_later.sql", "create table public.later (id int);")
    stack.up(without=WITHOUT_OWN)
    assert httpx.get(f"{status.api_url}/rest/v1/later", headers=headers).json() == []


def test_changed_config__restarts_the_gateway_with_it(stack: Stack) -> None:
    status, project = stack.status(), stack.root
    credentials = {"email": "a@example.org", "password": "ten chars!"}
    config = project / "supabase" / "config.toml"
    config.write_text(config.read_text().replace("length = 8", "length = 30"))
    before = pids(stack)
    stack.up(without=WITHOUT_OWN)
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
    stack.up(without=WITHOUT_OWN)
    place = stack.layout.postgres_home.resolve()
    running = [pid for pid in pids(stack).values() if pid]
    stack.destroy()
    assert not stack.layout.state_dir.exists()
    assert not place.exists()
    assert not [pid for pid in running if psutil.pid_exists(pid)]
    stack.destroy()


def test_logs__are_there_and_hold_no_secret(stack: Stack) -> None:
    stack.down()
    status = stack.up(without=WITHOUT_OWN)
    text = "".join(processes.tail(file) for file in stack.log_files().values())
    assert "ready to accept connections" in text
    assert "Server running" in text
    assert status.secret_key not in text
    assert status.jwt_secret not in text
