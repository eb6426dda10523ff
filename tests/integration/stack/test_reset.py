"""`reset` rebuilds the database, or leaves everything as it was."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from cli.output import CliError
from cli.stack import home
from cli.stack.status import StackStatus
from cli.stack.supervisor import Stack

from .conftest import WITHOUT_OWN, add_migration, connect, query


def add_note(status: StackStatus) -> None:
    with connect(status) as connection:
        connection.execute("insert into public.notes values (2, 'mine')")


def notes(status: StackStatus) -> list[str]:
    return [row[0] for row in query(status, "select body from public.notes order by id")]


def upload(stack: Stack) -> Path:
    """Put a file into a bucket and return where its bytes are."""
    status = stack.status()
    headers = {"apikey": status.secret_key, "authorization": f"Bearer {status.secret_key}"}
    with httpx.Client(base_url=f"{status.api_url}/storage/v1", headers=headers) as client:
        client.post("/bucket", json={"id": "files", "name": "files"})
        done = client.post("/object/files/a.txt", content=b"bytes of a user")
        assert done.status_code == 200, done.text
    found = [
        file
        for file in stack.layout.storage_dir.rglob("*")
        if file.is_file() and file.read_bytes() == b"bytes of a user"
    ]
    assert found, "the gateway keeps uploads somewhere else than we think"
    return found[0]


def test_reset__deletes_data_and_files_and_keeps_ports_and_keys(stack: Stack) -> None:
    before = stack.status()
    add_note(before)
    uploaded = upload(stack)
    after = stack.reset()
    assert after.state == "running"
    assert notes(after) == ["seeded"]
    assert not uploaded.exists()
    assert not home.is_aside(stack.layout)
    for key in ("api_url", "db_url", "secret_key", "jwt_secret", "webhook_secrets"):
        assert getattr(after, key) == getattr(before, key)


def test_reset__of_a_stopped_stack_leaves_it_stopped(stack: Stack) -> None:
    add_note(stack.status())
    stack.down()
    assert stack.reset().state == "stopped"
    assert notes(stack.up(without=WITHOUT_OWN)) == ["seeded"]


def test_reset__that_fails_leaves_everything_as_it_was(stack: Stack) -> None:
    add_note(stack.status())
    uploaded = upload(stack)
    broken = stack.root / "supabase" / "migrations" / "20260103000000_bad.sql"
    add_migration(stack.root, broken.name, "select 1 / 0;")
    try:
        with pytest.raises(CliError) as caught:
            stack.reset()
    finally:
        broken.unlink()
    assert caught.value.code == "migration-failed"
    status = stack.status()
    assert status.state == "running"
    assert notes(status) == ["seeded", "mine"]
    assert uploaded.exists()
    assert not home.is_aside(stack.layout)
    stack.reset()


def test_reset__cut_off_in_the_middle_is_undone_by_up(stack: Stack) -> None:
    add_note(stack.status())
    uploaded = upload(stack)
    stack.down()
    home.set_aside(stack.layout)
    assert not uploaded.exists()
    steps: list[str] = []
    status = stack.up(without=WITHOUT_OWN, on_step=steps.append)
    assert notes(status) == ["seeded", "mine"]
    assert uploaded.exists()
    assert "undoing a reset that was cut off" in steps
    stack.reset()
