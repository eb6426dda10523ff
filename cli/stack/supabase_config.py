"""What the local stack takes from `supabase/config.toml`, so that it behaves like the others."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from cli.output import CliError

_GATEWAY_KEYS = {
    "api": ("schemas", "extra_search_path", "max_rows"),
    "auth": (
        "site_url",
        "additional_redirect_urls",
        "jwt_expiry",
        "enable_signup",
        "enable_refresh_token_rotation",
        "refresh_token_reuse_interval",
        "minimum_password_length",
        "password_requirements",
    ),
    "auth.email": ("enable_confirmations", "double_confirm_changes", "secure_password_change"),
    "storage": ("file_size_limit",),
}
_DEFAULT_SCHEMAS = ["public", "worker"]


def gateway_settings(root: Path) -> dict[str, dict[str, Any]]:
    """Return the settings of API, Auth and Storage, by section; raises CliError as `load` does."""
    config = load(root)
    settings = {
        section: {key: value for key, value in _section(config, section).items() if key in keys}
        for section, keys in _GATEWAY_KEYS.items()
    }
    settings["api"].setdefault("schemas", _DEFAULT_SCHEMAS)
    return settings


def seed_files(root: Path) -> list[Path]:
    """Return the seed files in the order in which they are applied; raises CliError as `load`."""
    seed = _section(load(root), "db.seed")
    if not seed.get("enabled", True):
        return []
    folder = root / "supabase"
    patterns = [str(pattern) for pattern in seed.get("sql_paths", ["./seed.sql"])]
    return [
        file for pattern in patterns for file in sorted(folder.glob(pattern.removeprefix("./")))
    ]


def load(root: Path) -> dict[str, Any]:
    """Read the file; an absent one is empty. Raises CliError `supabase-config-invalid`."""
    path = root / "supabase" / "config.toml"
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CliError("supabase-config-invalid", f"{path}: {error}", "Mend the TOML.") from error


def _section(config: dict[str, Any], dotted: str) -> dict[str, Any]:
    section: Any = config
    for name in dotted.split("."):
        section = section.get(name, {}) if isinstance(section, dict) else {}
    return section if isinstance(section, dict) else {}
