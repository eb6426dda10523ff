"""The layout of generated types: readable, stable, and nothing but layout."""

from __future__ import annotations

import re
from pathlib import Path

from cli.typescript import HEADER, format_types

TYPES = Path(__file__).parent / "types"
RAW = (TYPES / "raw.ts").read_text()


def test_types__are_laid_out_one_member_a_line() -> None:
    assert format_types(RAW) == (TYPES / "formatted.ts").read_text()


def test_layout__changes_white_space_and_separators_only() -> None:
    def content(text: str) -> str:
        return re.sub(r"[\s,;]", "", text)

    assert content(format_types(RAW)) == content(HEADER + RAW)


def test_layout__of_a_laid_out_text_is_the_same() -> None:
    once = format_types(RAW)
    assert format_types(once.removeprefix(HEADER)) == once
