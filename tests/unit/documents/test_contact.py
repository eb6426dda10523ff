"""E-mail addresses, phone numbers and web addresses."""

import time

import pytest

from edge_workers.documents.contact import (
    find_email,
    find_phone,
    find_urls,
    is_broken_address,
    profile_of,
    url_key,
)


@pytest.mark.parametrize(
    "phone",
    ["(503) 555-0142", "+49 152 28817386", "216-555-0187", "+1 416 555 0177", "0711/1234567"],
)
def test_a_phone_number__is_found_as_printed(phone: str) -> None:
    assert find_phone(f"Phone: {phone} | a@example.com") == phone


@pytest.mark.parametrize(
    "text", ["2019 – 2021", "01.04.2016 – 30.09.2020", "70173 Stuttgart", "12"]
)
def test_dates_and_postal_codes__are_no_phone_numbers(text: str) -> None:
    assert find_phone(text) == ""


def test_web_addresses__are_found_with_and_without_scheme_but_not_in_emails() -> None:
    text = "jane@mail.example.com, https://jane.dev/cv. github.com/jane | www.example.org"
    assert find_urls(text) == ["https://jane.dev/cv", "github.com/jane", "www.example.org"]
    assert find_email(text) == "jane@mail.example.com"


def test_words_with_full_stops__are_no_web_addresses() -> None:
    assert find_urls("Node.js, ASP.NET Core, B.Sc., e.g. this") == []


def test_a_profile__has_its_network_and_username() -> None:
    profile = profile_of("linkedin.com/in/jane-doe/")
    assert profile is not None
    assert profile.as_json_resume() == {
        "network": "LinkedIn",
        "username": "jane-doe",
        "url": "https://linkedin.com/in/jane-doe/",
    }
    assert profile_of("https://jane.dev") is None


def test_the_key_of_an_address__ignores_scheme_www_and_last_slash() -> None:
    assert url_key("https://www.Example.com/") == url_key("example.com")


@pytest.mark.parametrize(
    ("before", "after", "is_broken"),
    [
        ("marcus.adeyemi@exampl", "e.com", True),
        ("linkedin.com/in/teresa-", "rn", True),
        ("linkedin.com/in/", "jane", True),
        ("jane@example.com", "github.com/jane", False),
        ("github.com/jane", "Portland", False),
    ],
)
def test_an_address_that_a_narrow_column_broke__is_told_from_two(
    before: str, after: str, is_broken: bool
) -> None:
    assert is_broken_address(before, after) is is_broken


@pytest.mark.parametrize("text", ["a." * 100_000, "a@" * 100_000, "1" * 200_000, "www." * 50_000])
def test_hostile_texts__take_no_longer_than_others(text: str) -> None:
    start = time.monotonic()
    find_email(text), find_phone(text), find_urls(text)
    # A search that looks at every pair of characters would take hours.
    assert time.monotonic() - start < 30
