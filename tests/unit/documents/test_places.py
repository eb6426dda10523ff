"""Locations and addresses."""

import pytest

from edge_workers.documents.places import find_place, is_location, split_location

PLACES = [
    ("Portland, OR", {"city": "Portland", "region": "OR", "countryCode": "US"}),
    ("Portland, OR (US)", {"city": "Portland", "region": "OR", "countryCode": "US"}),
    ("Portland, United States", {"city": "Portland", "countryCode": "US"}),
    ("Bengaluru, Karnataka", {"city": "Bengaluru", "region": "Karnataka", "countryCode": "IN"}),
    ("Berlin, Deutschland", {"city": "Berlin", "countryCode": "DE"}),
    ("Delhi, India", {"city": "Delhi", "countryCode": "IN"}),
    ("70173 Stuttgart", {"postalCode": "70173", "city": "Stuttgart"}),
    (
        "Königstraße 88, 70173, Stuttgart (DE), Baden-Württemberg",
        {
            "address": "Königstraße 88",
            "postalCode": "70173",
            "city": "Stuttgart",
            "region": "Baden-Württemberg",
            "countryCode": "DE",
        },
    ),
    (
        "12 Main St, Springfield, IL 62704",
        {
            "address": "12 Main St",
            "postalCode": "62704",
            "city": "Springfield",
            "region": "IL",
            "countryCode": "US",
        },
    ),
    (
        "Toronto, ON M5V 2T6",
        {"postalCode": "M5V 2T6", "city": "Toronto", "region": "ON", "countryCode": "CA"},
    ),
]


@pytest.mark.parametrize(("text", "parts"), PLACES)
def test_a_location__is_read_part_by_part(text: str, parts: dict[str, str]) -> None:
    place = find_place(text)
    assert place is not None
    assert place.as_json_resume() == parts


@pytest.mark.parametrize(
    "text",
    [
        "Charge Nurse, Cardiac ICU",
        "Meridian Analytics India",
        "Schröder Antriebstechnik GmbH & Co. KG",
        "Python, Java",
        "Berlin",
        "Design Studio Berlin",
    ],
)
def test_a_text_without_proof__is_no_location(text: str) -> None:
    assert not is_location(text)


def test_a_region_without_a_comma__counts_only_among_contact_details() -> None:
    assert find_place("Toronto Ontario") is None
    place = find_place("Toronto Ontario", loose=True)
    assert place is not None
    assert (place.city, place.region) == ("Toronto", "Ontario")


@pytest.mark.parametrize(
    ("text", "before", "location"),
    [
        (
            "Kirana Connect Pvt. Ltd., Bengaluru, India",
            "Kirana Connect Pvt. Ltd.",
            "Bengaluru, India",
        ),
        ("Lakeshore Medical Center · Cleveland, OH", "Lakeshore Medical Center", "Cleveland, OH"),
        ("Acme (Berlin, Germany)", "Acme", "Berlin, Germany"),
        ("Acme Inc., Remote", "Acme Inc.", "Remote"),
        ("Dayton, OH", "", "Dayton, OH"),
        ("Registered Nurse, Medical-Surgical", "Registered Nurse, Medical-Surgical", ""),
    ],
)
def test_a_trailing_location__is_parted_from_what_it_belongs_to(
    text: str, before: str, location: str
) -> None:
    assert split_location(text) == (before, location)
