"""Worker and HTTP service are children like the others, on the product's own migrations."""

from __future__ import annotations

import json
import os
import signal
import socket
from collections.abc import Iterator

import httpx
import psutil
import pytest

from cli.output import CliError
from cli.stack import processes
from cli.stack.ports import free_base
from cli.stack.processes import Record
from cli.stack.supervisor import Stack

from .conftest import REPOSITORY

OWN = ("worker", "http")


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


def record_of(stack: Stack, name: str) -> Record:
    record = processes.load(stack.layout.run_dir, name)
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
    process = psutil.Process(record_of(product, "worker").pid)
    assert status.secret_key not in " ".join(process.cmdline())
    assert process.environ()["SUPABASE_SECRET_KEY"] == status.secret_key
    assert status.secret_key not in product.log_files()["worker"].read_text()


def test_worker__killed_is_dead_in_status_and_mended_by_up(product: Stack) -> None:
    killed = record_of(product, "worker")
    os.kill(killed.pid, signal.SIGKILL)
    assert processes.wait_gone(killed, 5.0)
    assert product.status().state == "degraded"
    assert product.status().services["worker"].state == "dead"
    assert product.up().state == "running"
    assert record_of(product, "worker").pid != killed.pid


@pytest.mark.parametrize("name", OWN)
def test_service__left_out_is_stopped_and_the_rest_runs_on(product: Stack, name: str) -> None:
    product.up()
    before = product.status()
    after = product.up(without=frozenset({name}))
    assert after.services[name].state == "stopped"
    assert after.state == "running"
    others = {"postgres", "gateway", *OWN} - {name}
    assert {each: after.services[each].pid for each in others} == {
        each: before.services[each].pid for each in others
    }
    assert product.up().services[name].state == "running"


def test_services__run_again_after_reset(product: Stack) -> None:
    before = product.up()
    after = product.reset()
    for name in OWN:
        assert after.services[name].state == "running"
        assert after.services[name].pid != before.services[name].pid


def test_http__answers_on_the_third_port_with_the_secrets_of_the_stack(product: Stack) -> None:
    status = product.up()
    assert status.services["http"].port == status.services["gateway"].port + 2
    assert httpx.get(f"{status.webhooks_url}/healthz").json() == {"status": "alive"}
    environment = psutil.Process(record_of(product, "http").pid).environ()
    for provider, secret in status.webhook_secrets.items():
        assert environment[f"{provider.upper()}_WEBHOOK_SECRET"] == secret
        assert secret not in product.log_files()["http"].read_text()
    assert environment["RESUMEBASE_HTTP_HOST"] == "127.0.0.1"


def test_http__gets_the_keys_of_its_environment_and_a_second_secret(product: Stack) -> None:
    product.up(without=frozenset({"http"}))
    variables = {"RAZORPAY_KEY_ID": "rzp_test_1", "STRIPE_WEBHOOK_SECRET": "whsec_of_the_cli"}
    again = Stack(root=REPOSITORY, state_dir=product.layout.state_dir, variables=variables)
    status = again.up()
    environment = psutil.Process(record_of(product, "http").pid).environ()
    assert environment["RAZORPAY_KEY_ID"] == "rzp_test_1"
    assert environment["STRIPE_WEBHOOK_SECRET"] == status.webhook_secrets["stripe"]
    assert environment["STRIPE_WEBHOOK_SECRET_PREVIOUS"] == "whsec_of_the_cli"


def test_http__that_hangs_is_unresponsive_and_mended_by_up(product: Stack) -> None:
    product.up()
    stuck = record_of(product, "http")
    os.kill(stuck.pid, signal.SIGSTOP)
    status = product.status()
    assert (status.services["http"].state, status.state) == ("unresponsive", "degraded")
    os.kill(stuck.pid, signal.SIGCONT)
    os.kill(stuck.pid, signal.SIGKILL)
    assert processes.wait_gone(stuck, 5.0)
    assert product.status().services["http"].state == "dead"
    assert product.up().state == "running"


def test_http__on_a_port_that_is_taken_names_it_before_anything_starts(product: Stack) -> None:
    product.down()
    port = product.status().services["http"].port
    with socket.create_server(("127.0.0.1", port or 0)), pytest.raises(CliError) as caught:
        product.up()
    assert caught.value.code == "port-in-use"
    assert "meant for http" in caught.value.message
    assert product.status().state == "stopped"
    with socket.create_server(("127.0.0.1", port or 0)):
        assert product.up(without=frozenset({"http"})).state == "running"


def test_stack_of_before__gets_the_new_service_by_up(product: Stack) -> None:
    product.up(without=frozenset({"http"}))
    config = json.loads(product.layout.config_file.read_text())
    assert config["services"] == ["postgres", "gateway", "worker"]
    assert product.status().services["http"].state == "stopped"
    assert product.up().services["http"].state == "running"


def test_down__lets_both_end_by_themselves(product: Stack) -> None:
    product.up()
    product.down()
    for name in OWN:
        last = json.loads(product.log_files()[name].read_text().splitlines()[-1])
        assert last["event"] == f"{name} stopped"
    assert product.status().state == "stopped"


@pytest.mark.parametrize("name", OWN)
def test_service__that_ends_at_once_fails_up_with_its_words_and_stops_only_itself(
    product: Stack, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    before = product.up(without=frozenset({name}))
    wrong = {"worker": "RESUMEBASE_WORKER_CONCURRENCY", "http": "RESUMEBASE_HTTP_MAX_CONNECTIONS"}
    monkeypatch.setenv(wrong[name], "many")
    with pytest.raises(CliError) as caught:
        product.up()
    assert caught.value.code == f"{name}-failed"
    assert wrong[name] in caught.value.message
    assert f"--without {name}" in caught.value.hint
    after = product.status()
    assert (after.state, after.services[name].state) == ("running", "stopped")
    assert after.services["gateway"].pid == before.services["gateway"].pid
