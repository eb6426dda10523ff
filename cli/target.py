"""A database to work on, with its password kept apart from its URL."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


@dataclass(frozen=True)
class Target:
    """A database: its URL without a password, and the password beside it."""

    url: str
    password: str = field(default="", repr=False)

    @classmethod
    def from_url(cls, url: str, password: str = "") -> Target:
        """Split a URL so that the password, if it has one, can never reach a command line."""
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
        user = f"{parts.username}@" if parts.username else ""
        bare = urlunsplit(parts._replace(netloc=f"{user}{host}"))
        return cls(bare, password or unquote(parts.password or ""))

    @property
    def is_loopback(self) -> bool:
        """Whether the database is on this machine."""
        return urlsplit(self.url).hostname in LOOPBACK

    def psycopg_options(self) -> dict[str, Any]:
        """The login as keyword arguments of `psycopg.connect`."""
        options = {"password": self.password} if self.password else {}
        return {**options, "sslmode": "disable"} if self.is_loopback else options

    def libpq(self) -> dict[str, str]:
        """The environment variables of libpq for this database."""
        variables = {"PGPASSWORD": self.password} if self.password else {}
        if self.is_loopback:
            variables["PGSSLMODE"] = "disable"
        return variables
