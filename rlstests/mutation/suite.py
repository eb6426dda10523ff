"""The tests of rlstests: collected once, then run in forks, the most telling ones first."""

import inspect
import re
from collections.abc import Callable, Iterable
from functools import cached_property
from typing import Any

import pytest
from _pytest.fixtures import SubRequest

from cli.stack.status import StackStatus
from rlstests.mutation.mutants import Mutant

# These need more than a database: the gateway, or a comparison that any change would fail.
NOT_FOR_CLONES = re.compile(r"test_access_http\w*\.py|test_snapshot\.py")
FIXTURE_NOT_FOR_CLONES = "api"
MARK_NOT_FOR_CLONES = "beyond_database"

# The one test that is sure to look at such a mutant goes first: there are many of them.
_FIRST = {
    "table-grant": "test_column_grants__",
    "column-select": "test_column_grants__",
    "column-insert": "test_column_grants__",
    "column-update": "test_column_grants__",
    "execute-to-authenticated": "test_functions__are_the_ones",
    "execute-to-anon": "test_functions__are_the_ones",
    "execute-to-public": "test_functions__are_the_ones",
    "search-path-reset": "has_no[a function that does not pin its search_path]",
    "search-path-public": "has_no[a function that does not pin its search_path]",
    "rls-off": "has_no[a table without row level security]",
    "view-as-owner": "has_no[a view with the rights of its owner]",
    "policy-to-public": "has_no[a policy that does not name its role]",
}


# Fixtures of rlstests/conftest.py that undo what a test did.
_ROLLED_BACK = frozenset({"db", "world"})


class CollectionFailed(Exception):
    """The tests could not be collected."""


class Test:
    """One collected test, and what can be told about it before it runs."""

    def __init__(self, item: pytest.Function) -> None:
        self.item = item
        self.id = item.nodeid
        # "resumes" of test_matrix_cell__…[public.resumes-anon-select-refused]
        parameters = self.id.partition("[")[2]
        self.subjects = set(re.findall(r"\b(?:public|private|queue|worker)\.(\w+)", parameters))
        # A test that does without a transaction that is rolled back commits, and is slow.
        self.commits = _ROLLED_BACK.isdisjoint(item.fixturenames)

    @cached_property
    def words(self) -> set[str]:
        """Every name in the source of the test."""
        return _words(inspect.getsource(self.item.obj))

    @cached_property
    def words_of_file(self) -> set[str]:
        """Every name in the file of the test."""
        return _words(self.item.path.read_text(encoding="utf-8"))

    def is_about_another(self, mutant: Mutant) -> bool:
        """Tell whether the test is a cell of a table or function that the mutant does not touch."""
        return bool(self.subjects) and self.subjects.isdisjoint(_bare(mutant.names + mutant.around))

    def distance(self, mutant: Mutant) -> tuple[int, ...]:
        """Tell how far this test is from noticing the mutant; the nearest runs first."""
        is_subject = not self.subjects.isdisjoint(_bare(mutant.names))
        is_first = _FIRST.get(mutant.kind, "?") in self.id and (is_subject or not self.subjects)
        hits = len(_bare(mutant.names) & self.words) + 2 * is_subject
        return (
            not is_first,
            self.commits,
            not (hits or "test_catalogue.py" in self.id),
            -hits,
            -len(_bare(mutant.around) & self.words),
            -len(_bare(mutant.names) & self.words_of_file),
        )


class Suite:
    """A pytest plugin that hands the collected tests to `use` instead of running them."""

    def __init__(self, use: Callable[["Suite"], None]) -> None:
        self.tests: list[Test] = []
        self._use = use
        self._status: StackStatus | None = None
        self._failures: list[tuple[str, str]] = []
        self._error: BaseException | None = None

    @classmethod
    def collect(cls, use: Callable[["Suite"], None]) -> None:
        """Collect the tests and call `use` with them.

        Raises CollectionFailed, and what `use` raises.
        """
        options = ["-p", "no:terminal", "-p", "no:cacheprovider", "-p", "no:logging", "-s"]
        suite = cls(use)
        code = pytest.main(
            [*options, "-o", "addopts=--import-mode=importlib", "rlstests"],
            plugins=[suite],
        )
        if suite._error is not None:
            raise suite._error
        if code is not pytest.ExitCode.OK:
            raise CollectionFailed(f"pytest could not collect rlstests ({code!r}).")

    def nearest_first(self, mutant: Mutant) -> list[Test]:
        """Return the tests for this mutant, those first that are likely to notice it.

        Cells about other tables and functions are left out. They are most of the suite, and without
        them a mutant can only look better than it is.
        """
        tests = [test for test in self.tests if not test.is_about_another(mutant)]
        return sorted(tests, key=lambda test: test.distance(mutant))

    def all_for(self, mutants: Iterable[Mutant]) -> list[Test]:
        """Return every test that some of these mutants is given, in the order of the files."""
        wanted = {test.id for mutant in mutants for test in self.nearest_first(mutant)}
        return [test for test in self.tests if test.id in wanted]

    def failures(
        self, tests: Iterable[Test], status: StackStatus, *, most: int
    ) -> list[tuple[str, str]]:
        """Run tests against a database until so many failed: their ids, and what each said."""
        self._status, self._failures = status, []
        todo = list(tests)
        for test, following in zip(todo, [*todo[1:], None], strict=True):
            test.item.ihook.pytest_runtest_protocol(
                item=test.item, nextitem=following.item if following else None
            )
            if len(self._failures) >= most:
                break
        return self._failures

    # ---- hooks ----------------------------------------------------------------------------------

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        if session.testsfailed:
            raise session.Interrupted("collection failed")
        self.tests = [
            Test(item)
            for item in session.items
            if isinstance(item, pytest.Function) and _is_for_clones(item)
        ]
        # Pytest would take what is raised here for a fault of its own, or for the end.
        try:
            self._use(self)
        except (Exception, KeyboardInterrupt) as error:
            self._error = error
        return True

    @pytest.hookimpl(tryfirst=True)
    def pytest_fixture_setup(
        self, fixturedef: pytest.FixtureDef[Any], request: SubRequest
    ) -> object:
        if fixturedef.argname != "stack":
            return None
        fixturedef.cached_result = (self._status, fixturedef.cache_key(request), None)
        return self._status

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            crash = getattr(report.longrepr, "reprcrash", None)
            said = crash.message if crash else report.longreprtext
            self._failures.append((report.nodeid, said.partition("\n")[0][:300]))


def _is_for_clones(item: pytest.Function) -> bool:
    return (
        # What does not ask for the stack cannot see a mutant.
        "stack" in item.fixturenames
        and FIXTURE_NOT_FOR_CLONES not in item.fixturenames
        and item.get_closest_marker(MARK_NOT_FOR_CLONES) is None
        and not NOT_FOR_CLONES.fullmatch(item.path.name)
    )


def _bare(names: Iterable[str]) -> set[str]:
    return {name.rpartition(".")[2] for name in names}


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text))
