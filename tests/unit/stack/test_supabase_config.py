"""The local stack takes the settings that matter to clients from supabase/config.toml."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.output import CliError
from cli.stack import supabase_config


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "supabase").mkdir()
    return tmp_path


def write(root: Path, text: str) -> None:
    (root / "supabase" / "config.toml").write_text(text)


def test_gateway_settings__carry_over_what_the_gateway_understands_and_no_more(root: Path) -> None:
    write(
        root,
        """
        [api]
        port = 54321
        schemas = ["public", "worker"]
        max_rows = 10
        [auth]
        minimum_password_length = 8
        [auth.email]
        enable_confirmations = true
        [auth.external.github]
        secret = "never"
        [storage]
        file_size_limit = "10MiB"
        """,
    )
    assert supabase_config.gateway_settings(root) == {
        "api": {"schemas": ["public", "worker"], "max_rows": 10},
        "auth": {"minimum_password_length": 8},
        "auth.email": {"enable_confirmations": True},
        "storage": {"file_size_limit": "10MiB"},
    }


def test_gateway_settings__work_without_a_file(root: Path) -> None:
    assert supabase_config.gateway_settings(root)["api"] == {"schemas": ["public", "worker"]}


def test_seed_files__are_found_in_order_by_their_patterns(root: Path) -> None:
    write(root, '[db.seed]\nsql_paths = ["./seed.sql", "seeds/*.sql", "./missing.sql"]')
    (root / "supabase" / "seeds").mkdir()
    for name in ("seeds/b.sql", "seeds/a.sql", "seed.sql"):
        (root / "supabase" / name).touch()
    found = [file.relative_to(root).as_posix() for file in supabase_config.seed_files(root)]
    assert found == ["supabase/seed.sql", "supabase/seeds/a.sql", "supabase/seeds/b.sql"]


def test_seed_files__are_none_when_seeding_is_off(root: Path) -> None:
    write(root, "[db.seed]\nenabled = false")
    (root / "supabase" / "seed.sql").touch()
    assert supabase_config.seed_files(root) == []


def test_load__names_the_file_that_is_no_toml(root: Path) -> None:
    write(root, "[api\n")
    with pytest.raises(CliError) as caught:
        supabase_config.load(root)
    assert caught.value.code == "supabase-config-invalid"
    assert "config.toml" in caught.value.message
