"""What rlstests/values.yml says: rules for columns, as SQL values to accept and to refuse.

    chars: [1, 200]        text with so many characters; fill: names the character to use
    bytes: 262144          so many bytes of text, JSON text or bytea; [32, 32] for an exact number
    json: object           this JSON type and no other; base: what such a value must contain
    items: [0, 50]         so many elements of a JSON array or an array
    range: [0, 100]        numbers, dates, intervals; null for an open end
    one_of: [a, b]         these texts and no others
    link: true             an http(s) address
    pattern: '^[a-z]{1,9}$'  texts of these lengths and characters; classes and {n,m} only
    accepts, refuses: []   values as they are; {owner} stands for the owner's id

`with` is an assignment that all values of a rule need. Where that is not enough there are whole
assignments, sql_accepts and sql_refuses, instead of values. A rule for a constraint over several
columns is named after the constraint and has nothing else.
"""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import yaml
from psycopg import sql

FILE = Path(__file__).parent / "values.yml"
Rule = dict[str, Any]
JSON_SAMPLES = {
    "object": "{}",
    "array": "[]",
    "string": '"x"',
    "number": "1",
    "boolean": "true",
    "null": "null",
}
SCRIPT = "javascript:alert(1)"
# Characters that a pattern may have to keep out, wherever they are not in a class of it.
OUTSIDERS = "aA0_-. /%é"


@dataclass(frozen=True)
class Case:
    """An assignment, and whether the constraints should let it pass."""

    assignment: str
    accepted: bool


@dataclass(frozen=True)
class Value:
    """A SQL expression, and whether the column should take it."""

    expression: str
    accepted: bool


def stated() -> dict[str, dict[str, Rule]]:
    """Return the content of values.yml: relation → column or constraint → rule."""
    content: dict[str, dict[str, Rule]] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return content


def cases(target: str, rule: Rule, column_type: str | None, owner: UUID) -> Iterator[Case]:
    """Yield the assignments that a rule stands for.

    `target` names a column of type `column_type`, or a constraint when that is None.
    """
    for case in _cases(target, rule, column_type):
        yield Case(case.assignment.replace("{owner}", str(owner)), case.accepted)


def _cases(target: str, rule: Rule, column_type: str | None) -> Iterator[Case]:
    if column_type is None or "sql_refuses" in rule:
        yield from (Case(text, True) for text in rule["sql_accepts"])
        yield from (Case(text, False) for text in rule["sql_refuses"])
        return
    more = f", {rule['with']}" if "with" in rule else ""
    for key in rule:
        for value in RULES[key](rule, column_type):
            yield Case(f"{target} = {value.expression}{more}", value.accepted)


def literal(value: object) -> str:
    """Quote a value of the file: texts as they are, everything else as JSON."""
    if value is None:
        return "null"
    text = value if isinstance(value, str) else json.dumps(value)
    return sql.Literal(text).as_string()


def filled(length: str) -> str:
    """A text of so many bytes, more than there are characters."""
    return f"(repeat('é', ({length}) / 2) || repeat('x', mod({length}, 2)))"


def _bounds(limits: Any) -> tuple[Any, Any]:
    lowest, highest = limits if isinstance(limits, list) else (None, limits)
    return lowest, highest


def _chars(rule: Rule, _: str) -> Iterator[Value]:
    fill = literal(rule.get("fill", "é"))
    lowest, highest = _bounds(rule["chars"])
    yield Value(f"repeat({fill}, {highest})", True)
    yield Value(f"repeat({fill}, {highest + 1})", False)
    if lowest:
        yield Value(f"repeat({fill}, {lowest})", True)
        yield Value(f"repeat({fill}, {lowest - 1})", False)


def _bytes(rule: Rule, column_type: str) -> Iterator[Value]:
    lowest, highest = _bounds(rule["bytes"])
    sizes = [(highest, True), (highest + 1, False)]
    if lowest:
        sizes += [(lowest, True), (lowest - 1, False)]
    for size, accepted in sizes:
        yield Value(_of_size(rule, column_type, size), accepted)


def _of_size(rule: Rule, column_type: str, size: int) -> str:
    if column_type == "bytea":
        return f"decode(repeat('00', {size}), 'hex')"
    if column_type != "jsonb":
        return filled(str(size))
    kind = rule.get("json", "string")
    base = literal(rule.get("base", [] if kind == "array" else {}))

    def padded(text: str) -> str:
        return {
            "object": f"({base}::jsonb || jsonb_build_object('pad', {text}))",
            "array": f"({base}::jsonb || jsonb_build_array({text}))",
            "string": f"to_jsonb({text}::text)",
        }[kind]

    empty = padded("''")
    return padded(filled(f"({size} - octet_length({empty}::text))"))


def _json(rule: Rule, _: str) -> Iterator[Value]:
    kind = rule["json"]
    for name, sample in JSON_SAMPLES.items():
        if name != kind:
            yield Value(literal(sample), False)
        elif "base" in rule:
            yield Value(literal(rule["base"]), True)
        elif not _bounds(rule.get("items"))[0]:
            yield Value(literal(sample), True)


def _items(rule: Rule, column_type: str) -> Iterator[Value]:
    lowest, highest = _bounds(rule["items"])
    counts = [(highest, True), (highest + 1, False)] if highest is not None else []
    if lowest:
        counts += [(lowest, True), (lowest - 1, False)]
    for count, accepted in counts:
        yield Value(_array(column_type, count), accepted)


def _array(column_type: str, count: int) -> str:
    if column_type == "jsonb":
        return f"to_jsonb(array_fill('x'::text, array[{count}]))"
    element = "'x'" if column_type == "text[]" else "null"
    return f"array_fill({element}::{column_type.removesuffix('[]')}, array[{count}])"


def _range(rule: Rule, column_type: str) -> Iterator[Value]:
    step = _step(column_type)
    for limit, sign in zip(_bounds(rule["range"]), "-+", strict=True):
        if limit is not None:
            at = f"{literal(str(limit))}::{column_type}"
            yield Value(at, True)
            yield Value(f"{at} {sign} {step}", False)


def _step(column_type: str) -> str:
    if column_type.startswith("numeric("):
        scale = int(column_type.rstrip(")").split(",")[1])
        return f"{10**-scale:.{scale}f}"
    if column_type == "numeric":
        return "0.000001"
    moments = column_type.startswith("timestamp") or column_type == "interval"
    return "interval '1 second'" if moments else "1"


def _one_of(rule: Rule, _: str) -> Iterator[Value]:
    yield from (Value(literal(value), True) for value in rule["one_of"])
    yield from (Value(literal(value), False) for value in ("", "no such value"))


def _link(_: Rule, __: str) -> Iterator[Value]:
    yield Value(literal("https://example.com/x"), True)
    yield Value(literal(SCRIPT), False)


def pattern_parts(pattern: str) -> list[tuple[str, int, int]]:
    """Take a pattern apart into classes of characters, each with its least and greatest number.

    Returns nothing for a pattern that has more in it than that.
    """
    found = re.findall(r"(\[[^\]]+\])((?:\{\d+(?:,\d+)?\})?)", pattern)
    if "^" + "".join(group + times for group, times in found) + "$" != pattern:
        return []
    parts = []
    for group, times in found:
        numbers = [int(number) for number in times.strip("{}").split(",") if number]
        parts.append((group, numbers[0] if numbers else 1, numbers[-1] if numbers else 1))
    return parts


def _pattern(rule: Rule, _column_type: str) -> Iterator[Value]:
    parts = pattern_parts(rule["pattern"])
    assert parts, f"{rule['pattern']} needs accepts and refuses"
    members = [next(c for c in "a1A_" if re.match(part[0], c)) for part in parts]

    def text(counts: list[int]) -> str:
        return "".join(member * count for member, count in zip(members, counts, strict=True))

    lowest, highest = [part[1] for part in parts], [part[2] for part in parts]
    yield from (Value(literal(text(counts)), True) for counts in (lowest, highest))
    longer, shorter = [*highest[:-1], highest[-1] + 1], [*lowest[:-1], max(lowest[-1] - 1, 0)]
    bad = {text(longer), text(lowest) + "\n"}
    bad |= {text(shorter)} if lowest[-1] else {text([lowest[0] - 1, *lowest[1:]])}
    for index, (group, least, _greatest) in enumerate(parts):
        before = text([count if i < index else 0 for i, count in enumerate(lowest)])
        after = text([count if i > index else 0 for i, count in enumerate(lowest)])
        rest = members[index] * max(least - 1, 0)
        outsiders = (c for c in OUTSIDERS if not re.match(group, c))
        bad |= {before + outsider + rest + after for outsider in outsiders}
    yield from (Value(literal(value), False) for value in sorted(bad))


def _listed(key: str, accepted: bool) -> Callable[[Rule, str], Iterator[Value]]:
    def values(rule: Rule, _: str) -> Iterator[Value]:
        return (Value(literal(value), accepted) for value in rule[key])

    return values


def _nothing(_: Rule, __: str) -> Iterator[Value]:
    return iter(())


RULES: dict[str, Callable[[Rule, str], Iterator[Value]]] = {
    "chars": _chars,
    "bytes": _bytes,
    "json": _json,
    "items": _items,
    "range": _range,
    "one_of": _one_of,
    "link": _link,
    "pattern": _pattern,
    "accepts": _listed("accepts", True),
    "refuses": _listed("refuses", False),
    # They belong to the other rules.
    "with": _nothing,
    "fill": _nothing,
    "base": _nothing,
}
