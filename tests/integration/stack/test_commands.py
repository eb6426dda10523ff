"""`resumebase up|down|status|reset` as a person or a script calls them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from cli.stack import processes
from cli.stack.ports import free_base
from cli.stack.supervisor import Stack

from .conftest import WITHOUT_OWN, add_migration, make_project, wait_for

KEYS = [
    *("env", "state", "api_url", "db_url", "publishable_key", "secret_key", "jwt_secret"),
    *("webhooks_url", "services", "webhook_secrets"),
]


class Running:
    """A command under way, with what it has said so far."""

    def __init__(self, command: list[str], root: Path, env: dict[str, str], files: Path) -> None:
        self._out, self._err = files / "stdout", files / "stderr"
        with self._out.open("w") as out, self._err.open("w") as err:
            self.child = subprocess.Popen(
                command, cwd=root, env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=err
            )

    @property
    def out(self) -> str:
        return self._out.read_text()

    @property
    def err(self) -> str:
        return self._err.read_text()

    def wait(self) -> int:
        return self.child.wait(120)


class Shell:
    """A project to stand in, and a state directory of its own."""

    def __init__(self, folder: Path) -> None:
        self.root = make_project(folder / "project")
        self.port_base = free_base()
        self._folder = folder
        self.stack = Stack(root=self.root, state_dir=folder / "state", port_base=self.port_base)

    @contextmanager
    def start(self, *words: str) -> Iterator[Running]:
        variables = {k: v for k, v in os.environ.items() if not k.startswith("RESUMEBASE_")}
        state_dir = {"RESUMEBASE_STATE_DIR": str(self.stack.layout.state_dir), "NO_COLOR": "1"}
        command = [sys.executable, "-m", "cli.main", *words]
        running = Running(command, self.root, {**variables, **state_dir}, self._folder)
        try:
            yield running
        finally:
            running.child.kill()
            running.child.wait()

    def run(self, *words: str) -> tuple[int, str, str]:
        with self.start(*words) as running:
            return running.wait(), running.out, running.err

    def up(self, *words: str) -> tuple[int, str, str]:
        ports = ("--port-base", str(self.port_base))
        return self.run("up", "--without", "worker,http", *ports, *words)


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    made = Shell(tmp_path_factory.mktemp("commands"))
    yield made
    made.stack.destroy()


@pytest.fixture
def fresh_shell(tmp_path: Path) -> Iterator[Shell]:
    made = Shell(tmp_path)
    yield made
    made.stack.destroy()


def error_of(stderr: str) -> dict[str, Any]:
    """Return the JSON error on the last line of stderr; notes may stand before it."""
    found = json.loads(stderr.strip().splitlines()[-1])
    assert list(found) == ["code", "message", "hint"]
    return dict(found)


def test_up_json__prints_the_contract_and_nothing_else_on_stdout(shell: Shell) -> None:
    code, out, _err = shell.up("--json")
    assert code == 0
    found = json.loads(out)
    assert list(found) == KEYS
    assert found["env"] == "local"
    assert found["state"] == "running"
    assert set(found["services"]) == {"postgres", "gateway", "worker", "http"}
    for name in ("worker", "http"):
        assert found["services"][name]["state"] == "stopped"
    assert set(found["webhook_secrets"]) == {"razorpay", "stripe"}
    assert found["api_url"] == f"http://127.0.0.1:{shell.port_base}"
    assert found["webhooks_url"] == f"http://127.0.0.1:{shell.port_base + 2}"
    assert f"@127.0.0.1:{shell.port_base + 1}/postgres" in found["db_url"]


def test_status_json__is_the_same_as_of_up(shell: Shell) -> None:
    _code, from_up, _err = shell.up("--json")
    code, from_status, err = shell.run("status", "--json")
    assert (code, err) == (0, "")
    assert json.loads(from_status) == json.loads(from_up)


def test_status__masks_secrets_unless_asked(shell: Shell) -> None:
    secret = json.loads(shell.up("--json")[1])["secret_key"]
    _code, masked, _err = shell.run("status")
    assert "running" in masked
    assert secret not in masked
    assert "sb_secret_…" in masked
    _code, shown, _err = shell.run("status", "--show-secrets")
    assert secret in shown


def test_up__twice_says_nothing_new(shell: Shell) -> None:
    shell.up()
    code, out, err = shell.up()
    assert (code, err) == (0, "")
    assert "running" in out


def test_unknown_service__is_a_usage_error(shell: Shell) -> None:
    code, _out, err = shell.run("up", "--without", "gatewya", "--json")
    assert code == 2
    assert error_of(err)["code"] == "unknown-service"
    assert "gatewya" in error_of(err)["message"]


def test_reset__without_yes_and_without_a_terminal_changes_nothing(shell: Shell) -> None:
    shell.up()
    code, out, err = shell.run("reset", "--json")
    assert (code, out) == (3, "")
    assert error_of(err)["code"] == "not-confirmed"
    assert shell.stack.status().state == "running"


def test_reset__with_yes_rebuilds(shell: Shell) -> None:
    shell.up()
    code, out, _err = shell.run("reset", "--yes", "--json")
    assert code == 0
    assert json.loads(out)["state"] == "running"


def test_failing_migration__exits_with_the_message_of_postgres(shell: Shell) -> None:
    shell.up()
    broken = shell.root / "supabase" / "migrations" / "20260102000000_broken.sql"
    add_migration(shell.root, broken.name, "alter table public.nowhere add column x integer;")
    try:
        code, out, err = shell.up("--json")
    finally:
        broken.unlink()
    assert (code, out) == (1, "")
    assert error_of(err)["code"] == "migration-failed"
    assert 'relation "public.nowhere" does not exist' in error_of(err)["message"]
    assert broken.name in error_of(err)["message"]


def test_foreign_directory__is_refused(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    code, _out, err = shell.run("up", "--state-dir", str(tmp_path), "--json")
    assert code == 1
    assert error_of(err)["code"] == "state-dir-foreign"


def test_other_environment__is_not_started_by_accident(shell: Shell) -> None:
    file = shell.root / "resumebase.toml"
    before = file.read_text()
    file.write_text(f'{before}\n[environments.box]\nkind = "docker"\n')
    try:
        code, _out, err = shell.run("up", "--env", "box", "--json")
    finally:
        file.write_text(before)
    assert code == 2
    assert error_of(err)["code"] == "not-embedded"


def test_down__says_whether_anything_ran(shell: Shell) -> None:
    shell.up()
    assert json.loads(shell.run("down", "--json")[1]) == {"stopped": True}
    code, out, _err = shell.run("down")
    assert (code, out) == (0, "nothing was running\n")


@pytest.fixture
def attached(fresh_shell: Shell) -> Iterator[Running]:
    """Give an `up --foreground` whose stack is up."""
    words = ("up", "--foreground", "--json", "--without", "worker,http")
    with fresh_shell.start(*words, "--port-base", str(fresh_shell.port_base)) as running:
        wait_for(lambda: running.out.endswith("}\n"), "the stack to be up")
        yield running


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_foreground__shows_logs_and_stops_everything_at_a_signal(
    fresh_shell: Shell, attached: Running, number: signal.Signals
) -> None:
    assert list(json.loads(attached.out)) == KEYS
    wait_for(lambda: "postgres | " in attached.err, "the log of Postgres")
    assert fresh_shell.stack.status().state == "running"
    attached.child.send_signal(number)
    assert attached.wait() == 0, attached.err
    assert fresh_shell.stack.status().state == "stopped"


def test_foreground__ends_when_a_service_dies(fresh_shell: Shell, attached: Running) -> None:
    gateway = processes.load(fresh_shell.stack.layout.run_dir, "gateway")
    assert gateway is not None
    os.kill(gateway.pid, signal.SIGKILL)
    assert attached.wait() == 1
    assert error_of(attached.err)["code"] == "service-died"
    assert fresh_shell.stack.status().state == "stopped"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_up__says_that_data_is_kept(fresh_shell: Shell, number: signal.Signals) -> None:
    with fresh_shell.start("up", "--json", "--port-base", str(fresh_shell.port_base)) as running:
        wait_for(lambda: "creating roles" in running.err, "Postgres to be up")
        running.child.send_signal(number)
        assert running.wait() == 3
    assert running.out == ""
    assert error_of(running.err)["code"] == "interrupted"
    assert fresh_shell.stack.status().state == "stopped"
    assert fresh_shell.stack.up(without=WITHOUT_OWN).state == "running"


@pytest.mark.parametrize("command", ["up", "status", "down"])
def test_unusable_state_directory__is_the_same_error_in_every_command(
    shell: Shell, tmp_path: Path, command: str
) -> None:
    file, foreign = tmp_path / "file", tmp_path / "foreign"
    file.write_text("mine")
    foreign.mkdir()
    (foreign / "notes.txt").write_text("mine")
    for place in (file, foreign):
        code, out, err = shell.run(command, "--state-dir", str(place), "--json")
        assert (code, out, error_of(err)["code"]) == (1, "", "state-dir-foreign")


def test_port_base__that_is_not_that_of_the_stack_is_said_to_be_ignored(shell: Shell) -> None:
    shell.up()
    for command in ("status", "down"):
        code, out, err = shell.run(command, "--port-base", "30003", "--json")
        assert code == 0
        assert json.loads(out)
        assert f"--port-base 30003 is ignored: this stack has {shell.port_base}" in err
        assert shell.run(command, "--port-base", str(shell.port_base), "--json")[2] == ""
