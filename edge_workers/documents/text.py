"""Clean characters and words: what cannot be seen goes, what was joined for looks is parted."""

import re
import unicodedata
from functools import lru_cache

LIGATURES = {code: unicodedata.normalize("NFKC", chr(code)) for code in range(0xFB00, 0xFB07)}
HYPHENS = dict.fromkeys((0x02, 0xFFFE, 0x2010, 0x2011), "-")
"""PDFium marks a hyphen at a line's end with 2 or FFFE; the others are hyphens by another name."""
SOFT_HYPHEN = "\u00ad"
SPACES = frozenset((0x20, 0x09, 0x0A, 0x0B, 0x0C, 0x0D, 0x85, 0xA0, 0x2028, 0x2029))

WORD = re.compile(r"[\w+#]+")
PRIVATE_USE = re.compile("[\ue000-\uf8ff\U000f0000-\U0010ffff]")
BULLETS = frozenset("•◦▪▫■□●○‣⁃∙·⦁⬤◆◇❖➢➤►▶▸▹◾◽✓✔➔→*–—-−»›¤§o")
"""Characters that begin an item when they stand alone before it."""

_CLEAN: dict[int, str | None] = {}


def clean_character(code: int) -> str | None:
    """Return what a character should read as; a space for any space, None if it is invisible."""
    if code not in _CLEAN:
        _CLEAN[code] = _clean(code)
    return _CLEAN[code]


def _clean(code: int) -> str | None:
    if code in LIGATURES:
        return LIGATURES[code]
    if code in HYPHENS:
        return HYPHENS[code]
    if code in SPACES or unicodedata.category(chr(code)) == "Zs":
        return " "
    if chr(code) == SOFT_HYPHEN:
        return SOFT_HYPHEN
    if code == 0 or unicodedata.category(chr(code)) in ("Cc", "Cf", "Cs", "Cn"):
        return None
    return chr(code)


def clean_text(text: str) -> str:
    """Return a text with its characters cleaned, composed (NFC) and single-spaced."""
    cleaned = "".join(clean_character(ord(character)) or "" for character in text)
    return " ".join(unicodedata.normalize("NFC", cleaned).split())


@lru_cache(maxsize=8192)
def fold(text: str) -> str:
    """Return lower case words without accents and punctuation, to look a phrase up in a table."""
    letters = text.casefold().replace("&", " and ")
    if not letters.isascii():
        spread = unicodedata.normalize("NFKD", letters)
        letters = "".join(c for c in spread if not unicodedata.combining(c))
    return " ".join(WORD.findall(letters))


def is_upper(text: str) -> bool:
    """Tell whether a text of at least two letters is all capitals."""
    return text.isupper() and sum(c.isalpha() for c in text) > 1


SUFFIXES = re.compile(
    r"(?:ments?|tions?|sions?|ings?|ly|ities|ity|ness|able|ible|ance|ence|ers?|ed|ize|ise|ous|ive|"
    r"ical|ung|ungen|keit|heit|schaft|lich|isch|tion|tionen)\b"
)


def join_wrapped(first: str, second: str, known_words: frozenset[str] = frozenset()) -> str:
    """Join a line with the one it wraps into.

    A hyphen at the end stays when it belongs to the word ("on-" + "call") and goes when it was put
    there to break it ("develop-" + "ment"). `known_words` are the folded words of the document.
    """
    if first.endswith(SOFT_HYPHEN):
        return first.rstrip(SOFT_HYPHEN) + second
    if not first.endswith("-") or first.endswith((" -", "--")) or not second[:1].isalnum():
        return f"{first} {second}"
    head, tail = first.split()[-1][:-1], second.split()[0]
    if not second[0].islower() or not head.isalpha():
        return first + second
    whole, letters = fold(head + tail), fold(tail)
    is_broken = whole in known_words or (
        fold(head) not in known_words and SUFFIXES.match(letters) is not None
    )
    return (first[:-1] if is_broken else first) + second
