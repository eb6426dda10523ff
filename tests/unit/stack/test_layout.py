"""A state directory is recognised, refused or explained; private files are private at once."""

from __future__ import annotations

import errno
import json
import os
import stat
from pathlib import Path

import pytest

from cli.output import CliError
from cli.stack import layout as layouts
from cli.stack.layout import Layout, StackConfig


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path / "state")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_claim__makes_a_directory_that_others_cannot_list(layout: Layout) -> None:
    layouts.claim(layout)
    assert mode(layout.state_dir) & 0o066 == 0
    layouts.claim(layout)


def test_claim__takes_an_empty_directory_that_is_there(layout: Layout) -> None:
    layout.state_dir.mkdir()
    layouts.claim(layout)


def test_claim__refuses_a_directory_with_other_contents_and_leaves_it_alone(layout: Layout) -> None:
    layout.state_dir.mkdir(mode=0o755)
    (layout.state_dir / "thesis.txt").write_text("mine")
    with pytest.raises(CliError) as caught:
        layouts.claim(layout)
    assert caught.value.code == "state-dir-foreign"
    assert [file.name for file in layout.state_dir.iterdir()] == ["thesis.txt"]
    assert mode(layout.state_dir) == 0o755


def test_claim__refuses_a_file(layout: Layout) -> None:
    layout.state_dir.write_text("not a directory")
    with pytest.raises(CliError) as caught:
        layouts.claim(layout)
    assert caught.value.code == "state-dir-foreign"
    assert layout.state_dir.read_text() == "not a directory"


def test_claim__bears_with_another_command_that_has_just_begun_here(layout: Layout) -> None:
    layout.state_dir.mkdir()
    (layout.state_dir / "lock").touch()
    (layout.state_dir / ".stack.json.4711").touch()
    layouts.claim(layout)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a directory of another user")
def test_claim__refuses_the_directory_of_another_user(layout: Layout) -> None:
    layout.state_dir.mkdir()
    layouts.save_config(layout, StackConfig())
    os.chown(layout.state_dir, 12345, 12345)
    with pytest.raises(CliError) as caught:
        layouts.claim(layout)
    assert caught.value.code == "state-dir-owner"
    assert "12345" in caught.value.message
    with pytest.raises(CliError) as caught:
        layouts.load_config(layout)
    assert caught.value.code == "state-dir-owner"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_claim__explains_a_directory_that_cannot_be_made(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(CliError) as caught:
            layouts.claim(Layout(tmp_path / "state"))
    finally:
        tmp_path.chmod(0o700)
    assert caught.value.code == "state-dir-not-writable"


def test_not_writable__tells_a_full_disk_from_a_forbidden_one(tmp_path: Path) -> None:
    full = layouts.not_writable(tmp_path, OSError(errno.ENOSPC, "No space left on device"))
    quota = layouts.not_writable(tmp_path, OSError(errno.EDQUOT, "Disk quota exceeded"))
    read_only = layouts.not_writable(tmp_path, OSError(errno.EROFS, "Read-only file system"))
    assert (full.code, quota.code) == ("no-disk-space", "no-disk-space")
    assert read_only.code == "state-dir-not-writable"
    assert "Read-only file system" in read_only.message


def test_config__comes_back_as_it_was_saved(layout: Layout) -> None:
    layouts.claim(layout)
    assert layouts.load_config(layout) is None
    saved = StackConfig(port_base=50000, services=("postgres", "gateway"))
    layouts.save_config(layout, saved)
    assert layouts.load_config(layout) == saved
    assert (saved.api_port, saved.postgres_port, saved.webhooks_port) == (50000, 50001, 50002)


def test_config__of_another_version_is_refused_and_kept(layout: Layout) -> None:
    layouts.claim(layout)
    layout.config_file.write_text(json.dumps({"layout": 99, "port_base": 1}))
    with pytest.raises(CliError) as caught:
        layouts.load_config(layout)
    assert caught.value.code == "state-dir-version"
    assert "99" in caught.value.message
    assert json.loads(layout.config_file.read_text())["layout"] == 99


def config_text(**changes: object) -> str:
    return json.dumps({"layout": 1, "port_base": 50000, "services": [], **changes})


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "[]", "null", "5", '"text"', '{"port_base": 1}'),
        *(config_text(port_base=value) for value in ("50000", 50000.5, True, None, [], 80, 65534)),
        *(config_text(services=value) for value in ("postgres", {"worker": 1}, None, [1], [[]])),
        *(config_text(services=["postgres", "mysql"]), config_text(layout="1")),
        *(config_text(layout=True), config_text(layout=None)),
    ],
)
def test_config__that_is_damaged_is_named(layout: Layout, text: str) -> None:
    layouts.claim(layout)
    layout.config_file.write_text(text)
    with pytest.raises(CliError) as caught:
        layouts.load_config(layout)
    assert caught.value.code == "state-dir-damaged"
    assert str(layout.config_file) in caught.value.message
    assert "resumebase down" in caught.value.hint


def test_write_private__is_private_whatever_the_umask(tmp_path: Path) -> None:
    previous = os.umask(0)
    try:
        layouts.write_private(tmp_path / "secret", "s3cret")
    finally:
        os.umask(previous)
    assert mode(tmp_path / "secret") == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["secret"]


def test_write_private__leaves_the_old_file_when_it_fails(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    layouts.write_private(file, "old")
    with pytest.raises(UnicodeEncodeError):
        layouts.write_private(file, "half \ud800")
    assert file.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["secret"]


def test_is_made__tells_a_stack_from_nothing_and_changes_nothing(layout: Layout) -> None:
    assert not layouts.is_made(layout)
    assert not layout.state_dir.exists()
    layout.state_dir.mkdir(mode=0o755)
    assert not layouts.is_made(layout)
    layouts.save_config(layout, StackConfig())
    assert layouts.is_made(layout)
    assert mode(layout.state_dir) == 0o755


def test_is_made__knows_a_stack_whose_config_was_moved_away(layout: Layout) -> None:
    layout.state_dir.mkdir()
    layout.secrets_file.write_text("{}")
    assert layouts.is_made(layout)
    assert layouts.load_config(layout) is None


def test_config__in_the_place_of_a_file_is_refused(layout: Layout) -> None:
    layout.state_dir.write_text("not a directory")
    for place in (layout, Layout(layout.state_dir / "below")):
        with pytest.raises(CliError) as caught:
            layouts.load_config(place)
        assert caught.value.code == "state-dir-foreign"
