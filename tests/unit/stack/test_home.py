"""While `reset` works, the old data is kept; whenever it is cut off, one whole state remains."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cli.output import CliError
from cli.stack import home
from cli.stack.layout import Layout


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    made = Layout(tmp_path / "state")
    write(made, "old")
    return made


def write(layout: Layout, text: str) -> None:
    for folder in (layout.postgres_data, layout.storage_dir):
        folder.mkdir(parents=True)
        (folder / "content").write_text(text)


def contents(layout: Layout) -> set[str]:
    return {
        (folder / "content").read_text() for folder in (layout.postgres_data, layout.storage_dir)
    }


def leftovers(layout: Layout) -> set[str]:
    folders = (layout.postgres_data.parent, layout.storage_dir.parent)
    return {path.name for folder in folders for path in folder.iterdir()} - {"data", "storage"}


def test_put_back__restores_data_and_files_and_deletes_the_new_ones(layout: Layout) -> None:
    home.set_aside(layout)
    assert home.is_aside(layout)
    write(layout, "new")
    home.put_back(layout)
    assert contents(layout) == {"old"}
    assert not home.is_aside(layout)
    assert not leftovers(layout)


def test_discard_aside__keeps_the_new_data_only(layout: Layout) -> None:
    home.set_aside(layout)
    write(layout, "new")
    home.discard_aside(layout)
    assert contents(layout) == {"new"}
    assert not leftovers(layout)
    home.discard_aside(layout)
    assert contents(layout) == {"new"}


def test_recovery__after_a_cut_between_the_two_moves_finds_everything_old(layout: Layout) -> None:
    layout.postgres_data.rename(layout.postgres_data.with_name("data.old"))
    assert home.is_aside(layout)
    home.put_back(layout)
    assert contents(layout) == {"old"}


def test_recovery__after_a_cut_while_discarding_finds_everything_new(layout: Layout) -> None:
    home.set_aside(layout)
    write(layout, "new")
    old = layout.postgres_data.with_name("data.old")
    old.rename(layout.postgres_data.with_name("data.trash"))
    assert not home.is_aside(layout)
    home.discard_aside(layout)
    assert contents(layout) == {"new"}
    assert not leftovers(layout)


def test_set_aside__copes_with_a_stack_without_uploads(layout: Layout) -> None:
    (layout.storage_dir / "content").unlink()
    layout.storage_dir.rmdir()
    home.set_aside(layout)
    home.put_back(layout)
    assert (layout.postgres_data / "content").read_text() == "old"


def test_prepare__does_not_make_an_empty_database_where_the_data_is_lost(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    layout.postgres_home.symlink_to(tmp_path / "unmounted")
    with pytest.raises(CliError) as caught:
        home.prepare(layout, None)
    assert caught.value.code == "data-missing"
    assert "reset --yes" in caught.value.hint
    home.set_aside(layout)
    home.prepare(layout, None)
    assert layout.postgres_home.is_dir()


def test_prepare__for_ourselves_lies_in_the_state_directory(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    home.prepare(layout, None)
    home.prepare(layout, None)
    assert not layout.postgres_home.is_symlink()
    assert layout.postgres_home.stat().st_uid == os.geteuid()
    home.delete(layout)
    assert not layout.postgres_home.exists()
