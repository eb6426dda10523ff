"""One row of each relation, and how a client would write one: a file per room.

The access matrix runs every command of every identity against these rows.
"""

from rlstests.actors import SYSTEM, Actor, Database
from rlstests.samples import (
    ai,
    billing,
    experiences,
    exports,
    identity,
    interviews,
    jobs,
    metering,
    platform,
    privacy,
    queue,
    resumes,
    templates,
)
from rlstests.samples.sample import Sample

ROOMS = (
    *(identity, platform, metering, queue, templates, resumes, experiences, jobs, ai),
    *(interviews, exports, billing, privacy),
)
SAMPLES: dict[str, Sample] = {
    name: sample for room in ROOMS for name, sample in room.SAMPLES.items()
}
# Only admins are listed here, so the owner of the row is one.
ADMIN_ROWS = "public.admin_users"


def statement(relation: str, command: str, *, everywhere: bool = False) -> str:
    """The statement with which a client runs this command on the owner's row, or on all it can."""
    sample = SAMPLES[relation]
    start = {
        "select": f"select 1 from {relation}",
        "insert": f"insert into {relation} {sample.insert or 'default values'}",
        "update": f"update {relation} set {sample.update or unchanged(sample)}",
        "delete": f"delete from {relation}",
    }[command]
    return start if everywhere or command == "insert" else f"{start} where {sample.where}"


def unchanged(sample: Sample) -> str:
    """An assignment for a relation that nobody may update: its first key to itself."""
    column = sample.where.split()[0]
    return f"{column} = {column}"


def make_statements(relation: str) -> list[str]:
    """The statements that make the owner's row and what it needs."""
    sample = SAMPLES[relation]
    return [*sample.before, *([f"insert into {relation} {sample.make}"] if sample.make else [])]


def make_row(db: Database, relation: str, owner: Actor) -> None:
    """Make the owner's row."""
    with db.acting(SYSTEM) as connection:
        for sql in make_statements(relation):
            connection.execute(sql, {"owner": owner.user_id})


def rows(db: Database, relation: str, owner: Actor) -> str:
    """The owner's row as the system sees it, to compare before and after."""
    with db.acting(SYSTEM) as connection:
        cursor = connection.execute(
            f"select r::text as row from {relation} r where {SAMPLES[relation].where}",
            {"owner": owner.user_id},
        )
        return "\n".join(sorted(row["row"] for row in cursor.fetchall()))
