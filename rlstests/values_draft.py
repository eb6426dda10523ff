"""Print rules for CHECK constraints that values.yml lacks: `python -m rlstests.values_draft`.

The draft says what the database does, not what it should do: read every line against the design
before it goes into values.yml. A comment marks what could not be put into a rule; fill in the empty
lists there.
"""

import json
import re
import sys
from collections.abc import Iterator
from typing import Any

import yaml

from rlstests.own_stack import migrated_database
from rlstests.test_values import CONSTRAINTS
from rlstests.values import Rule, pattern_parts, stated

LIMIT = r"(?:\((-?[\d.]+)\)|'([^']*)'|(-?[\d.]+))(?:::[a-z ]+)?"
LENGTHS = {
    "chars": r"char_length\({column}\)",
    "bytes": r"octet_length\((?:\({column}\)::text|{column})\)",
    "items": r"(?:cardinality|jsonb_array_length)\({column}\)",
    "range": r"{column}",
}


def rule_of(column: str, definition: str) -> tuple[Rule, str]:
    """Return the rule for a column, and what of the definition it leaves out."""
    rule: Rule = {}
    rest = definition.removeprefix("CHECK ")
    name = f'"?{column}"?'
    if listed := re.search(rf"{name} = ANY \(ARRAY\[(.*?)\]\)", rest):
        rule["one_of"] = re.findall(r"'((?:[^']|'')*)'::text", listed[1])
        rest = rest.replace(listed[0], "")
    if kind := re.search(rf"jsonb_typeof\({name}\) = '(\w+)'::text", rest):
        rule["json"] = kind[1]
        rest = rest.replace(kind[0], "")
    if link := re.search(rf"private\.is_web_link\({name}\)", rest):
        rule["link"] = True
        rest = rest.replace(link[0], "")
    pattern = re.search(rf"{name} ~ '((?:[^']|'')*)'::text", rest)
    if pattern and pattern_parts(pattern[1]):
        rule["pattern"] = pattern[1]
        rest = rest.replace(pattern[0], "")
    for key, left in LENGTHS.items():
        rest = take_limits(rule, key, left.format(column=name), rest)
    left_out = re.sub(r"[() ]|\bAND\b", "", rest)
    return rule, definition if left_out else ""


def take_limits(rule: Rule, key: str, left: str, rest: str) -> str:
    """Move the comparisons of one kind out of a definition into a rule."""
    lowest, highest = None, None
    for found in re.finditer(rf"\(?{left} (>=|<=|>|<|=) {LIMIT}", rest):
        text = found[2] or found[3] or found[4]
        value: Any = int(text) if re.fullmatch(r"-?\d+", text) else text
        past = 1 if isinstance(value, int) else 0
        if found[1] in (">=", "="):
            lowest = value
        if found[1] in ("<=", "="):
            highest = value
        if found[1] == ">":
            lowest = value + past
        if found[1] == "<":
            highest = value - past
        rest = rest.replace(found[0], "")
    if (lowest, highest) != (None, None):
        whole = key in ("items", "range") or lowest is not None
        rule[key] = [lowest, highest] if whole else highest
    if key == "chars" and key in rule and not isinstance(rule[key], list):
        rule[key] = [0, highest]
    return rest


def drafts(constraints: list[dict[str, Any]]) -> Iterator[str]:
    """Yield lines of YAML for the constraints that values.yml does not cover."""
    known, relation = stated(), ""
    for row in sorted(constraints, key=lambda row: (row["relation"], row["name"])):
        one_column = len(row["columns"]) == 1
        target = row["columns"][0] if one_column else row["name"]
        if target in known.get(row["relation"], {}):
            continue
        rule: Rule = {"sql_accepts": [], "sql_refuses": []}
        left_out = row["definition"]
        if one_column:
            rule, left_out = rule_of(target, row["definition"])
            rule = rule or {"accepts": [], "refuses": []}
        if row["relation"] != relation:
            relation = row["relation"]
            yield f"{relation}:"
        if left_out:
            yield from (f"  # {line}" for line in left_out.splitlines())
        yield f"  {target}: {as_yaml(rule)}"


def as_yaml(rule: Rule) -> str:
    """Write a rule on one line, in the style of values.yml."""
    return "{" + ", ".join(f"{key}: {_scalar(value)}" for key, value in rule.items()) + "}"


def _scalar(value: Any) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(_scalar(item) for item in value) + "]"
    if isinstance(value, str) and value.startswith("^"):
        return f"'{value}'"
    plain = isinstance(value, str) and re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]*", value)
    if plain and yaml.safe_load(value) == value:
        return str(value)
    return json.dumps(value, ensure_ascii=False)


if __name__ == "__main__":
    with migrated_database() as connection:
        rows = connection.execute(CONSTRAINTS).fetchall()
    sys.stdout.writelines(f"{line}\n" for line in drafts(rows))
