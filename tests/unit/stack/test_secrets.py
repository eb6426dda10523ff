"""Every stack has its own secrets, made once and readable by nobody else."""

from __future__ import annotations

import json
import stat
from dataclasses import asdict
from pathlib import Path

import pytest

from cli.output import CliError
from cli.stack import layout as layouts
from cli.stack import secrets as stack_secrets
from cli.stack.layout import Layout


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    made = Layout(tmp_path / "state")
    layouts.claim(made)
    return made


def test_secrets__are_made_once_and_kept(layout: Layout) -> None:
    assert stack_secrets.load(layout) is None
    first = stack_secrets.load_or_create(layout)
    assert stack_secrets.load_or_create(layout) == first
    assert stat.S_IMODE(layout.secrets_file.stat().st_mode) == 0o600


def test_secrets__differ_from_each_other_and_from_those_of_another_stack() -> None:
    one, other = asdict(stack_secrets.generate()), asdict(stack_secrets.generate())
    assert len({*one.values(), *other.values()}) == 2 * len(one)
    assert one["publishable_key"].startswith("sb_publishable_")
    assert one["secret_key"].startswith("sb_secret_")
    assert one["stripe_webhook_secret"].startswith("whsec_")


def test_secrets__do_not_show_when_printed() -> None:
    secrets = stack_secrets.generate()
    assert not any(value in f"{secrets!r} {secrets}" for value in asdict(secrets).values())


def test_secrets__that_are_damaged_are_not_replaced(layout: Layout) -> None:
    layouts.write_private(layout.secrets_file, json.dumps({"jwt_secret": "only this"}))
    with pytest.raises(CliError) as caught:
        stack_secrets.load_or_create(layout)
    assert caught.value.code == "secrets-damaged"
    assert "only this" in layout.secrets_file.read_text()


def test_secrets__are_not_made_anew_beside_a_database_that_needs_the_old_ones(
    layout: Layout,
) -> None:
    layout.postgres_data.mkdir(parents=True)
    with pytest.raises(CliError) as caught:
        stack_secrets.load_or_create(layout)
    assert caught.value.code == "secrets-missing"
    assert not layout.secrets_file.exists()


@pytest.mark.parametrize("value", ["", 5, None, True, ["x"], {}])
def test_secrets__of_a_wrong_type_are_damaged(layout: Layout, value: object) -> None:
    made = asdict(stack_secrets.generate())
    layouts.write_private(layout.secrets_file, json.dumps({**made, "jwt_secret": value}))
    with pytest.raises(CliError) as caught:
        stack_secrets.load(layout)
    assert caught.value.code == "secrets-damaged"
    assert "jwt_secret" in caught.value.message
    assert "resumebase down" in caught.value.hint


@pytest.mark.parametrize("text", ["[]", "5", "null", '"text"'])
def test_secrets__that_are_no_object_are_damaged(layout: Layout, text: str) -> None:
    layouts.write_private(layout.secrets_file, text)
    with pytest.raises(CliError) as caught:
        stack_secrets.load(layout)
    assert caught.value.code == "secrets-damaged"
