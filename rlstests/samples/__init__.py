"""One row of each relation, and how a client would write one: a file per room.

The access matrix runs every command of every identity against these rows.
"""

from rlstests.actors import SYSTEM, Actor, Database
from rlstests.samples import identity, metering, platform, privacy, queue, resumes
from rlstests.samples.sample import Sample

ROOMS = (identity, platform, metering, queue, resumes, privacy)
SAMPLES: dict[str, Sample] = {
    name: sample for room in ROOMS for name, sample in room.SAMPLES.items()
}


def statement(relation: str, command: str) -> str:
    """The statement with which a client runs this command on the owner's row."""
    sample = SAMPLES[relation]
    return {
        "select": f"select 1 from {relation} where {sample.where}",
        "insert": f"insert into {relation} {sample.insert}",
        "update": f"update {relation} set {sample.update} where {sample.where}",
        "delete": f"delete from {relation} where {sample.where}",
    }[command]


def make_row(db: Database, relation: str, owner: Actor) -> None:
    """Make the owner's row."""
    sample = SAMPLES[relation]
    statements = [
        *sample.before,
        *([f"insert into {relation} {sample.make}"] if sample.make else []),
    ]
    with db.acting(SYSTEM) as connection:
        for sql in statements:
            connection.execute(sql, {"owner": owner.user_id})


def rows(db: Database, relation: str, owner: Actor) -> str:
    """The owner's row as the system sees it, to compare before and after."""
    with db.acting(SYSTEM) as connection:
        cursor = connection.execute(
            f"select r::text as row from {relation} r where {SAMPLES[relation].where}",
            {"owner": owner.user_id},
        )
        return "\n".join(sorted(row["row"] for row in cursor.fetchall()))
