"""`logs`, `doctor`, `env exec` and the command itself, as real processes."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
from typing import Any

import pytest

from .checkout import DEADLINE_SECONDS, RESUMEBASE, Checkout


def test_logs_follow__shows_new_lines_until_ctrl_c(checkout: Checkout) -> None:
    file = checkout.stack.log_files()["worker"]
    file.write_text("old\n")
    child = subprocess.Popen(
        [RESUMEBASE, "logs", "worker", "--follow", "--lines", "1"],
        cwd=checkout.root,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert child.stdout is not None
        assert child.stdout.readline() == "old\n"
        with file.open("a") as stream:
            stream.write("new\n")
        assert child.stdout.readline() == "new\n"
        child.send_signal(signal.SIGINT)
        _, said = child.communicate(timeout=20)
        assert (child.returncode, said) == (0, "")
    finally:
        child.kill()
        child.wait()


def test_logs__of_postgres_have_its_start(checkout: Checkout) -> None:
    rows = checkout.run("logs", "postgres", "--lines", "1000", "--json").data
    assert any("ready to accept connections" in row["line"] for row in rows)


def test_doctor__is_content_with_a_running_stack(checkout: Checkout) -> None:
    answer = checkout.run("doctor", "--json")
    assert answer.code == 0, answer
    checks = {check["name"]: check for check in answer.data["checks"]}
    assert answer.data["ok"]
    assert checks["ports"]["detail"].count("ours") == 2
    assert checks["postgres programs"]["detail"].startswith("postgres (PostgreSQL) 17")
    assert {checks["docker"]["state"], checks["plpgsql_check"]["state"]} == {"info"}


def test_doctor__prints_the_fix_of_each_failure(checkout: Checkout, tmp_path: Any) -> None:
    secrets = checkout.stack.layout.secrets_file
    secrets.chmod(0o644)
    try:
        answer = checkout.run("doctor")
    finally:
        secrets.chmod(0o600)
    assert answer.code == 1
    assert f"fix: chmod 600 {secrets}" in answer.stdout
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        words = ("--state-dir", str(tmp_path / "other"), "--port-base", str(port))
        answer = checkout.run("doctor", *words, "--json")
    assert answer.code == 1
    [ports] = [check for check in answer.data["checks"] if check["state"] == "failed"]
    assert str(port) in ports["detail"]
    assert "--port-base" in ports["fix"]


def test_doctor__of_a_remote_environment_looks_at_the_machine_only(checkout: Checkout) -> None:
    answer = checkout.run("doctor", "--env", "staging", "--json")
    assert answer.code == 0
    assert "ports" not in {check["name"] for check in answer.data["checks"]}


def test_env_exec__gives_a_command_address_key_and_node(checkout: Checkout) -> None:
    script = "console.log(process.env.SUPABASE_URL, process.env.SUPABASE_PUBLISHABLE_KEY, "
    script += "process.env.SUPABASE_SECRET_KEY); process.exit(7)"
    status = checkout.status
    words = ("env", "exec", "--", "node", "-e", script)
    answer = checkout.run(*words, SUPABASE_SECRET_KEY="of somebody else")
    assert answer.code == 7
    assert answer.stdout.split() == [status.api_url, status.publishable_key, "undefined"]
    answer = checkout.run("env", "exec", "--secret", "--", "node", "-e", script)
    assert answer.stdout.split()[2] == status.secret_key


def test_env_exec__of_a_command_that_does_not_exist_is_an_error(checkout: Checkout) -> None:
    answer = checkout.run("env", "exec", "--", "no-such-command", "--flag")
    assert answer.code == 1
    assert "no-such-command" in answer.stderr


def test_closed_pipe__is_no_traceback(checkout: Checkout) -> None:
    done = subprocess.run(
        ["/bin/sh", "-c", f"{RESUMEBASE} doctor --json | head -c 1"],
        cwd=checkout.root,
        capture_output=True,
        text=True,
    )
    assert (done.stdout, done.stderr) == ("{", "")


DOCKER = """
[environments.docker]
kind = "docker"
db_url = "postgresql://postgres@127.0.0.1:{port}/postgres"
"""


@pytest.mark.parametrize("words", [("db", "push"), ("env", "check")])
def test_docker_environment__where_the_embedded_stack_listens_gets_the_hint(
    changing: Checkout, words: tuple[str, str]
) -> None:
    port = changing.status.services["postgres"].port
    with (changing.root / "resumebase.toml").open("a") as file:
        file.write(DOCKER.format(port=port))
    answer = changing.run(*words, "--env", "docker")
    assert answer.code == 4, answer
    assert "An embedded stack may be listening there" in answer.stdout + answer.stderr


def test_ctrl_c_in_a_reset__is_an_error_in_json_and_no_traceback(own_checkout: Checkout) -> None:
    with subprocess.Popen(
        [RESUMEBASE, "reset", "--yes", "--json"],
        cwd=own_checkout.root,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stderr is not None
        assert child.stderr.readline()
        child.send_signal(signal.SIGINT)
        out, said = child.communicate(timeout=DEADLINE_SECONDS)
    assert (child.returncode, out) == (3, "")
    assert json.loads(said.splitlines()[-1])["code"] == "interrupted"
    assert "Traceback" not in said
