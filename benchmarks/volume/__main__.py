"""Do the plans of client queries hold with 100k users and a million résumés?

    make plans                                   (or: python -m benchmarks.volume --help)

Fills a scratch stack, runs every query of benchmarks/volume/patterns.py as one ordinary user, and
prints its time and what is wrong in its plans. Ends with exit code 1 if anything is.
"""

import argparse
import hashlib
import shutil
import statistics
import sys
import tempfile
from pathlib import Path

import psycopg

from benchmarks.volume.load import Volume, fill
from benchmarks.volume.patterns import PATTERNS
from benchmarks.volume.plans import Finding, check_the_check, explain, large_tables, prepare
from cli.stack import postgres, secrets
from cli.stack.layout import Layout
from cli.stack.ports import free_base
from cli.stack.supervisor import Stack

ROOT = Path(__file__).resolve().parent.parent.parent
RUNS = 5


def main() -> int:
    """Fill, ask, print; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--users", type=int, default=100_000)
    parser.add_argument("--resumes", type=int, default=1_000_000)
    arguments = parser.parse_args()
    volume = Volume(arguments.users, arguments.resumes)
    home = Path(tempfile.mkdtemp(prefix="resumebase-volume-"))
    port = free_base()
    stack = Stack(root=ROOT, state_dir=home / "state", port_base=port)
    try:
        stack.up(without=frozenset({"worker", "http"}))
        kept = secrets.load(Layout(home / "state"))
        assert kept is not None, "a running stack has secrets"

        def connect() -> psycopg.Connection:
            return postgres.connect(port + 1, kept.supabase_admin_password)

        seconds = fill(connect, volume)
        sys.stdout.write(f"{volume.users} users, {volume.resumes} résumés: {seconds:.0f} s\n")
        return report(ask_all(connect()))
    finally:
        stack.destroy()
        shutil.rmtree(home, ignore_errors=True)


def ask_all(connection: psycopg.Connection) -> list[Finding]:
    """Run every pattern a few times as one user in the middle of the data."""
    prepare(connection)
    large = large_tables(connection)
    user, resume = connection.execute(
        "select user_id::text, id::text from public.resumes "
        "where id = md5('resume4321')::uuid and deleted_at is null"
    ).fetchall()[0]
    values = {"user": user, "resume": resume, "slug": hashlib.md5(b"share57").hexdigest()}
    for name, sql in {
        "job": "select id::text from public.jobs where user_id = %s limit 1",
        "session": "select id::text from public.interview_sessions where user_id = %s limit 1",
    }.items():
        ((values[name],),) = connection.execute(sql, [user]).fetchall()
    unnoticed = check_the_check(connection, values, large)
    if unnoticed:
        raise SystemExit(f"This benchmark does not notice: {', '.join(unnoticed)}")
    findings = []
    for name, sql in PATTERNS.items():
        rounds = [explain(connection, name, sql, values, large) for _ in range(RUNS)]
        rounds[-1].milliseconds = statistics.median(r.milliseconds for r in rounds)
        findings.append(rounds[-1])
    return findings


def report(findings: list[Finding]) -> int:
    """Print a line for each pattern; return 1 if any plan is wrong."""
    sys.stdout.write(f"{'query':42}{'median ms':>10}{'plans':>7}  faults\n")
    for finding in findings:
        faults = "; ".join(sorted(set(finding.faults))) or "none"
        sys.stdout.write(
            f"{finding.name:42}{finding.milliseconds:>10.2f}{finding.plans:>7}  {faults}\n"
        )
    return int(any(finding.faults for finding in findings))


if __name__ == "__main__":
    sys.exit(main())
