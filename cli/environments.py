"""The environments named in `resumebase.toml`, and which of them a command is about.

The file says where an environment is and never holds a secret. A command takes the environment of
`--env`, else of `RESUMEBASE_ENV`, else the one of `resumebase env use`, else `local`.
"""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import typer
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from cli.output import CliError, ExitCode
from cli.project import MARKER
from cli.target import LOOPBACK

DEFAULT_NAME = "local"
NAME_PATTERN = r"^[a-z][a-z0-9-]{0,30}$"

EnvOption = Annotated[
    str | None,
    typer.Option(
        "--env", metavar="NAME", help="Environment of resumebase.toml [default: the chosen one]."
    ),
]
StateDirOption = Annotated[
    Path | None,
    typer.Option(
        "--state-dir",
        metavar="DIR",
        help="Where an embedded stack keeps its data; RESUMEBASE_STATE_DIR does the same.",
    ),
]
PortBaseOption = Annotated[
    int | None,
    typer.Option(
        "--port-base",
        metavar="N",
        min=1024,
        max=65533,
        help="API on N, Postgres N+1, webhooks N+2.",
    ),
]


class _Settings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    @field_validator("api_url", check_fields=False)
    @classmethod
    def _is_web_address(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value)
        if parts.hostname in LOOPBACK and parts.scheme in {"http", "https"}:
            return value.rstrip("/")
        if parts.hostname and parts.scheme == "https":
            return value.rstrip("/")
        raise ValueError("must be an https:// address; http:// only for this machine")

    @field_validator("db_url", check_fields=False)
    @classmethod
    def _is_database_address(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value)
        if parts.scheme not in {"postgresql", "postgres"} or not parts.hostname or parts.port == 0:
            raise ValueError("must look like postgresql://USER@HOST:5432/postgres")
        if parts.password or "password" in parts.query:
            raise ValueError("holds a password; move it to SUPABASE_DB_PASSWORD in .env.<name>")
        return value


class Embedded(_Settings):
    """A stack of this machine, run by `resumebase up`: no Docker, no root."""

    kind: Literal["embedded"]
    state_dir: Path | None = None
    port_base: int | None = Field(default=None, ge=1024, le=65533)


class Docker(_Settings):
    """The containers of `supabase start`, on this machine."""

    kind: Literal["docker"]
    api_url: str = "http://127.0.0.1:54321"
    db_url: str = "postgresql://postgres@127.0.0.1:54322/postgres"

    @model_validator(mode="after")
    def _is_here(self) -> Docker:
        if {urlsplit(self.api_url).hostname, urlsplit(self.db_url).hostname} - LOOPBACK:
            raise ValueError('is not on this machine; use kind = "hosted"')
        return self


class Hosted(_Settings):
    """A Supabase project elsewhere; production unless the file says otherwise."""

    kind: Literal["hosted"]
    project_ref: str | None = Field(default=None, pattern=r"^[a-z]{20}$")
    api_url: str | None = None
    db_url: str | None = None
    production: bool = True

    @model_validator(mode="after")
    def _has_an_address(self) -> Hosted:
        if not (self.project_ref or self.api_url):
            raise ValueError("needs project_ref, or api_url")
        return self


Settings = Embedded | Docker | Hosted
KINDS: dict[str, type[_Settings]] = {"embedded": Embedded, "docker": Docker, "hosted": Hosted}


class ProjectFile(BaseModel):
    """The whole of `resumebase.toml`."""

    model_config = ConfigDict(extra="forbid")

    environments: dict[
        Annotated[str, Field(pattern=NAME_PATTERN)],
        Annotated[Settings, Field(discriminator="kind")],
    ]


@dataclass(frozen=True)
class Environment:
    """One environment, as chosen for this command."""

    name: str
    root: Path
    settings: Settings
    chosen_by: str = ""
    state_dir_flag: Path | None = None
    port_base_flag: int | None = None

    @property
    def kind(self) -> str:
        """`embedded`, `docker` or `hosted`."""
        return self.settings.kind

    @property
    def is_local(self) -> bool:
        """Whether it lives on this machine, so that nobody else can be harmed."""
        return not isinstance(self.settings, Hosted)

    @property
    def is_production(self) -> bool:
        """Whether a change needs its name typed."""
        return isinstance(self.settings, Hosted) and self.settings.production

    @property
    def state_dir(self) -> Path:
        """Where an embedded stack keeps its data: flag, then variable, then file, then default."""
        from_file = self.settings.state_dir if isinstance(self.settings, Embedded) else None
        from_variable = os.environ.get("RESUMEBASE_STATE_DIR")
        if self.state_dir_flag or from_variable:
            return Path(self.state_dir_flag or from_variable or "").expanduser().absolute()
        return self.root / (from_file or Path(".resumebase") / self.name)

    @property
    def port_base(self) -> int | None:
        """The first port of an embedded stack; None lets the stack decide."""
        from_file = self.settings.port_base if isinstance(self.settings, Embedded) else None
        return self.port_base_flag or from_file

    @property
    def api_url(self) -> str | None:
        """Where the API is; None for an embedded stack, whose state knows."""
        if isinstance(self.settings, Hosted) and self.settings.api_url is None:
            return f"https://{self.settings.project_ref}.supabase.co"
        return None if isinstance(self.settings, Embedded) else self.settings.api_url

    @property
    def db_url(self) -> str | None:
        """Where the database is, without a password; None when only the stack or nobody knows."""
        if isinstance(self.settings, Embedded):
            return None
        if self.settings.db_url or not isinstance(self.settings, Hosted):
            return self.settings.db_url
        ref = self.settings.project_ref
        return f"postgresql://postgres@db.{ref}.supabase.co:5432/postgres" if ref else None

    @property
    def where(self) -> str:
        """The folder of an embedded stack, else the address of the database or the API."""
        return str(self.state_dir if self.kind == "embedded" else self.db_url or self.api_url)

    def describe(self) -> str:
        """Name the target in one line, for a person about to change it."""
        kind = f"{self.kind}, PRODUCTION" if self.is_production else self.kind
        return f"{self.name} ({kind}): {self.where}"


def load(root: Path) -> dict[str, Settings]:
    """Read and check `resumebase.toml`.

    Raises CliError `invalid-project-file`, naming the key and what is allowed there.
    """
    path = root / MARKER
    try:
        return ProjectFile.model_validate(tomllib.loads(path.read_text("utf-8"))).environments
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CliError("invalid-project-file", f"{path}: {error}", "Mend the TOML.") from error
    except ValidationError as error:
        problems = "; ".join(_problem(dict(item)) for item in error.errors())
        raise CliError(
            "invalid-project-file", f"{path}: {problems}", f"Mend the named keys in {MARKER}."
        ) from error


def _problem(item: dict[str, Any]) -> str:
    """Say which key is wrong and what is allowed, without pydantic's own vocabulary."""
    loc = [str(part) for part in item["loc"]]
    kind = loc.pop(2) if len(loc) > 2 and loc[2] in KINDS else ""
    where = ".".join(part for part in loc if part != "[key]")
    if item["type"] in {"union_tag_invalid", "union_tag_not_found"}:
        return f"{where}.kind must be one of: {', '.join(KINDS)}"
    if item["type"] == "extra_forbidden":
        allowed = KINDS[kind].model_fields if kind else ProjectFile.model_fields
        return f"{where} is not a key here; allowed: {', '.join(allowed)}"
    if item["loc"][-1] == "[key]":
        return f"{where} is not a good name; use lowercase letters, digits and hyphens"
    return f"{where}: {item['msg'].removeprefix('Value error, ')}"


def select(
    root: Path,
    name: str | None = None,
    *,
    state_dir: Path | None = None,
    port_base: int | None = None,
) -> Environment:
    """Return the environment that this command is about.

    Raises CliError `unknown-environment` (usage), saying who chose the name and which exist.
    """
    known = load(root)
    chosen, chosen_by = choose(root, name)
    if chosen not in known:
        raise CliError(
            "unknown-environment",
            f"No environment {chosen!r} in {MARKER} (chosen by {chosen_by}).",
            f"Known: {', '.join(known) or 'none'}. Choose one: resumebase env use NAME",
            ExitCode.USAGE,
        )
    return Environment(chosen, root, known[chosen], chosen_by, state_dir, port_base)


def choose(root: Path, name: str | None = None) -> tuple[str, str]:
    """Return the chosen name, which need not exist, and what chose it."""
    if name:
        return name, "the command line"
    if variable := os.environ.get("RESUMEBASE_ENV"):
        return variable, "RESUMEBASE_ENV"
    choice = _choice_file(root)
    if choice.is_file() and (stored := choice.read_text("utf-8").strip()):
        return stored, "env use"
    return DEFAULT_NAME, "default"


def remember(root: Path, name: str) -> Environment:
    """Make `name` the environment of later commands in this checkout; idempotent."""
    environment = select(root, name)
    choice = _choice_file(root)
    choice.parent.mkdir(exist_ok=True)
    choice.write_text(f"{name}\n", "utf-8")
    return environment


def _choice_file(root: Path) -> Path:
    return root / ".resumebase" / "current-env"
