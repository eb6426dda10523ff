"""`env check`: what it sees in a healthy environment, and in each broken one."""

from __future__ import annotations

from typing import Any

import pytest

from .checkout import Answer, Checkout

NOWHERE = "http://127.0.0.1:9"


def states(answer: Answer) -> dict[str, str]:
    return {check["name"]: check["state"] for check in answer.data["checks"]}


def failures(answer: Answer) -> dict[str, Any]:
    return {check["name"]: check for check in answer.data["checks"] if check["state"] == "failed"}


def test_healthy_stack__passes_every_check(checkout: Checkout) -> None:
    answer = checkout.run("env", "check", "--json")
    assert answer.code == 0, answer
    assert answer.data["ok"]
    assert states(answer) == dict.fromkeys(
        ["stack", "publishable key", "secret key", "buckets", "database", "migrations"], "ok"
    )


def test_healthy_stack__passes_as_a_remote_environment_too(checkout: Checkout) -> None:
    answer = checkout.run("env", "check", "staging", "--json")
    assert answer.code == 0, answer
    assert "stack" not in states(answer)
    assert len(states(answer)) == 5


def test_stack_that_is_down__fails_with_the_command_that_starts_it(
    checkout: Checkout, tmp_path: Any
) -> None:
    answer = checkout.run("env", "check", "--state-dir", str(tmp_path / "none"), "--json")
    assert answer.code == 1
    assert failures(answer)["stack"]["fix"] == "resumebase up"


@pytest.mark.parametrize(
    ("variable", "value", "check"),
    [
        ("RESUMEBASE_STAGING_SECRET_KEY", "sb_secret_wrong", "secret key"),
        ("RESUMEBASE_STAGING_SECRET_KEY", "", "secret key"),
        ("RESUMEBASE_STAGING_PUBLISHABLE_KEY", "sb_publishable_wrong", "publishable key"),
        ("RESUMEBASE_STAGING_DB_PASSWORD", "wrong", "database"),
    ],
)
def test_refused_login__exits_4_with_a_fix_and_without_the_secret(
    checkout: Checkout, variable: str, value: str, check: str
) -> None:
    answer = checkout.run("env", "check", "staging", "--json", **{variable: value})
    assert answer.code == 4
    assert list(failures(answer)) == [check]
    assert failures(answer)[check]["fix"]
    for secret in checkout.variables.values():
        assert secret not in answer.stdout + answer.stderr or "publishable" in secret


def test_publishable_key_in_place_of_the_secret_one__is_noticed(checkout: Checkout) -> None:
    key = checkout.status.publishable_key
    answer = checkout.run("env", "check", "staging", "--json", RESUMEBASE_STAGING_SECRET_KEY=key)
    assert answer.code == 4
    assert list(failures(answer)) == ["secret key"]


def test_missing_database_password__leaves_that_check_out(checkout: Checkout) -> None:
    answer = checkout.run("env", "check", "staging", "--json", RESUMEBASE_STAGING_DB_PASSWORD="")
    assert answer.code == 0
    assert states(answer)["database"] == "info"
    assert "migrations" not in states(answer)


def test_address_where_nothing_listens__exits_1(changing: Checkout) -> None:
    file = changing.root / "resumebase.toml"
    file.write_text(file.read_text().replace(changing.status.api_url, NOWHERE))
    answer = changing.run("env", "check", "staging", "--json")
    assert answer.code == 1
    assert list(failures(answer)) == ["api"]
    assert states(answer)["database"] == "ok"


def test_gateway_that_died__is_named(own_checkout: Checkout) -> None:
    own_checkout.stack.down()
    assert own_checkout.run("env", "check").code == 1
    assert "stopped" in own_checkout.run("env", "check").stdout


def test_pending_migration__exits_5(changing: Checkout) -> None:
    path = changing.add_migration("later", "select 1;\n")
    answer = changing.run("env", "check", "--json")
    assert answer.code == 5
    assert path.name[:14] in failures(answer)["migrations"]["detail"]
    assert "db push" in failures(answer)["migrations"]["fix"]
