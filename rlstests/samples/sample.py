"""What a sample is."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Sample:
    """SQL with one parameter, the owner's id, wherever it says %(owner)s.

    where   finds the owner's row
    before  statements that make what the row needs, such as its parent
    make    makes that row, if signing up did not
    insert  column list, and values or a query, with which a client makes a row for the owner
    update  assignment with which a client changes the row

    insert and update may be left out where nobody has the grant. where begins with a column.
    """

    where: str
    before: tuple[str, ...] = ()
    make: str = ""
    insert: str = ""
    update: str = ""
