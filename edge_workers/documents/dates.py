"""Dates and periods as résumés print them → ISO 8601.

Understood: "Mar. 2019 – Present", "03/2019 - 05/2021", "2019-03-01 to 2020", "12 March 2020",
"März 2019 bis heute", "seit 04/2020", "Jan – Mar 2020", "Summer 2013", "2015/16", "Q2 2020",
"Present – Mar 2019". Month names come from the vocabulary.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, lru_cache

from edge_workers.documents.text import fold
from edge_workers.documents.vocabulary import LANGUAGES, alternatives

DASH = r"[-–—−‒~→]"
YEAR = re.compile(r"['’]\d\d|\d{4}")
SHORT_END = re.compile(r"\s?[-–/]\s?(\d\d)(?![\d/.-])")
OPEN_END = re.compile(r"\s*[-–—]\s*$")
DURATION = re.compile(
    r"[(\[·,|]?\s*\b\d+(?:[.,]\d)?\s*\+?\s*"
    r"(?:years?|yrs?|y|months?|mos?|mths?|jahren?|jahre?|monaten?|monate?)\b"
    r"(?:\s*(?:,|and|und)?\s*\d+\s*(?:months?|mos?|mths?|monate?))?\s*[)\]]?",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Period:
    """A time from `start` to `end`, each YYYY, YYYY-MM or YYYY-MM-DD, or empty if not given.

    A single date has only an `end`. `is_current` means that it goes on,
    `is_since` that only a word such as "since" says so. `span` is where in the
    text it stands.
    """

    start: str = ""
    end: str = ""
    is_current: bool = False
    is_since: bool = False
    span: tuple[int, int] = (0, 0)

    @property
    def is_range(self) -> bool:
        """Tell whether both ends are given, one of them perhaps by "present"."""
        return bool(self.start)


def first_period(text: str) -> Period | None:
    """Return the first range in a text, or its first date, or None."""
    periods = find_periods(text)
    return next((p for p in periods if p.is_range), periods[0] if periods else None)


def begins_with_present(text: str) -> bool:
    """Tell whether a text begins with a word for "until now"."""
    return _pattern("present_word").match(text) is not None


def without_period(text: str, period: Period) -> str:
    """Return the text without a period, the brackets around it and a duration after it."""
    before, after = text[: period.span[0]], text[period.span[1] :]
    before = re.sub(r"[(\[]\s*$", "", before)
    after = re.sub(r"^\s*[)\]]", "", after)
    rest = DURATION.sub(" ", after, count=1) if DURATION.match(after.lstrip()) else after
    return " ".join(f"{before} {rest}".split()).strip(" ,;|·•–—-/:")


@lru_cache(maxsize=4096)
def is_date(text: str) -> bool:
    """Tell whether a text is a date or period and nothing else."""
    period = first_period(text)
    return period is not None and not any(map(str.isalnum, without_period(text, period)))


@cache
def _months() -> dict[str, int]:
    return {fold(name): n for language in LANGUAGES for name, n in language.months.items()}


@cache
def _seasons() -> dict[str, int]:
    return {fold(name): n for language in LANGUAGES for name, n in language.seasons.items()}


def _words(field: str) -> str:
    return alternatives(word for language in LANGUAGES for word in getattr(language, field))


@cache
def _pattern(name: str) -> re.Pattern[str]:
    """Return one of the patterns; they are made when first needed, as the words are many."""
    between = rf"\s*(?:{DASH}+|\b(?:{_words('range_words')})\b)\s*"
    sources: dict[str, Callable[[], str]] = {
        "date": _date_source,
        "between": lambda: between,
        "present": lambda: rf"{between}(?:{_words('present')})\b",
        "present_word": lambda: rf"(?:{_words('present')})\b",
        "present_before": lambda: rf"\b(?:{_words('present')})\s*{DASH}\s*$",
        "since": lambda: rf"\b(?:{_words('since_words')})\s+$",
        "month_before": lambda: rf"\b({_words('months')})\b\.?{between}$",
    }
    return re.compile(sources[name](), re.IGNORECASE)


def _date_source() -> str:
    """Return the pattern of one date."""
    year, month = r"(?:19[4-9]\d|20\d\d)", r"(?:0?[1-9]|1[0-2])"
    day = r"(?:0?[1-9]|[12]\d|3[01])"
    forms = (
        rf"(?P<y1>{year})[-./](?P<m1>{month})(?:[-./](?P<d1>{day}))?(?![\d/])",
        rf"(?P<first>\d{{1,2}})(?P<sep>[./-])(?P<second>\d{{1,2}})(?P=sep)(?P<y2>{year})",
        rf"(?P<m2>{month})\s?[./-]\s?(?P<y3>{year})",
        rf"(?:(?P<d2>{day})(?:st|nd|rd|th|\.)?\s+)?(?P<name>{_words('months')})\b\.?"
        rf"(?:\s+(?P<d3>{day})(?:st|nd|rd|th)?,)?,?\s*(?:of\s+)?"
        rf"(?:['’](?P<short>\d\d)|(?P<y4>{year}))",
        rf"(?P<season>{_words('seasons')})\s+(?:of\s+)?(?P<y5>{year})",
        rf"Q(?P<quarter>[1-4])[\s/]*(?P<y6>{year})",
        rf"(?P<y7>{year})",
    )
    pattern = "|".join(f"(?:{form})" for form in forms)
    return rf"(?<![\w@/.+])(?<!-\d{{3}}-)(?:{pattern})(?!\d)"


def find_periods(text: str) -> list[Period]:
    """Return the periods and single dates in a text, in order."""
    periods: list[Period] = []
    dates = list(_pattern("date").finditer(text)) if YEAR.search(text) else []
    while dates:
        date = dates.pop(0)
        following = dates[0] if dates else None
        if following and _pattern("between").fullmatch(text, date.end(), following.start()):
            dates.pop(0)
            periods.append(_range(_iso(date), _iso(following), date.start(), following.end()))
        else:
            periods.append(_single(text, date))
    return periods


def _range(start: str, end: str, first: int, last: int) -> Period:
    """Return the period between two dates, whichever is printed first."""
    common = min(len(start), len(end))
    if end[:common] < start[:common]:
        start, end = end, start
    return Period(start, end, span=(first, last))


def _single(text: str, match: re.Match[str]) -> Period:
    """Return the period that one date gives: open, with a short end or start, or just the date."""
    date, first, last = _iso(match), match.start(), match.end()
    before = text[:first]
    if present := _pattern("present").match(text, last):
        return Period(date, is_current=True, span=(first, present.end()))
    if earlier := _pattern("present_before").search(before):
        return Period(date, is_current=True, span=(earlier.start(), last))
    if month := _pattern("month_before").search(before):
        start = f"{date[:4]}-{_months()[fold(month[1])]:02}"
        return Period(start, date, span=(month.start(), last))
    if (end := SHORT_END.match(text, last)) and len(date) == len("2015"):
        return Period(date, date[:2] + end[1], span=(first, end.end()))
    if since := _pattern("since").search(before):
        return Period(date, is_current=True, is_since=True, span=(since.start(), last))
    if open_end := OPEN_END.match(text, last):
        return Period(date, is_current=True, span=(first, open_end.end()))
    return Period("", date, span=(first, last))


def _iso(match: re.Match[str]) -> str:
    """Return a date as YYYY, YYYY-MM or YYYY-MM-DD."""
    groups = {name: value for name, value in match.groupdict().items() if value}
    year = next((groups[name] for name in groups if name[0] == "y"), "")
    month = next((int(groups[name]) for name in groups if name[0] == "m"), 0)
    day = next((int(groups[name]) for name in groups if name[0] == "d"), 0)
    if "first" in groups:
        return _numeric(int(groups["first"]), groups["sep"], int(groups["second"]), year)
    if "short" in groups:
        year = ("19" if int(groups["short"]) > 60 else "20") + groups["short"]
    if "name" in groups:
        month = _months()[fold(groups["name"])]
    elif "season" in groups:
        month = _seasons()[fold(groups["season"])]
    elif "quarter" in groups:
        month = 3 * int(groups["quarter"]) - 2
    parts = [year, f"{month:02}" if month else "", f"{day:02}" if month and day else ""]
    return "-".join(part for part in parts if part)


def _numeric(first: int, separator: str, second: int, year: str) -> str:
    """Read 31.12.2020 as day and month, 12/31/2020 as month and day, as far as possible."""
    day, month = (first, second) if separator != "/" or first > 12 else (second, first)
    if not (1 <= month <= 12 and 1 <= day <= 31):
        return year
    return f"{year}-{month:02}-{day:02}"
