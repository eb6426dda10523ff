"""A résumé on a terminal: JSON Resume as a report to read."""

from __future__ import annotations

from typing import Any

from rich.markup import escape

from cli.output import console

TITLES = {
    "work": "Work",
    "volunteer": "Volunteering",
    "education": "Education",
    "projects": "Projects",
    "certificates": "Certificates",
    "awards": "Awards",
    "publications": "Publications",
    "skills": "Skills",
    "languages": "Languages",
    "interests": "Interests",
}
"""The sections of a report in their order, and what each is called."""


def show_resume(resume: dict[str, Any]) -> None:
    """Print a résumé (jsonresume.org) section by section; what is missing is left out."""
    _print_basics(resume.get("basics", {}))
    for key, title in TITLES.items():
        items = resume.get(key, [])
        if items:
            console.print(f"\n[bold cyan]{title}[/]")
        for item in items:
            _print_item(key, item)


def _print_basics(basics: dict[str, Any]) -> None:
    name = escape(basics.get("name", "(no name found)"))
    label = f" · {escape(basics['label'])}" if "label" in basics else ""
    console.print(f"[bold]{name}[/]{label}")
    location = basics.get("location", {})
    place = ", ".join(
        location[part] for part in ("city", "region", "countryCode") if part in location
    )
    details = [basics.get("email"), basics.get("phone"), place, basics.get("url")]
    details += [profile.get("url") for profile in basics.get("profiles", [])]
    if any(details):
        console.print(escape(" · ".join(detail for detail in details if detail)))
    if "summary" in basics:
        console.print(f"\n{escape(basics['summary'])}")


def _print_item(key: str, item: dict[str, Any]) -> None:
    """Print an entry: a line with what, where and when, then its text."""
    if key == "skills":
        level = f" ({item['level']})" if "level" in item else ""
        line = f"{item.get('name', '')}{level}"
        keywords = ", ".join(item.get("keywords", []))
        console.print(escape(f"  {line}: {keywords}" if keywords else f"  {line}"))
        return
    console.print(f"  [bold]{escape(_headline(item))}[/] [dim]{escape(_period(item))}[/]")
    for field in ("summary", "description"):
        if field in item:
            console.print(escape(f"    {item[field]}"))
    for highlight in item.get("highlights", []) + item.get("courses", []):
        console.print(escape(f"    • {highlight}"))


def _headline(item: dict[str, Any]) -> str:
    """Return what an entry is called and by whom it was given."""
    what = item.get("position") or item.get("title") or item.get("language")
    degree = " ".join(item[part] for part in ("studyType", "area") if part in item)
    by = item.get("organization") or item.get("institution") or item.get("name")
    given = item.get("issuer") or item.get("awarder") or item.get("publisher")
    parts = [what or degree, by, given, item.get("fluency"), item.get("location")]
    return " · ".join(part for part in parts if part)


def _period(item: dict[str, Any]) -> str:
    """Return when an entry was, as it is printed."""
    if "startDate" in item:
        return f"{item['startDate']} – {item.get('endDate', 'present')}"
    return str(item.get("endDate") or item.get("date") or item.get("releaseDate") or "")
