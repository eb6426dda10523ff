"""E-mail addresses, phone numbers and web addresses in a text."""

import re
from dataclasses import dataclass

from edge_workers.documents.dates import find_periods
from edge_workers.documents.vocabulary import NETWORKS

# Every repetition has an end, so that a hostile text takes no longer than any other.
EMAIL = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){0,6}\.[^\W\d_]{2,24}(?![\w-])")
PHONE = re.compile(r"(?<![\w/.@-])(?:\+|\(\+?|00)?\d[\d\s().\u2013/-]{5,24}\d(?![\w@])")
PHONE_DIGITS = range(7, 16)
TOP_LEVELS = (
    "com|org|net|edu|gov|info|biz|io|dev|app|me|ai|co|tech|design|page|site|online|xyz|pro|cloud|"
    "studio|work|works|blog|name|eu|de|at|ch|uk|us|ca|fr|es|it|nl|be|pl|se|no|dk|fi|pt|ie|in|au|nz|"
    "br|mx|jp|cn|sg|za|tv|gg|sh|is|rs|cz|hu|ro|gr|tr|il|ae|example"
)
URL = re.compile(
    rf"(?:https?://|www\.)[^\s|,;()<>\[\]]{{1,500}}"
    rf"|(?<![@\w.-])(?:[a-z0-9][a-z0-9-]{{0,62}}\.){{1,6}}(?:{TOP_LEVELS})"
    rf"(?![\w@.-]{{0,64}}@)(?![\w-])(?:/[^\s|,;()<>\[\]]{{0,500}})?",
    re.IGNORECASE,
)
NO_HOSTS = frozenset({"asp.net", "ado.net", "vb.net"})
"""Technologies that are called like web addresses."""

HOST = re.compile(r"^(?:https?://)?(?:www\.|[a-z]{2}\.)?", re.IGNORECASE)


@dataclass(frozen=True)
class Profile:
    """A page of a person on a network."""

    network: str
    username: str
    url: str

    def as_json_resume(self) -> dict[str, str]:
        """Return the parts that are there, under JSON Resume's names."""
        parts = {"network": self.network, "username": self.username, "url": self.url}
        return {name: value for name, value in parts.items() if value}


def find_email(text: str) -> str:
    """Return the first e-mail address in a text, or an empty text."""
    match = EMAIL.search(text)
    return match[0].strip(".") if match else ""


def find_phone(text: str) -> str:
    """Return the first phone number in a text as it is printed, or an empty text."""
    for match in PHONE.finditer(text):
        digits = sum(map(str.isdigit, match[0]))
        if digits in PHONE_DIGITS and not find_periods(match[0]):
            return match[0].strip()
    return ""


def find_urls(text: str) -> list[str]:
    """Return the web addresses in a text, without what ends a sentence."""
    without_emails = EMAIL.sub(" ", text)
    urls = (match[0].rstrip(".,:;!?'\"") for match in URL.finditer(without_emails))
    return [url for url in urls if url.casefold() not in NO_HOSTS]


def with_scheme(url: str) -> str:
    """Return a printed address as a URL."""
    return url if re.match(r"[a-z]+://", url, re.IGNORECASE) else f"https://{url}"


def url_key(url: str) -> str:
    """Return what makes two addresses the same: without scheme, "www." and the last slash."""
    return re.sub(r"^(?:https?://)?(?:www\.)?", "", url.casefold()).rstrip("/")


def profile_of(url: str) -> Profile | None:
    """Return the profile that an address points to; None if it is not on a known network."""
    host, _, path = HOST.sub("", url).partition("/")
    network = NETWORKS.get(host.casefold())
    parts = [part for part in path.split("?")[0].split("/") if part]
    if network is None or not parts:
        return None
    return Profile(network, parts[-1].lstrip("@"), with_scheme(url))


def is_broken_address(before: str, after: str) -> bool:
    """Tell whether two words are one e-mail or web address that a narrow column broke."""
    before, after = before.strip("()<>,;"), after.strip("()<>,;")
    is_address = EMAIL.fullmatch(before) or URL.fullmatch(after) and "@" not in before
    if is_address or not re.search(r"[.@/]", before) or "@" in after:
        return False
    whole = before + after
    if "@" in before:
        return EMAIL.fullmatch(whole) is not None
    is_complete = URL.fullmatch(before) is not None and not before.endswith(("-", "/", "_", "."))
    return not is_complete and URL.fullmatch(whole) is not None
