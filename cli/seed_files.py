"""Seed files hold a catalogue that may be applied again, so a changed one is run again."""

from __future__ import annotations

import psycopg

from cli.target import Target


def forget(target: Target, paths: list[str]) -> None:
    """Drop the memory that these seed files ran, so that the next push runs them.

    The official CLI runs a seed file that it does not know, but of a changed one it only notes the
    new hash. Raises psycopg errors.
    """
    with psycopg.connect(target.url, **target.psycopg_options()) as session:
        known = session.execute("select to_regclass('supabase_migrations.seed_files')").fetchone()
        if known != (None,):
            session.execute(
                "delete from supabase_migrations.seed_files where path = any(%s)", [paths]
            )
