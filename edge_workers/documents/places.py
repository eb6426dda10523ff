"""Addresses and locations: "Portland, OR", "70173 Stuttgart", "Bengaluru, India", "Remote"."""

import re
from dataclasses import dataclass
from functools import cache, lru_cache

from edge_workers.documents.text import fold
from edge_workers.documents.vocabulary import LANGUAGES, REGIONS, phrases

POSTAL_CODE = re.compile(
    r"\b(?:[A-Z]{1,2}-)?(?:\d{5}(?:-\d{4})?|\d{3} ?\d{3}|\d{4}|"
    r"[A-Z]\d[A-Z] ?\d[A-Z]\d|[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2})\b"
)
STREET = re.compile(
    r"\d.*\b(?:street|st|road|rd|avenue|ave|lane|ln|drive|dr|court|ct|boulevard|blvd|way|place|pl|"
    r"square|terrace|apt|suite|unit|floor)\b|(?:str\.|straße|strasse|weg|allee|platz|gasse|ring|"
    r"damm|ufer)\s*\d|^\d+\s+\w|\w+\s\d{1,4}[a-z]?$",
    re.IGNORECASE,
)
CITY = re.compile(r"[^\W\d_][\w.'’ -]*(?: \([A-Z]{2}\))?$")
MAX_CITY_WORDS = 4
MAX_PARTS = 6
MAX_LENGTH = 160
MIN_POSTAL_CODE = 5


@dataclass(frozen=True)
class Place:
    """The parts of a location; each empty if the text does not have it."""

    address: str = ""
    postal_code: str = ""
    city: str = ""
    region: str = ""
    country_code: str = ""

    def as_json_resume(self) -> dict[str, str]:
        """Return the parts that are there, under JSON Resume's names."""
        parts = {
            "address": self.address,
            "postalCode": self.postal_code,
            "city": self.city,
            "region": self.region,
            "countryCode": self.country_code,
        }
        return {name: value for name, value in parts.items() if value}


@cache
def _countries() -> dict[str, str]:
    return {
        fold(name): code
        for language in LANGUAGES
        for code, names in language.countries.items()
        for name in names
    }


@cache
def _iso_codes() -> frozenset[str]:
    return frozenset(_countries().values())


@cache
def _regions() -> tuple[dict[str, str], dict[str, str]]:
    """Return the regions' codes as printed, and their folded names, each with its country."""
    codes, names = {}, {}
    for country, regions in REGIONS.items():
        for code, name in regions.items():
            codes[code] = country
            names[fold(name)] = country
    return codes, names


def country_code(text: str) -> str:
    """Return the ISO code of a country that is named by the text, or an empty text."""
    return _countries().get(fold(text), "")


def region_country(text: str) -> str:
    """Return the country of the state or province that the text names, or an empty text."""
    codes, names = _regions()
    return codes.get(text, "") or names.get(fold(text), "")


@lru_cache(maxsize=4096)
def find_place(text: str, *, loose: bool = False) -> Place | None:
    """Read an address or location; None unless something proves that it is one.

    Proof is a known country or region, or a postal code beside a city. "Acme, Springfield" alone is
    not enough: it might be anything. With `loose` the name of a region may follow the city without
    a comma; only among contact details is that safe.
    """
    if len(text) > MAX_LENGTH:
        return None
    parts = [part.strip(" ()") for part in re.split(r"[,;|·•]|\s[–—-]\s", text.strip(" ,;|·•–—"))]
    parts = [part for part in parts if part]
    if len(parts) > MAX_PARTS:
        return None
    found: dict[str, str] = {}
    for index, part in enumerate(parts):
        rest = _take_country(found, _take_postal_code(found, part), is_first=index == 0)
        rest = _take_region(found, rest, is_first=index == 0, loose=loose)
        if rest and STREET.search(rest) and "city" not in found:
            found["address"] = f"{found['address']}, {rest}" if "address" in found else rest
        elif rest and "city" not in found and _is_city(rest):
            found["city"] = rest
        elif rest:
            return None
    has_postal_city = "postal_code" in found and "city" in found
    is_proven = "region" in found or "country_code" in found or has_postal_city
    return Place(**found) if is_proven else None


def _take_postal_code(found: dict[str, str], part: str) -> str:
    """Take a postal code from a part, unless the number is that of a house; return the rest."""
    match = POSTAL_CODE.search(part)
    if match is None or "postal_code" in found:
        return part
    before, after = part[: match.start()].strip(), part[match.end() :].strip()
    is_house = after and len(match[0]) < MIN_POSTAL_CODE and STREET.search(part)
    if is_house or any(map(str.isdigit, before + after)):
        return part
    found["postal_code"] = match[0]
    return f"{before} {after}".strip()


def _take_country(found: dict[str, str], part: str, is_first: bool) -> str:
    """Take a country from the end of a part; return the rest.

    A country right after a city, without a comma, is none: that is how companies are called. After
    a region or postal code it is one, and even its bare code then.
    """
    match = re.search(r"\(\s*([A-Z]{2})\s*\)?$", part)
    if match and match[1] in _iso_codes():
        found.setdefault("country_code", match[1])
        return part[: match.start()].strip()
    words = part.split()
    for count in range(min(3, len(words)), 0, -1):
        name, rest = " ".join(words[-count:]), " ".join(words[:-count])
        is_sure = not is_first if not rest else "postal_code" in found or _ends_with_region(rest)
        code = country_code(name) or (name if rest and _ends_with_region(rest) == name else "")
        code = code or (name if rest and "postal_code" in found and name in _iso_codes() else "")
        if code and is_sure and found.get("country_code") in (None, code):
            found["country_code"] = code
            return rest
    return part


def _take_region(found: dict[str, str], part: str, *, is_first: bool, loose: bool) -> str:
    """Take a state or province that is the part, or stands at its end; return the rest."""
    if "region" in found:
        return part
    words = part.split()
    for count in range(min(3, len(words)), 0, -1):
        region, rest = " ".join(words[-count:]), " ".join(words[:-count])
        is_code = region in _regions()[0] and region.isupper()
        may_be = rest and (is_code or loose) or not rest and not is_first
        if may_be and region_country(region):
            found["region"] = region
            found.setdefault("country_code", region_country(region))
            return rest
    return part


def _ends_with_region(text: str) -> str:
    """Return the country of a region that ends the text, or an empty text."""
    words = text.split()
    tails = (" ".join(words[-count:]) for count in range(min(3, len(words)), 0, -1))
    return next((country for tail in tails if (country := region_country(tail))), "")


def _is_city(text: str) -> bool:
    return (
        bool(CITY.match(text))
        and text[0].isupper()
        and len(text.split()) <= MAX_CITY_WORDS
        and not (text.isupper() and text in _regions()[0])
        and fold(text) not in phrases("remote_words")
    )


def is_location(text: str) -> bool:
    """Tell whether a text is a location and nothing else."""
    return bool(text) and (fold(text) in phrases("remote_words") or find_place(text) is not None)


def split_location(text: str) -> tuple[str, str]:
    """Part a text such as "Acme Inc., Dayton, OH" before its location.

    Returns both parts; the second is empty if there is no location that is sure.
    """
    if is_location(text):
        return "", text
    pieces = re.split(r"(,\s+|\s+[·|•–—-]\s+|\s*\()", text)
    for index in range(2, len(pieces), 2):
        tail = "".join(pieces[index:]).strip(" )")
        if is_location(tail) and _has_city_or_is_remote(tail):
            return "".join(pieces[: index - 1]).strip(), tail
    return text, ""


def _has_city_or_is_remote(text: str) -> bool:
    """Tell whether a location names a city, or says that the work is remote."""
    place = find_place(text)
    return place is None or bool(place.city)
