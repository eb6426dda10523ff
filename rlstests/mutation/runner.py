"""Runs mutants: each in a fork and a clone of its own, several at once, until the time is up."""

import json
import os
import select
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Literal

import psycopg

from rlstests.mutation.database import Original
from rlstests.mutation.mutants import Mutant
from rlstests.mutation.suite import Suite, Test

Outcome = Literal["killed", "survived", "error", "timeout"]
MUTANT_SECONDS = 300.0


@dataclass(frozen=True)
class Result:
    """What became of a mutant.

    `killed` names the test that noticed it and what that said; `error`: it could not be made;
    `timeout`: the tests did not end.
    """

    mutant: str
    outcome: Outcome
    seconds: float
    test: str = ""
    said: str = ""


class ControlFailed(Exception):
    """A test fails on an unchanged clone, so its failure on a mutant would mean nothing."""


@dataclass(frozen=True)
class _Job:
    mutant: Mutant
    tests: list[Test]
    most_failures: int = 1


@dataclass
class _Child:
    job: _Job
    pid: int
    pipe: int
    database: str
    started: float


class Runner:
    """Runs mutants of one database with one suite, `jobs` at a time."""

    def __init__(self, suite: Suite, original: Original, jobs: int) -> None:
        self._suite = suite
        self._original = original
        self._jobs = jobs
        self._count = 0

    def control(self, tests: list[Test]) -> float:
        """Run tests on clones that nothing was done to; return the seconds it took.

        Raises ControlFailed with tests that fail.
        """
        begun = time.monotonic()
        share = -(-len(tests) // self._jobs)
        shards = [tests[start : start + share] for start in range(0, len(tests), share)]
        control = Mutant("control:no-change", "select 1", ())
        jobs = (_Job(control, shard, most_failures=len(tests)) for shard in shards)
        failed = [result for result in self._run(jobs) if result.outcome != "survived"]
        if failed:
            raise ControlFailed(
                "\n".join(result.said or result.outcome for result in failed)
                + "\nThe suite must pass on the unchanged database before mutants mean anything."
            )
        return time.monotonic() - begun

    def run(
        self, mutants: Iterable[Mutant], seconds: float, on_result: Callable[[Result], None]
    ) -> list[Result]:
        """Run mutants in their order until the time is up; what has begun is finished."""
        deadline = time.monotonic() + seconds

        def jobs() -> Iterator[_Job]:
            for mutant in mutants:
                if time.monotonic() > deadline:
                    return
                yield _Job(mutant, self._suite.nearest_first(mutant))

        results = []
        # Interrupted, it tells what was found until then.
        with suppress(KeyboardInterrupt):
            for result in self._run(jobs()):
                on_result(result)
                results.append(result)
        return results

    def _run(self, jobs: Iterable[_Job]) -> Iterator[Result]:
        waiting, children = iter(jobs), list[_Child]()
        try:
            while True:
                while len(children) < self._jobs and (job := next(waiting, None)):
                    children.append(self._start(job))
                if not children:
                    return
                ready, _, _ = select.select([child.pipe for child in children], [], [], 1.0)
                for child in list(children):
                    is_late = time.monotonic() - child.started > MUTANT_SECONDS
                    if child.pipe in ready or is_late:
                        children.remove(child)
                        yield self._finish(child)
        finally:
            for child in children:
                self._finish(child)

    def _start(self, job: _Job) -> _Child:
        self._count += 1
        database = f"mutant_{self._count}"
        reader, writer = os.pipe()
        pid = os.fork()
        if pid == 0:
            self._work(job, database, writer)
        os.close(writer)
        return _Child(job, pid, reader, database, time.monotonic())

    def _work(self, job: _Job, database: str, pipe: int) -> None:
        """Be the child: run the tests, tell the parent, and end."""
        try:
            quiet = os.open(os.devnull, os.O_WRONLY)
            os.dup2(quiet, 1)
            os.dup2(quiet, 2)
            with os.fdopen(pipe, "w", encoding="utf-8") as stream:
                json.dump(asdict(self._result(job, database)), stream)
        finally:
            # Not sys.exit: the parent's stack is not ours to stop.
            os._exit(0)

    def _result(self, job: _Job, database: str) -> Result:
        begun = time.monotonic()
        test = said = ""
        try:
            self._original.clone(database)
            with self._original.connect(database) as connection:
                connection.execute("set search_path = ''")
                connection.execute(job.mutant.sql.encode())
        except psycopg.Error as error:
            outcome: Outcome = "error"
            said = str(error)
        else:
            status = self._original.clone_status(database)
            failures = self._suite.failures(job.tests, status, most=job.most_failures)
            outcome = "killed" if failures else "survived"
            test = failures[0][0] if failures else ""
            said = "\n".join(": ".join(failure) for failure in failures)
        return Result(job.mutant.id, outcome, round(time.monotonic() - begun, 2), test, said)

    def _finish(self, child: _Child) -> Result:
        """Hear what a child says, or end it when it is late or not wanted any more."""
        seconds = round(time.monotonic() - child.started, 2)
        ready, _, _ = select.select([child.pipe], [], [], 0)
        if not ready:
            with suppress(ProcessLookupError):
                os.kill(child.pid, signal.SIGKILL)
        with os.fdopen(child.pipe, encoding="utf-8") as stream:
            answer = stream.read()
        os.waitpid(child.pid, 0)
        self._original.drop(child.database)
        if not ready:
            return Result(child.job.mutant.id, "timeout", seconds)
        if not answer:
            return Result(child.job.mutant.id, "error", seconds, said="The child ended early.")
        return Result(**json.loads(answer))
