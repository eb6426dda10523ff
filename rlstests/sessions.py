"""Sessions for tests that commit, kept open: connecting takes longer than what is done in one."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

# Nobody waits for ever for a lock, and nobody's data has to outlive a power cut.
OPTIONS = "-c lock_timeout=20s -c synchronous_commit=off"
_idle: dict[str, list[psycopg.Connection]] = {}


@contextmanager
def session(db_url: str) -> Iterator[psycopg.Connection]:
    """A session of one's own: what it did is committed at the end, or undone after an error."""
    idle = _idle.setdefault(db_url, [])
    # Tests change tables; a statement prepared before would then fail.
    held = idle.pop() if idle else psycopg.connect(db_url, options=OPTIONS, prepare_threshold=None)
    try:
        yield held
        held.commit()
    except BaseException:
        if not held.closed:
            held.rollback()
        raise
    finally:
        if not held.closed:
            idle.append(held)


def close_sessions() -> None:
    """End them all."""
    for idle in _idle.values():
        while idle:
            idle.pop().close()
