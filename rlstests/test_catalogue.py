"""Rules that hold for every object, read from the catalogue: a new object cannot forget one."""

import pytest

from rlstests.actors import SYSTEM, Database
from rlstests.catalogue_queries import Rule
from rlstests.catalogue_rules_code import FUNCTION_RULES, POLICY_RULES
from rlstests.catalogue_rules_tables import COLUMN_RULES, COMMENT_RULES, KEY_RULES, TABLE_RULES

RULES = (
    *TABLE_RULES,
    *COLUMN_RULES,
    *POLICY_RULES,
    *FUNCTION_RULES,
    *KEY_RULES,
    *COMMENT_RULES,
)
EACH_RULE = pytest.mark.parametrize("rule", RULES, ids=[rule.title for rule in RULES])


def offenders(db: Database, rule: Rule) -> set[str]:
    with db.acting(SYSTEM) as connection:
        return {row["name"] for row in connection.execute(rule.offenders.encode())}


@EACH_RULE
def test_catalogue__has_no(db: Database, rule: Rule) -> None:
    assert offenders(db, rule) == set()


@EACH_RULE
def test_rule__would_find(db: Database, rule: Rule) -> None:
    before = offenders(db, rule)
    with db.acting(SYSTEM) as connection:
        connection.execute(rule.broken_by.encode())
    assert offenders(db, rule) - before, "positive control: the rule finds what breaks it"
