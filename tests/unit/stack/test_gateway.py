"""A gateway that cannot start says what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.output import CliError
from cli.stack import gateway
from cli.stack import layout as layouts
from cli.stack import secrets as stack_secrets
from cli.stack.gateway import Gateway
from cli.stack.layout import Layout
from cli.stack.ports import free_base


@pytest.mark.parametrize(
    ("program", "code"),
    [
        ('import "a-package-that-is-missing";', "node-modules-incomplete"),
        ('throw new Error("broken otherwise");', "gateway-failed"),
    ],
)
def test_start__tells_a_missing_package_from_other_failures(
    tmp_path: Path, program: str, code: str
) -> None:
    root, layout = tmp_path / "project", Layout(tmp_path / "state")
    package = root / "node_modules" / "@supabase" / "lite"
    (package / "dist" / "cli").mkdir(parents=True)
    (package / "package.json").write_text('{"type": "module"}')
    (package / "dist" / "cli" / "index.js").write_text(program)
    layouts.claim(layout)
    layouts.make_folders(layout)
    base = free_base()
    with pytest.raises(CliError) as caught:
        Gateway(layout, root, stack_secrets.generate(), base, base + 1).start()
    assert caught.value.code == code
    if code == "node-modules-incomplete":
        assert "make setup" in caught.value.hint
        assert "a-package-that-is-missing" in caught.value.message


def test_is_configured__is_false_after_an_upgrade_of_the_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    layout = Layout(tmp_path / "state")
    layouts.claim(layout)
    layouts.make_folders(layout)
    upgraded = tmp_path / "gateway.config.mjs"
    upgraded.write_text("// first")
    monkeypatch.setattr(gateway, "_CONFIG", upgraded)
    package = tmp_path / "node_modules" / "@supabase" / "lite" / "dist" / "cli"
    package.mkdir(parents=True)
    (package / "index.js").write_text("process.exit(1);")
    found = Gateway(layout, tmp_path, stack_secrets.generate(), 20000, 20001)
    assert not found.is_configured()
    with pytest.raises(CliError):
        found.start()
    assert found.is_configured()
    upgraded.write_text("// second")
    assert not found.is_configured()
