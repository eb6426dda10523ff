"""Rules for the files: rooms and their tests find each other by name."""

import re
from pathlib import Path

import pytest

HERE = Path(__file__).parent
MIGRATIONS = sorted((HERE.parent / "supabase" / "migrations").glob("*.sql"))
# What is about all rooms at once.
GENERAL = {
    *("access", "attacks", "catalogue", "coverage", "explain", "mutants", "races", "seed"),
    *("snapshot", "values"),
}
FUNCTION = re.DOTALL | re.MULTILINE
EACH_FILE = pytest.mark.parametrize("path", MIGRATIONS, ids=lambda path: path.stem)


def stem(path: Path) -> str:
    """The part of a name that says the room, and the part of it where there is one."""
    return path.stem.split("_", 1)[1]


def room(path: Path) -> str:
    return stem(path).split("_")[0]


def named_tests(path: Path) -> list[str]:
    """The test files that the head of a migration names."""
    head = path.read_text(encoding="utf-8").split("\n\n", 1)[0]
    return re.findall(r"rlstests/test_([a-z_]+)\.py", head)


def test_migrations__are_there() -> None:
    assert len(MIGRATIONS) >= 14
    assert {"foundation", "identity", "queue", "resumes"} <= {room(path) for path in MIGRATIONS}


@EACH_FILE
def test_migration__names_the_test_file_of_its_room(path: Path) -> None:
    names = named_tests(path)
    assert names, "the head has a line: -- Tests: rlstests/test_<room>.py"
    for name in names:
        assert (HERE / f"test_{name}.py").exists(), name
    assert room(path) in {name.split("_")[0] for name in names}


def test_every_test_file__is_named_after_a_room() -> None:
    rooms = {room(path) for path in MIGRATIONS}
    tests = {stem(path) for path in HERE.glob("test_*.py")}
    assert len(tests) > 10
    assert {test for test in tests if test.split("_")[0] not in rooms | GENERAL} == set()


def test_every_room__has_a_test_file() -> None:
    tests = {stem(path).split("_")[0] for path in HERE.glob("test_*.py")}
    assert {room(path) for path in MIGRATIONS} - tests == set()


@EACH_FILE
def test_functions__say_their_volatility(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    heads = re.findall(r"^create function .*?^(?:as \$|return |begin )", text, FUNCTION)
    assert len(heads) == text.count("\ncreate function "), "each function has a body"
    for head in heads:
        assert re.search(r"^(volatile|stable|immutable)$", head, re.MULTILINE), head


@EACH_FILE
def test_migration__is_short_enough_to_read(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400
