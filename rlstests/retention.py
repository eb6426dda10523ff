"""Running the retention policies in a test."""

from rlstests.actors import SYSTEM, Database, Row

RUN = "select * from private.run_retention(%s)"


def run(db: Database, *, dry: bool = False) -> dict[str, Row]:
    """Keep to the policies; gives the rows of the report by relation and condition."""
    rows = db.query(SYSTEM, RUN, dry)
    return {f"{row['relation']}:{row['condition']}": row for row in rows}


def only(db: Database, relation: str, condition: str = "always") -> None:
    """Leave one policy active."""
    db.query(
        SYSTEM,
        "update public.retention_policies set is_active = (relation, condition) = (%s, %s)",
        relation,
        condition,
    )
