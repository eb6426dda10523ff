"""Texts are read in the order in which a person reads them."""

from edge_workers.documents.layout import reading_order
from edge_workers.documents.limits import Limits
from edge_workers.documents.page import Line
from edge_workers.documents.pdf_reader import read_pdf
from edge_workers.documents.segments import segments_of, usual_weight

from .made import placed_pdf


def lines_of(data: bytes) -> list[Line]:
    pages = read_pdf(data, Limits())
    weight = usual_weight(pages)
    return reading_order(segments_of(page, weight) for page in pages)


def texts_of(data: bytes) -> list[str]:
    return [" | ".join(segment.text for segment in line.segments) for line in lines_of(data)]


def column(x: float, y: float, *texts: str) -> list[tuple[float, float, str]]:
    return [(x, y + 14 * index, text) for index, text in enumerate(texts)]


def test_two_columns__are_read_one_after_the_other() -> None:
    left = ("EXPERIENCE", "Built a ledger in Go", "Led a team of four", "Wrote the handbook")
    right = ("EDUCATION", "Boise State University", "Bachelor of Science", "Computer Science")
    data = placed_pdf(
        [(60, 40, "Jane Doe", "20"), *column(60, 90, *left), *column(330, 94, *right)]
    )
    assert texts_of(data) == ["Jane Doe", *left, *right]


def test_a_sidebar__does_not_mix_with_the_text_beside_it() -> None:
    sidebar = ("CONTACT", "jane@example.com", "SKILLS", "Python", "SQL", "LANGUAGES", "English")
    main = tuple(f"This is line {number} of the work experience of Jane" for number in range(12))
    data = placed_pdf([*column(40, 60, *sidebar), *column(200, 60, "EXPERIENCE", *main)])
    assert texts_of(data) == [*sidebar, "EXPERIENCE", *main]


def test_dates_at_the_right_margin__stay_on_their_lines() -> None:
    data = placed_pdf(
        [
            (60, 90, "Senior Engineer"),
            (470, 90, "Apr 2021 - Present"),
            (60, 104, "Acme Payments"),
            (60, 132, "Engineer"),
            (464, 132, "Sep 2018 - Mar 2021"),
            (60, 146, "Beta Freight"),
            (60, 174, "Developer"),
            (467, 174, "Jan 2015 - Aug 2018"),
        ]
    )
    assert texts_of(data) == [
        "Senior Engineer | Apr 2021 - Present",
        "Acme Payments",
        "Engineer | Sep 2018 - Mar 2021",
        "Beta Freight",
        "Developer | Jan 2015 - Aug 2018",
    ]


def test_dates_in_a_left_rail__come_before_what_they_date() -> None:
    data = placed_pdf(
        [
            (50, 90, "2019 - 2021"),
            *column(160, 90, "Engineer at Acme Payments", "Built the ledger"),
            (50, 140, "2015 - 2019"),
            *column(160, 140, "Developer at Beta Freight", "Built the rate engine"),
        ]
    )
    assert texts_of(data) == [
        "2019 - 2021",
        "Engineer at Acme Payments",
        "Built the ledger",
        "2015 - 2019",
        "Developer at Beta Freight",
        "Built the rate engine",
    ]


def test_headings_in_a_left_rail__come_before_their_sections() -> None:
    data = placed_pdf(
        [
            (50, 90, "Work"),
            *column(160, 90, "Engineer at Acme Payments", "Built the ledger", "Led four people"),
            (50, 160, "Education"),
            *column(160, 160, "Boise State University", "Bachelor of Science"),
        ]
    )
    assert texts_of(data)[0] == "Work"
    assert texts_of(data)[4] == "Education"


def test_small_columns_inside_a_section__are_read_one_by_one() -> None:
    groups = (("Languages", "Expert", "Go, Java"), ("Data", "Advanced", "Kafka, Redis"))
    data = placed_pdf(
        [
            (60, 60, "Skills are listed here as the first thing on the page"),
            *column(60, 90, *groups[0]),
            *column(330, 90, *groups[1]),
            (60, 150, "And after them comes text again that is as wide as the page is"),
        ]
    )
    assert texts_of(data)[1:-1] == [*groups[0], *groups[1]]


def test_bullets__mark_lines_and_are_no_text() -> None:
    data = placed_pdf([(60, 90, "\\225"), (72, 90, "Built a ledger"), (72, 104, "in Go")])
    assert [(line.text, line.marker) for line in lines_of(data)] == [
        ("Built a ledger", "bullet"),
        ("in Go", ""),
    ]


def test_spaced_capitals__are_one_word() -> None:
    data = placed_pdf([(60 + 12 * i, 90, letter) for i, letter in enumerate("SUMMARY")])
    assert texts_of(data) == ["SUMMARY"]
