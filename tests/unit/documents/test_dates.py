"""Dates as résumés print them."""

import pytest

from edge_workers.documents.dates import find_periods, first_period, is_date, without_period

RANGES = [
    ("Mar. 2019 – Present", "2019-03", ""),
    ("03/2019 - 05/2021", "2019-03", "2021-05"),
    ("2019-03-01 to 2020", "2019-03-01", "2020"),
    ("2022-01 to Present", "2022-01", ""),
    ("Sept 2018 - Mar 2021", "2018-09", "2021-03"),
    ("January 2015—May 2016", "2015-01", "2016-05"),
    ("Dec 2019-Jan 2020", "2019-12", "2020-01"),
    ("May '18 - Jun '20", "2018-05", "2020-06"),
    ("Jan – Mar 2020", "2020-01", "2020-03"),
    ("12 March 2020 to 3 April 2020", "2020-03-12", "2020-04-03"),
    ("Summer 2013 – Winter 2014", "2013-06", "2014-12"),
    ("Q2 2020 - Q4 2021", "2020-04", "2021-10"),
    ("2012 – 2015", "2012", "2015"),
    ("2009–2013", "2009", "2013"),
    ("1998-2003", "1998", "2003"),
    ("2015/16", "2015", "2016"),
    ("2015-16", "2015", "2016"),
    ("2019 –", "2019", ""),
    ("1998-present", "1998", ""),
    ("June 2019 to date", "2019-06", ""),
    ("Mar 2020 - ongoing", "2020-03", ""),
    ("Present – Mar 2019", "2019-03", ""),
    ("2021 – 2019", "2019", "2021"),
    ("Since 2020", "2020", ""),
    ("März 2019 bis heute", "2019-03", ""),
    ("Oktober 2020 – Mai 2021", "2020-10", "2021-05"),
    ("01.04.2016 – 30.09.2020", "2016-04-01", "2020-09-30"),
    ("seit 04/2020", "2020-04", ""),
    ("Wintersemester 2019 bis Sommersemester 2020", "2019-10", "2020-04"),
]

DATES = [
    ("Dec 2023", "2023-12"),
    ("12 February 2024", "2024-02-12"),
    ("February 12, 2024", "2024-02-12"),
    ("31.12.2020", "2020-12-31"),
    ("12/31/2020", "2020-12-31"),
    ("2020", "2020"),
]


@pytest.mark.parametrize(("text", "start", "end"), RANGES)
def test_a_period__gives_both_ends_or_goes_on(text: str, start: str, end: str) -> None:
    period = first_period(text)
    assert period is not None
    assert (period.start, period.end, period.is_current) == (start, end, not end)
    assert is_date(text)


@pytest.mark.parametrize(("text", "date"), DATES)
def test_a_single_date__is_an_end_without_a_start(text: str, date: str) -> None:
    period = first_period(text)
    assert period is not None
    assert (period.start, period.end, period.is_current) == ("", date, False)


@pytest.mark.parametrize(
    "text",
    ["(503) 555-0142", "+49 152 28817386", "216-555-2014", "www.example.com/2019/03", "840 ms"],
)
def test_numbers_that_are_no_dates__are_left_alone(text: str) -> None:
    assert find_periods(text) == []


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("Senior Engineer (2019 - 2021)", "Senior Engineer"),
        ("Jun 2016 – Aug 2018, Boise, ID", "Boise, ID"),
        ("Acme GmbH · seit 04/2020", "Acme GmbH"),
        ("2008 – 2009 (1 year 3 months)", ""),
    ],
)
def test_a_text_without_its_period__keeps_the_rest_and_no_brackets(text: str, rest: str) -> None:
    period = first_period(text)
    assert period is not None
    assert without_period(text, period) == rest


def test_two_periods__are_both_found_in_order() -> None:
    found = [(p.start, p.end) for p in find_periods("2010 – 2012 and again 2015 – 2016")]
    assert found == [("2010", "2012"), ("2015", "2016")]
