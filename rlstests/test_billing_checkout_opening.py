"""Room billing: what a provider made of a checkout."""

from uuid import UUID, uuid4

from rlstests.actors import SERVICE, Actor, Database, refused
from rlstests.checkout_helpers import begin, open_


def test_opened_checkout__keeps_what_came_first(db: Database, owner: Actor) -> None:
    checkout = begin(db, owner)
    opened = open_(db, checkout, "cs_1", "cus_1", "https://pay.example/1")
    assert (opened["checkout_id"], opened["url"]) == ("cs_1", "https://pay.example/1")
    assert opened["customer_id"] == "cus_1"
    again = open_(db, checkout, "cs_2", "cus_2", "https://pay.example/2")
    assert again == opened
    assert begin(db, owner) == opened | {"is_new": False}


def test_customer_of_somebody_else__stays_theirs(
    db: Database, owner: Actor, stranger: Actor
) -> None:
    open_(db, begin(db, stranger), "cs_1", "cus_1")
    opened = open_(db, begin(db, owner), "cs_2", "cus_1")
    assert (opened["checkout_id"], opened["customer_id"]) == ("cs_2", None)


def test_checkout_that_is_not_there__is_not_opened(db: Database, owner: Actor) -> None:
    with refused("PT404"):
        open_(db, {"id": uuid4()}, "cs_1")
    with refused("PT400"):
        db.query(
            SERVICE,
            "select worker.open_checkout(%s, null, null, null)",
            UUID(begin(db, owner)["id"]),
        )


def test_same_id_of_the_provider__opens_one_checkout(
    db: Database, owner: Actor, stranger: Actor
) -> None:
    open_(db, begin(db, owner), "cs_1")
    with refused("23505"):
        open_(db, begin(db, stranger), "cs_1")
